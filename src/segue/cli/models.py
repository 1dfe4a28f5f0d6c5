"""`segue model`: which versions are there, and which one is the champion?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.data.profiles import LabelColumn, LeftOut, Positive, ProfileFile, ScoreColumn, TruthColumn, listing, read_profile
from segue.cli.data.versions import profile_of
from segue.cli.options import Dry, HomeFolder, Reason, who
from segue.cli.output import Listing, Output, say, show
from segue.errors import DomainError, NotFound
from segue.wiring import home_at, stores_of

app = App(name="model", help="Versions and aliases in the registry.")


@app.command
def register(
    model: str,
    version: str,
    *,
    factory: Annotated[str, Parameter(help="module:function that is given the artifact folder and returns the model")],
    artifact: Annotated[Path, Parameter(help="folder with what the factory loads")],
    path: Annotated[Path | None, Parameter(help="folder to import the factory's module from")] = None,
    warmup: Annotated[Path | None, Parameter(help="file with an example request (JSON) for warm-up and probe")] = None,
    tag: Annotated[list[str] | None, Parameter(help="key=value, may be repeated")] = None,
    profile: ProfileFile = None,
    profile_label: LabelColumn = "",
    profile_score: ScoreColumn = "",
    profile_truth: TruthColumn = "",
    profile_positive: Positive = "1",
    profile_without: LeftOut = None,
    dry_run: Dry = False,
    home: HomeFolder = None,
) -> None:
    """Enter a version of a model; the artifact's digest is kept, so that a changed folder is noticed."""
    from segue.facts.wire.codec import to_json
    from segue.host.artifact import folder_digest
    from segue.ids import digest
    from segue.ports.registry import ModelVersion

    if ":" not in factory:
        raise DomainError(f"{factory!r} names no function", hint="module:function, such as my_models:load")
    if not artifact.is_dir():
        raise DomainError(f"{artifact} is no folder")
    trained = None
    if profile is not None:
        roles = {"label": profile_label, "score": profile_score, "truth": profile_truth, "positive": profile_positive}
        trained = read_profile(profile, **roles, left_out=profile_without)
    entry = ModelVersion(
        model=model,
        version=version,
        factory=factory,
        artifact=str(artifact.resolve()),
        digest=folder_digest(artifact.resolve()),
        registered_at=datetime.now(UTC),
        path=str(path.resolve()) if path else "",
        warmup=warmup.read_text() if warmup else "",
        tags=dict(pair.split("=", 1) for pair in tag or []),
        profile="" if trained is None else digest(to_json(trained)),
    )
    seen = "" if trained is None else f", profile of {len(trained.columns)} columns of {trained.rows:,} rows"
    if dry_run:
        say(f"would register {model} {version}: {factory} on {entry.artifact} ({entry.digest[:12]}){seen}")
        return
    with stores_of(home_at(home)) as stores:
        stores.registry.register(entry)
        if trained is not None:
            stores.profiles.keep(model, version, trained)
    print(f"{model} {version} registered ({entry.digest[:12]}){seen}")


@app.command(name="profile")
def profile_(model: str, version: str, *, output: Output = "table", home: HomeFolder = None) -> None:
    """What a version saw in training: each column's bins and counts, as they are kept for comparisons."""
    with stores_of(home_at(home)) as stores:
        found = profile_of(stores, f"{model}/{version}")
    say(f"{found.rows:,} rows of {found.source}" + (", calibrated" if found.calibration else ""))
    show(listing(found), output)


@app.command(name="list")
def list_(model: str = "", *, output: Output = "table", home: HomeFolder = None) -> None:
    """The versions of all models, or of one, with the aliases that point at them."""
    with stores_of(home_at(home)) as stores:
        aliases = stores.registry.aliases(model)
        rows: list[dict[str, object]] = [
            {
                "id": f"{entry.model}/{entry.version}",
                "model": entry.model,
                "version": entry.version,
                "aliases": [alias for name, alias, at in aliases if (name, at) == (entry.model, entry.version)],
                "registered": entry.registered_at.isoformat(timespec="seconds"),
                "factory": entry.factory,
                "artifact": entry.artifact,
                "digest": entry.digest,
                "tags": entry.tags,
            }
            for entry in stores.registry.versions(model)
        ]
    columns = {"model": "model", "version": "version", "aliases": "aliases", "registered": "registered", "factory": "factory"}
    wide = {"artifact": "artifact", "digest": "digest", "tags": "tags"}
    show(Listing(rows=rows, name="id", columns=columns, wide=wide, empty="no version is registered"), output)


@app.command
def alias(
    model: str,
    name: str,
    version: str,
    *,
    reason: Reason = "",
    dry_run: Dry = False,
    home: HomeFolder = None,
) -> None:
    """Point an alias at a version; serving follows where a spec names the alias."""
    from segue.ports.registry import AliasMove

    with stores_of(home_at(home)) as stores:
        known = [entry.version for entry in stores.registry.versions(model)]
        if version not in known:
            raise NotFound(f"{model} has no version {version!r}", hint=f"it has {', '.join(known) or 'none'}")
        before = stores.registry.alias(model, name) or ""
        if dry_run:
            say(f"would move {model}@{name} from {before or 'nothing'} to {version}")
            return
        if before == version:
            print(f"{model}@{name} is {version} already")
            return
        now = datetime.now(UTC)
        move = AliasMove(model=model, alias=name, before=before, after=version, who=who(), why=reason, at=now)
        stores.registry.move(move)
    print(f"{model}@{name} moved from {before or 'nothing'} to {version}")


@app.command
def history(model: str, *, output: Output = "table", home: HomeFolder = None) -> None:
    """Every move of the model's aliases: who, when, why, on what evidence."""
    with stores_of(home_at(home)) as stores:
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
            for move in stores.registry.moves(model)
        ]
    columns = {"at": "at", "alias": "alias", "from": "from", "to": "to", "who": "who", "why": "why"}
    show(Listing(rows=rows, name="at", columns=columns, wide={"evidence": "evidence"}, empty="no alias was moved"), output)


@app.command
def timeline(model: str, *, output: Output = "table", home: HomeFolder = None) -> None:
    """Each version's way to market, out of the audit log: registered, in the shadow, served, promoted, and how long it took."""
    from segue.cli.data.audit import all_entries
    from segue.monitor.telling.market import milestones

    with stores_of(home_at(home)) as stores:
        found = milestones(all_entries(stores), model)
    if not found:
        raise NotFound(f"the log knows no version of {model!r}", hint="segue model list")
    times = ("registered_at", "shadowed_at", "served_at", "promoted_at")
    rows: list[dict[str, object]] = [
        {
            "version": it.version,
            **{name: at.isoformat(timespec="seconds") if (at := getattr(it, name)) else None for name in times},
            "days": it.days_to_market,
            "rollout": it.rollout,
        }
        for it in found
    ]
    columns = {"version": "version", "registered": "registered_at", "shadow": "shadowed_at", "first served": "served_at"}
    columns |= {"promoted": "promoted_at", "days to market": "days"}
    show(Listing(rows=rows, name="version", columns=columns, wide={"rollout": "rollout"}), output)
