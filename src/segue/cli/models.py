"""`segue model`: which versions are there, and which one is the champion?"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from segue.cli.data.profiles import LabelColumn, LeftOut, Positive, ProfileFile, ScoreColumn, TruthColumn, listing, read_profile
from segue.cli.options import Dry, HomeFolder, ModelName, Reason, Server, VersionName, models_at
from segue.cli.output import Listing, Output, say, show
from segue.errors import DomainError

if TYPE_CHECKING:
    from segue.api.views import Loading

app = App(name="model", help="Versions and aliases in the registry.")
_ELSEWHERE = "served elsewhere"


@app.command
def register(
    model: ModelName,
    version: VersionName,
    *,
    factory: Annotated[
        str, Parameter(help="`module:function` that is given the artifact folder and returns the model.", show_default=False)
    ] = "",
    artifact: Annotated[Path | None, Parameter(help="Folder with what the factory loads.")] = None,
    path: Annotated[Path | None, Parameter(help="Folder to import the factory's module from.")] = None,
    warmup: Annotated[Path | None, Parameter(help="File with an example request (JSON) for warm-up and probe.")] = None,
    tag: Annotated[list[str] | None, Parameter(negative="", help="`key=value`, may be repeated.")] = None,
    profile: ProfileFile = None,
    profile_label: LabelColumn = "",
    profile_score: ScoreColumn = "",
    profile_truth: TruthColumn = "",
    profile_positive: Positive = "1",
    profile_without: LeftOut = None,
    unchecked: Annotated[
        bool, Parameter(negative="", help="Do not import the factory on this machine, where it lacks what hosts have.")
    ] = False,
    dry_run: Dry = False,
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """Enter a version of a model; the artifact's digest is kept, so that a changed folder is noticed.

    Without --factory and --artifact it is one that somebody else serves: rollout files give its variant a `url`. A factory
    is imported on this machine as a host would, in a process of its own; where it cannot be, nothing is registered, since a
    version stays as it is.
    """
    from segue.api.views import VersionAsked
    from segue.ports.registry import require_named
    from segue.spec.document.head import VERSION_NUMBER

    if factory:
        require_named(factory)
    if bool(factory) != (artifact is not None):
        lacking = "an artifact" if factory else "a factory"
        raise DomainError(f"the version lacks {lacking}", hint="give both, or neither where somebody else serves it")
    if artifact is None and (path is not None or warmup is not None):
        raise DomainError("--path and --warmup are for a host that loads the version", hint="with --factory and --artifact")
    if not re.fullmatch(VERSION_NUMBER, version):
        say(f"note: rollout files name versions by number, as models:/{model}/8; {version} can be named by an alias only")
    loading = None if artifact is None else _loading(factory, artifact, path, warmup)
    if loading is not None and not unchecked:
        _check(loading)
    trained = None
    if profile is not None:
        roles = {"label": profile_label, "score": profile_score, "truth": profile_truth, "positive": profile_positive}
        trained = read_profile(profile, **roles, left_out=profile_without)
    asked = VersionAsked(version=version, loading=loading, tags=_tags(tag or []), profile=trained, dry_run=dry_run)
    seen = "" if trained is None else f", profile of {len(trained.columns)} columns of {trained.rows:,} rows"
    with models_at(home, server) as desk:
        made = desk.register(model, asked)
    if dry_run:
        what = f"{factory} on {loading.artifact} ({loading.digest[:12]})" if loading else _ELSEWHERE
        say(f"would register {model} {version}: {what}{seen}")
        return
    print(f"{made.model} {made.version} registered ({made.digest[:12] if loading else _ELSEWHERE}){seen}")


def _loading(factory: str, artifact: Path, path: Path | None, warmup: Path | None) -> "Loading":
    from segue.api.views import Loading
    from segue.host.artifact import folder_digest

    if not artifact.is_dir():
        raise DomainError(f"{artifact} is no folder")
    folder = artifact.resolve()
    return Loading(
        factory=factory,
        artifact=str(folder),
        digest=folder_digest(folder),
        path=str(path.resolve()) if path else "",
        warmup=_example(warmup) if warmup else "",
    )


def _check(loading: "Loading") -> None:
    from segue.cli.serving.factories import require_factory

    folder = Path(loading.path) if loading.path else None
    if folder is not None and not folder.is_dir():
        raise DomainError(f"{folder} is no folder", hint="where it is one on the hosts' machine only: --unchecked")
    if require_factory(loading.factory, folder):
        module = loading.factory.partition(":")[0]
        say(f"note: {module} was found because it lies in this folder; a host finds it only if it is started here")
        say("  hint: --path . has every host of this machine look here")


def _example(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise DomainError(f"{file} cannot be read: {error.strerror}") from error


def _tags(pairs: list[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise DomainError(f"{pair!r} is no tag", hint="key=value, such as team=risk")
    return dict(pair.split("=", 1) for pair in pairs)


@app.command(name="profile")
def profile_(
    model: ModelName, version: VersionName, *, output: Output = "table", server: Server = "", home: HomeFolder = None
) -> None:
    """What a version saw in training: each column's bins and counts, as they are kept for comparisons."""
    with models_at(home, server) as desk:
        found = desk.profile(model, version)
    say(f"{found.rows:,} rows of {found.source}" + (", calibrated" if found.calibration else ""))
    show(listing(found), output)


@app.command(name="list")
def list_(model: ModelName = "", *, output: Output = "table", server: Server = "", home: HomeFolder = None) -> None:
    """The versions of all models, or of one, with the aliases that point at them."""
    with models_at(home, server) as desk:
        rows: list[dict[str, object]] = [
            {
                "id": f"{entry.model}/{entry.version}",
                "model": entry.model,
                "version": entry.version,
                "aliases": entry.aliases,
                "registered": entry.registered_at.isoformat(timespec="seconds"),
                "factory": entry.factory,
                "artifact": entry.artifact,
                "digest": entry.digest,
                "tags": entry.tags,
            }
            for entry in desk.versions(model)
        ]
    columns = {"model": "model", "version": "version", "aliases": "aliases", "registered": "registered", "factory": "factory"}
    wide = {"artifact": "artifact", "digest": "digest", "tags": "tags"}
    show(Listing(rows=rows, name="id", columns=columns, wide=wide, empty="no version is registered"), output)


@app.command
def alias(
    model: ModelName,
    name: Annotated[str, Parameter(help="The alias, such as `champion`.")],
    version: VersionName,
    *,
    reason: Reason = "",
    dry_run: Dry = False,
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """Point an alias at a version; serving follows where a spec names the alias."""
    from segue.api.views import AliasAsked

    with models_at(home, server) as desk:
        found = desk.move(model, name, AliasAsked(version=version, reason=reason, dry_run=dry_run))
    if found.before == version:
        print(f"{model}@{name} is {version} already")
    elif dry_run:
        say(f"would move {model}@{name} from {found.before or 'nothing'} to {version}")
    else:
        print(f"{model}@{name} moved from {found.before or 'nothing'} to {version}")


@app.command
def history(model: ModelName, *, output: Output = "table", server: Server = "", home: HomeFolder = None) -> None:
    """Every move of the model's aliases: who, when, why, on what evidence."""
    with models_at(home, server) as desk:
        rows: list[dict[str, object]] = [
            {
                "at": move.at.isoformat(timespec="seconds"),
                "alias": move.alias,
                "from": move.before,
                "to": move.after,
                "who": move.who,
                "why": move.why,
                "evidence": move.evidence,
            }
            for move in desk.moves(model)
        ]
    columns = {"at": "at", "alias": "alias", "from": "from", "to": "to", "who": "who", "why": "why"}
    show(Listing(rows=rows, name="at", columns=columns, wide={"evidence": "evidence"}, empty="no alias was moved"), output)


@app.command
def timeline(model: ModelName, *, output: Output = "table", server: Server = "", home: HomeFolder = None) -> None:
    """Each version's way to market, out of the audit log: registered, in the shadow, served, promoted, and how long it took."""
    from segue.decide.walk import span

    with models_at(home, server) as desk:
        found = desk.timeline(model)
    times = ("registered_at", "shadowed_at", "served_at", "promoted_at")
    rows: list[dict[str, object]] = [
        {
            "version": it.version,
            **{name: at.isoformat(timespec="seconds") if (at := getattr(it, name)) else None for name in times},
            "days": it.days_to_market,
            "took": None if it.days_to_market is None else span(it.days_to_market * 86_400),
            "rollout": it.rollout,
        }
        for it in found
    ]
    columns = {"version": "version", "registered": "registered_at", "shadow": "shadowed_at", "first served": "served_at"}
    columns |= {"promoted": "promoted_at", "to market in": "took"}
    show(Listing(rows=rows, name="version", columns=columns, wide={"rollout": "rollout"}), output)
