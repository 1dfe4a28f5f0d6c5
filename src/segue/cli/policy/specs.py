"""`segue lint`, `plan`, `diff`, `apply`: is the file right, how long will it take, what would change, begin."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from segue.cli.options import Dry, HomeFolder, Server, SpecFile, desk_at, who
from segue.cli.output import Output, errors, say, show_one
from segue.errors import DomainError, SpecError
from segue.ports.span import Span
from segue.spec.load import lint as problems_of
from segue.spec.load import load
from segue.spec.rollout import Rollout
from segue.wiring import Home, control_of, home_at, stores_of

if TYPE_CHECKING:
    from segue.api.desk import Desk
    from segue.api.remote import RemoteDesk
    from segue.facts.decision import Spending
    from segue.planning.assumptions import Assumed

_Many = tuple[str, ...]
Page = Annotated[Path | None, Parameter(name="--html", help="Also write a page with pictures, whole in one file.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What a plan or a simulation is told of the world; each field is an option."""

    traffic: Annotated[str, Parameter(help="Requests of the route: `100000/day`, `5000/hour`, `20/second`.")] = ""
    units: Annotated[str, Parameter(help="New units (users) of the route; without it, each request is one.")] = ""
    baseline: Annotated[
        _Many, Parameter(negative="", help="The champion's value: `accuracy=91%`, `revenue=12,30` (mean, spread).")
    ] = ()
    differ: Annotated[_Many, Parameter(negative="", help="Pairs in which one is right and the other not: `accuracy=7%`.")] = ()
    counted: Annotated[
        _Many, Parameter(negative="", help="Answers that a ratio counts: `precision=20%` predicted positives.")
    ] = ()
    population: Annotated[_Many, Parameter(negative="", help="Part of the requests: `tier == 'vip'=4%`.")] = ()
    observed: Annotated[
        str, Parameter(help="A rollout, or a route for its newest one, whose data tell what is not said here.")
    ] = ""


NOTHING: Final = Supposed()


def text_of(file: Path) -> str:
    """The file's text; `-` is the standard input.

    Raises:
        DomainError: it cannot be read.
    """
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise DomainError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DomainError(f"{file} cannot be read: {error}") from error


def loaded(file: Path) -> Rollout:
    """The spec of a file.

    Raises:
        SpecError: everything that is wrong with it.
    """
    return load(text_of(file), str(file))


def lint(file: SpecFile, *, output: Output = "table") -> int:
    """Check a rollout file: every error at once, with its line, and what it might have meant."""
    text = text_of(file)
    problems = problems_of(text)
    if output in {"json", "yaml"}:
        rows = [
            {"file": str(file), "line": p.line, "column": p.column, "path": p.path, "message": p.message, "hint": p.hint}
            for p in problems
        ]
        show_one(rows, output, "")
        return 1 if problems else 0
    if problems:
        for problem in problems:
            print(f"{file}:{problem}")
        errors.print(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}", style="red")
        return 1
    spec = load(text, str(file))
    stages = ", ".join(stage.name for stage in spec.stages)
    print(f"{file}: route {spec.route}, {len(spec.stages)} stages ({stages}), digest {spec.digest}")
    missing = _not_built(spec)
    for sentence in () if missing else _weights(spec):
        say(f"  {sentence}")
    for note in missing:
        say(f"  not built yet, `segue apply` will refuse it: {note}")
    return 0


def _weights(spec: Rollout) -> tuple[str, ...]:
    """What each of several guardrails weighs, and why; of one alone it makes no difference."""
    from segue.decide.budget import ledger
    from segue.decide.gates.weights import weighed

    return weighed(spec, ledger(spec)) if len(spec.guardrails) > 1 else ()


def _not_built(spec: Rollout) -> list[str]:
    from segue.monitor.begin import check
    from segue.spec.unbuilt import unbuilt

    known = [str(problem) for problem in unbuilt(spec)]
    if known:
        return known
    try:
        check(spec)
    except SpecError as error:
        return [problem.message for problem in error.problems]
    return []


def plan(
    file: SpecFile,
    *,
    supposed: Supposed = NOTHING,
    html: Page = None,
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """Sample sizes, days, labels and power of every gate of a rollout, before or while it runs."""
    from segue.planning.plan import plan as planned
    from segue.planning.words import told

    spec = loaded(file)
    assumed = assumed_of(spec, supposed, home)
    kept = _amended(spec, supposed.observed, home) if supposed.observed else ()
    found = planned(spec, assumed, lambda what: say(f"planning: {what}"), kept)
    if html is not None:
        from segue.planning.page import page

        html.write_text(page(found), encoding="utf-8")
        say(f"page: {html}")
    show_one(found, output, told(found, wide=output == "wide"))


def assumed_of(spec: Rollout, supposed: Supposed, home: Path | None) -> "Assumed":
    """What these options say of the world, and, where they say nothing, what an observed rollout has shown.

    Raises:
        DomainError: an option that cannot be read.
        NotFound: no such rollout.
    """
    from segue.planning.assumptions import Assumed, baselines, per_day, shares

    assumed = Assumed(
        requests=per_day(supposed.traffic) if supposed.traffic else None,
        units=per_day(supposed.units) if supposed.units else None,
        baselines=baselines(supposed.baseline, spec),
        differ=shares(supposed.differ, spec),
        counted=shares(supposed.counted, spec),
        populations=shares(supposed.population),
    )
    return assumed.or_else(_observed(spec, supposed.observed, home)) if supposed.observed else assumed


def _observed(spec: Rollout, name: str, home: Path | None) -> "Assumed":
    from segue.monitor.begin import find
    from segue.planning.observed import observed

    place = home_at(home)
    with stores_of(place) as stores:
        control = control_of(place, stores)
        state = find(control, name).state
        rollout = state.rollout
        return observed(
            spec,
            state,
            decisions=stores.rollouts.decisions(rollout),
            cells=stores.summaries.cells(rollout),
            allocations=stores.allocations.allocations(state.route, rollout=rollout),
        )


def _amended(spec: Rollout, name: str, home: Path | None) -> "tuple[Spending, ...]":
    """The ledger of a live rollout as this spec would leave it; nothing of one that is over, or cannot be amended so."""
    from segue.decide.gates.amending import amendment
    from segue.decide.machine import LIVE
    from segue.monitor.begin import find

    place = home_at(home)
    with stores_of(place) as stores:
        loaded = find(control_of(place, stores), name)
    state = loaded.state
    if state.phase not in LIVE:
        return ()
    if state.spec_digest == spec.digest:
        return state.ledger
    try:
        changed = amendment(load(loaded.source), state, spec)
    except DomainError as error:
        say(f"note: {state.rollout} is live and would not be amended to this: {error.message}")
        return ()
    for line in changed.lines:
        say(f"amends {state.rollout}: {line}")
    return changed.ledger


def diff(file: SpecFile, *, output: Output = "table", server: Server = "", home: HomeFolder = None) -> int:
    """What differs between a file and the route's newest rollout; status 1 where something does."""
    from segue.api.views import SpecAsked

    with desk_at(home, server) as desk:
        found = desk.diff(SpecAsked(spec=text_of(file), name=str(file)))
    text = "\n".join(str(change) for change in found.changes) or f"the same as {found.rollout}"
    show_one(found.changes, output, text)
    return 1 if found.changes else 0


def apply(file: SpecFile, *, dry_run: Dry = False, server: Server = "", home: HomeFolder = None) -> None:
    """Begin a rollout; the same file again while it is live changes nothing, with another guardrail or gate it amends it."""
    with desk_at(home, server) as desk:
        _begin(desk, file, dry_run=dry_run)


def begin(place: Home, file: Path) -> str:
    """Begin the file's rollout in an installation's own store, or go on with it; returns its id. For `segue up`.

    One that is over is not begun anew: a machine that starts again would take its users back to the version before.
    """
    from segue.api.opening import desk_of
    from segue.decide.machine import TERMINAL

    spec = loaded(file)
    with desk_of(place, who()) as desk:
        newest = next(iter(desk.rollouts(spec.route, span=Span(most=1))), None)
        if newest is not None and newest.phase in TERMINAL and newest.spec_digest == spec.digest:
            again = f"`segue apply -f {file}` begins it anew"
            say(f"{newest.rollout} with this very spec is over: {newest.phase}; what it left is served, {again}")
            return newest.rollout
        return _begin(desk, file, dry_run=False)


def _begin(desk: "Desk | RemoteDesk", file: Path, *, dry_run: bool) -> str:
    from segue.api.views import SpecAsked

    applied = desk.apply(SpecAsked(spec=text_of(file), name=str(file), dry_run=dry_run))
    for note in applied.notes:
        say(f"note: {note}")
    if applied.amended:
        print(f"{'would amend' if dry_run else 'amends'} {applied.rollout}{'' if dry_run else ' at its next tick'}:")
        for change in applied.amended:
            print(f"  {change}")
    elif dry_run:
        print(f"would begin {applied.rollout}" if applied.rollout else "nothing to do")
    elif applied.created:
        print(f"{applied.rollout} begun: {', '.join(applied.stages)}")
    else:
        print(f"{applied.rollout} is live with this very spec")
    return applied.rollout
