"""`segue get | describe | watch | status | history | explain`: where does a rollout stand, and why?"""

import time
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter

from segue.cli.catalogue import METRICS, describe_metrics
from segue.cli.options import HomeFolder
from segue.cli.output import Listing, Output, out, show, show_one
from segue.errors import NotFound
from segue.facts.decision import Decision, Phase, State
from segue.wiring import control_of, home_at, stores_of

if TYPE_CHECKING:
    from segue.monitor.outside import Control
    from segue.ports.store import Loaded

Name = Annotated[str, Parameter(help="A rollout, or a route for its newest one.")]
DecisionId = Annotated[str, Parameter(help="A decision's id, from `segue history`.")]
Timeout = Annotated[float, Parameter(help="Real seconds to wait at most; 0 for ever.")]

STATUS: Final[dict[Phase, int]] = {"rolled_back": 2, "aborted": 2, "held": 3, "awaiting_approval": 3, "paused": 3}
"""Phase -> exit status of `segue status`; 0 for the others."""


def get(name: Annotated[str, Parameter(help="A route.")] = "", *, output: Output = "table", home: HomeFolder = None) -> None:
    """All rollouts, newest first."""
    place = home_at(home)
    with stores_of(place) as stores:
        control = control_of(place, stores)
        rows = [_row(control, loaded) for loaded in stores.rollouts.rollouts(name)]
    columns = {"rollout": "rollout", "phase": "phase", "stage": "stage", "step": "step", "shares": "shares", "since": "since"}
    wide = {"champion": "champion_version", "candidate": "candidate_version", "decisions": "decisions", "spec": "spec_digest"}
    show(Listing(rows=rows, name="rollout", columns=columns, wide=wide, empty="there is no rollout yet"), output)


def _row(control: "Control", loaded: "Loaded") -> dict[str, object]:
    from segue.spec.load import load

    state = loaded.state
    stages = load(loaded.spec_source).stages
    return {
        "rollout": state.rollout,
        "route": state.route,
        "phase": state.phase,
        "stage": stages[state.stage].name,
        "stages": [stage.name for stage in stages],
        "step": state.step,
        "shares": _shares(control, state),
        "since": state.entered_at.isoformat(timespec="seconds"),
        "champion_version": state.champion_version,
        "candidate_version": state.candidate_version,
        "decisions": state.decisions,
        "spec_digest": state.spec_digest,
    }


def _shares(control: "Control", state: State) -> dict[str, float]:
    from segue.assign.ownership import owned
    from segue.facts.allocation import BUCKETS

    try:
        directory = control.allocations.directory(state.route)
    except NotFound:
        return {}
    if directory is None:
        return {}
    return {variant: count / BUCKETS for variant, count in owned(directory.allocation.split.ranges).items()}


def status(name: Name, *, wait: bool = False, timeout: Timeout = 0.0, output: Output = "table", home: HomeFolder = None) -> int:
    """One line, and a status for scripts: 0 well or promoted, 2 rolled back, 3 held or waiting for a person."""
    from segue.decide.machine import LIVE
    from segue.monitor.begin import find

    place = home_at(home)
    ends_s = time.monotonic() + timeout if timeout else float("inf")
    with stores_of(place) as stores:
        control = control_of(place, stores)
        row = _row(control, find(control, name))
        while wait and row["phase"] in LIVE and row["phase"] not in STATUS:
            if time.monotonic() > ends_s:
                return 4
            time.sleep(0.25)
            row = _row(control, find(control, name))
    show_one(row, output, f"{row['rollout']} is {row['phase']} in stage {row['stage']} since {row['since']}")
    return STATUS.get(row["phase"], 0)  # type: ignore[call-overload,no-any-return]  # a phase, by `_row`


def describe(
    name: Annotated[str, Parameter(help="A rollout, a route for its newest one, or `metrics` for the catalogue.")],
    kind: Annotated[str, Parameter(help="After `metrics`: the one kind to describe.")] = "",
    *,
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """A rollout with its gates: each verdict with the numbers that it rests on. Or `metrics`: what can be measured, and how."""
    if name == METRICS:
        describe_metrics(kind, output)
        return
    from segue.monitor.begin import find
    from segue.monitor.telling.explain import describe as as_text
    from segue.spec.load import load

    place = home_at(home)
    with stores_of(place) as stores:
        control = control_of(place, stores)
        loaded = find(control, name)
        decisions = stores.rollouts.decisions(loaded.state.rollout)
        row = _row(control, loaded)
        workers = stores.allocations.reports(loaded.state.route)
    row["verdicts"] = list(decisions[-1].verdicts) if decisions else []
    row["workers"] = list(workers)
    show_one(row, output, as_text(load(loaded.spec_source), loaded.state, decisions[-1] if decisions else None))


def history(
    name: Name,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative="", help="The holds too.")] = False,
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """Every decision of a rollout, oldest first."""
    from segue.monitor.begin import find

    place = home_at(home)
    with stores_of(place) as stores:
        rollout = find(control_of(place, stores), name).state.rollout
        decisions = [d for d in stores.rollouts.decisions(rollout) if all_ or d.kind != "hold"]
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


def explain(decision: DecisionId, *, output: Output = "table", home: HomeFolder = None) -> None:
    """One decision: the rule, every number that it used, the data and the spec that it was made from."""
    from segue.monitor.telling.explain import explain as as_text

    place = home_at(home)
    with stores_of(place) as stores:
        every = (stores.rollouts.decisions(loaded.state.rollout) for loaded in stores.rollouts.rollouts())
        found = next((entry for decisions in every for entry in decisions if entry.id == decision), None)
    if found is None:
        raise NotFound(f"there is no decision {decision!r}", hint="segue history ROLLOUT")
    show_one(found, output, as_text(found))


def watch(name: Name, *, timeout: Timeout = 0.0, output: Output = "table", home: HomeFolder = None) -> int:
    """Each decision as it is made, until the rollout is over; a line each, JSON lines with `-o json`."""
    from segue.decide.machine import TERMINAL
    from segue.monitor.begin import find

    place = home_at(home)
    ends_s = time.monotonic() + timeout if timeout else float("inf")
    seen = 0
    with stores_of(place) as stores:
        control = control_of(place, stores)
        while True:
            state = find(control, name).state
            for decision in stores.rollouts.decisions(state.rollout, after=seen):
                seen = decision.number
                _print_line(decision, output)
            if state.phase in TERMINAL:
                return STATUS.get(state.phase, 0)
            if time.monotonic() > ends_s:
                return 4
            time.sleep(0.25)


def _print_line(decision: Decision, output: Output) -> None:
    if output == "json":
        print(msgspec.json.encode(decision).decode(), flush=True)
        return
    at = decision.at.isoformat(timespec="minutes")
    out().print(f"{at}  {decision.kind:<9} {decision.to_phase}/{decision.to_stage}: {decision.reasons[0]}", markup=False)
