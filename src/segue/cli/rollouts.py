"""`segue get | describe | watch | status | history | explain`: where does a rollout stand, and why?"""

import time
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter

from segue.cli.catalogue import METRICS, describe_metrics
from segue.cli.options import HomeFolder, Server, desk_at, looked_into
from segue.cli.output import Format, Listing, Output, say, show, show_one
from segue.errors import DomainError
from segue.facts.decision import Decision, Phase

if TYPE_CHECKING:
    from segue.api.views import RolloutView

Name = Annotated[str, Parameter(help="A rollout, or a route for its newest one.")]
DecisionId = Annotated[str, Parameter(help="A decision's id, from `segue history`.")]
Timeout = Annotated[float, Parameter(help="Real seconds to wait at most; 0 for ever.")]

STATUS: Final[dict[Phase, int]] = {
    "rolled_back": 2,
    "aborted": 2,
    "held": 3,
    "awaiting_approval": 3,
    "paused": 3,
    "champion_unhealthy": 3,
}
"""Phase -> exit status of `segue status`; 0 for the others."""


def get(
    name: Annotated[str, Parameter(help="A route.")] = "",
    *,
    output: Output = "table",
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """All rollouts, newest first."""
    with desk_at(home, server) as desk:
        rows = [_row(view, output) for view in desk.rollouts(name)]
    columns = {"rollout": "rollout", "phase": "phase", "stage": "stage", "step": "step", "shares": "shares", "since": "since"}
    wide = {"champion": "champion_version", "candidate": "candidate_version", "decisions": "decisions", "spec": "spec_digest"}
    empty = f"there is no rollout {f'of {name} ' if name else ''}yet; {looked_into(home, server)}"
    show(Listing(rows=rows, name="rollout", columns=columns, wide=wide, empty=empty), output)


def _row(view: "RolloutView", output: Format) -> dict[str, object]:
    """A rollout for a listing; shares are in percent where people read them."""
    row: dict[str, object] = msgspec.to_builtins(view)
    row["since"] = view.since.isoformat(timespec="seconds")
    if output in {"table", "wide"}:
        from segue.decide.gates.texts import percent

        row["shares"] = {name: percent(share) for name, share in view.shares.items()}
    return row


def status(
    name: Annotated[str, Parameter(help="A rollout, or a route for its newest one; without it, a line for each route.")] = "",
    *,
    wait: Annotated[bool, Parameter(negative="", help="Return when it is over, or waits for a person.")] = False,
    timeout: Timeout = 0.0,
    output: Output = "table",
    server: Server = "",
    home: HomeFolder = None,
) -> int:
    """One line, and a status for scripts: 0 well or promoted, 2 rolled back, 3 held or waiting for a person.

    Without a name: every live rollout, and of a route that has none its newest one; the status is 0 then.
    """
    from segue.decide.machine import LIVE

    if not name:
        _standings(wait, output, server, home)
        return 0
    ends_s = time.monotonic() + timeout if timeout else float("inf")
    with desk_at(home, server) as desk:
        found = desk.rollout(name)
        view = found.view
        while wait and view.phase in LIVE and view.phase not in STATUS:
            if time.monotonic() > ends_s:
                say(f"{view.rollout} is still {view.phase} in stage {view.stage} after {timeout:g} s")
                return 4
            time.sleep(0.25)
            found = desk.rollout(name)
            view = found.view
    began = f"{view.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    text = f"{view.rollout} is {view.phase.replace('_', ' ')} in stage {view.stage}, which began {began}"
    show_one(_row(view, output), output, text, view.rollout)
    for verdict in found.last.verdicts if found.last and view.phase in LIVE else ():
        if verdict.warning:
            say(f"warning: {verdict.text}: {verdict.warning}")
    return STATUS.get(view.phase, 0)


def _standings(wait: bool, output: Output, server: str, home: Path | None) -> None:
    """How each route stands."""
    from segue.decide.walk import span
    from segue.wiring import clock_here

    if wait:
        raise DomainError("which rollout is waited for?", hint="segue status ROLLOUT --wait")
    with desk_at(home, server) as desk:
        views = desk.rollouts(standing=True)
    now = clock_here().now()
    rows = [_row(view, output) | {"age": span(max((now - view.since).total_seconds(), 0.0))} for view in views]
    columns = {"route": "route", "rollout": "rollout", "phase": "phase", "stage": "stage", "age": "age"}
    wide = {"step": "step", "shares": "shares", "since": "since"}
    empty = f"there is no rollout yet; {looked_into(home, server)}"
    show(Listing(rows=rows, name="rollout", columns=columns, wide=wide, empty=empty), output)


def describe(
    name: Annotated[str, Parameter(help="A rollout, a route for its newest one, or `metrics` for the catalogue.")],
    kind: Annotated[str, Parameter(help="After `metrics`: the one kind to describe.")] = "",
    *,
    output: Output = "table",
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """A rollout with its gates: each verdict with its numbers; wide: its error budget. Or `metrics`: what can be measured."""
    if name == METRICS:
        describe_metrics(kind, output)
        return
    from segue.monitor.telling.explain import describe as as_text
    from segue.monitor.telling.explain import spending
    from segue.spec.load import load

    with desk_at(home, server) as desk:
        found = desk.rollout(name)
    row, last = _row(found.view, output), found.last
    row["verdicts"] = list(last.verdicts) if last else []
    row["workers"] = list(found.workers)
    spec = load(found.spec_source)
    text = as_text(spec, found.state, last)
    wide = f"{text}\n{spending(spec, found.state)}"
    show_one(row, output, wide if output == "wide" else text, found.view.rollout)


def promotions(
    *,
    since: Annotated[str, Parameter(help="Of rollouts that began so long ago at most.")] = "90d",
    fdr: Annotated[str, Parameter(help="The share of false ones that those that stand may hold, on average.")] = "5%",
    output: Output = "table",
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """Which promotions of a period hold up together: the rate of false ones among them is held, not that of each rollout."""
    from segue.monitor.telling.promotions import Walked, together
    from segue.spec.load import load
    from segue.spec.quantity import share, stream_seconds

    span_s, rate = float(stream_seconds(since)), float(share(fdr))
    with desk_at(home, server) as desk:
        details = [desk.rollout(view.rollout) for view in desk.rollouts()]
        newest = max((it.last.at for it in details if it.last), default=None)
        within = [it for it in details if newest is None or (newest - it.state.created_at).total_seconds() <= span_s]
        found = together(
            (
                Walked(spec=load(it.spec_source), state=it.state, decisions=tuple(desk.decisions(it.state.rollout)))
                for it in within
            ),
            rate=rate,
        )
    tried = f"{found.tried} candidate{'' if found.tried == 1 else 's'} tried"
    say(f"{tried}; of those that stand, at most {100 * rate:.3g} % are false, on average")
    rows: list[dict[str, object]] = [
        msgspec.to_builtins(it) | {"at": it.at.isoformat(timespec="seconds"), "stands": "yes" if it.stands else "no"}
        for it in found.promotions
    ]
    columns = {"rollout": "rollout", "version": "version", "promoted": "at", "log e": "log_e", "stands": "stands"}
    wide = {"alone it takes": "needs", "weakest gate": "weakest", "now": "phase"}
    show(Listing(rows=rows, name="rollout", columns=columns, wide=wide, empty="nothing was promoted"), output)


def history(
    name: Name,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative="", help="The holds too.")] = False,
    output: Output = "table",
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """Every decision of a rollout, oldest first."""
    with desk_at(home, server) as desk:
        decisions = [decision for decision in desk.decisions(name) if all_ or decision.kind != "hold"]
    rows = [_decision_row(decision) for decision in decisions]
    columns = {"id": "id", "at": "at", "what": "kind", "from": "from", "to": "to", "why": "why"}
    show(Listing(rows=rows, name="id", columns=columns, wide={"by": "by"}, empty="no decision yet"), output)


def _decision_row(decision: Decision) -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(decision)
    row["at"] = decision.at.isoformat(timespec="seconds")
    row["from"] = f"{decision.from_phase}/{decision.from_stage}"
    row["to"] = f"{decision.to_phase}/{decision.to_stage}"
    row["why"] = decision.reasons[0]
    row["by"] = [act.who for act in decision.acts]
    return row


def explain(decision: DecisionId, *, output: Output = "table", server: Server = "", home: HomeFolder = None) -> None:
    """One decision: the rule, every number that it used, the data and the spec that it was made from."""
    with desk_at(home, server) as desk:
        found = desk.explained(decision)
    show_one(found.decision, output, found.text, decision)


def replay(decision: DecisionId, *, output: Output = "table", home: HomeFolder = None) -> int:
    """Measure and weigh again what a decision rests on, from the lake as it was known then; status 1 where a number differs."""
    from segue.monitor.telling.replay import replay as replayed
    from segue.monitor.telling.replay import told
    from segue.wiring import home_at, outside_of

    with outside_of(home_at(home)) as outside:
        found = outside.rollouts.decision(decision)
        again = replayed(outside, outside.rollouts.load(found.rollout), found)
    show_one(list(again), output, told(found, again))
    return 0 if all(it.same for it in again) else 1


def watch(name: Name, *, timeout: Timeout = 0.0, output: Output = "table", server: Server = "", home: HomeFolder = None) -> int:
    """Each decision as it is made, until the rollout is over; a line each, JSON lines with `-o json`."""
    from segue.decide.machine import TERMINAL

    ends_s = time.monotonic() + timeout if timeout else float("inf")
    seen = 0
    with desk_at(home, server) as desk:
        while True:
            view = desk.rollout(name).view
            for decision in desk.decisions(view.rollout, after=seen):
                seen = decision.number
                _print_line(decision, output)
            if view.phase in TERMINAL:
                return STATUS.get(view.phase, 0)
            if time.monotonic() > ends_s:
                say(f"{view.rollout} is still {view.phase} in stage {view.stage} after {timeout:g} s")
                return 4
            time.sleep(0.25)


def _print_line(decision: Decision, output: Output) -> None:
    if output == "json":
        print(msgspec.json.encode(decision).decode(), flush=True)
        return
    at = decision.at.isoformat(timespec="minutes")
    print(f"{at}  {decision.kind:<9} {decision.to_phase}/{decision.to_stage}: {decision.reasons[0]}", flush=True)
