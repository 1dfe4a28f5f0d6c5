"""How is a decision told to people?

Plain text, one thought a line; the same numbers that the decision rests on, nothing computed anew.
"""

from collections.abc import Iterable
from typing import Final

from segue.decide.gates.weights import weighed
from segue.decide.walk import alive, stage_of, steps_of
from segue.facts.decision import Command, Decision, MoveAlias, SendNotice, State, Verdict
from segue.spec.rollout import Rollout

_MARKS: Final = {"pass": "+", "fail": "!", "not_yet": "."}


def line(decision: Decision) -> str:
    """One line of the history: when, what, why."""
    place = decision.from_stage
    if decision.to_stage != decision.from_stage:
        place = f"{decision.from_stage} -> {decision.to_stage}"
    return f"{decision.number:>4}  {decision.at:%Y-%m-%d %H:%M}  {decision.kind:<9} {place}: {decision.reasons[0]}"


def explain(decision: Decision) -> str:
    """A decision with all its reasons, verdicts, and what had to be done."""
    phase = f"{_said(decision.from_phase)} -> {_said(decision.to_phase)}"
    lines = [
        f"Decision {decision.number} of {decision.rollout}, {decision.at:%Y-%m-%d %H:%M:%S} UTC: {_said(decision.kind)}",
        f"  {phase} by {_said(decision.trigger)}, in stage {decision.from_stage}"
        + (f", on to {decision.to_stage}" if decision.to_stage != decision.from_stage else ""),
        *_block("Why", decision.reasons),
        *_block("Asked for", (f"{_said(act.trigger)} by {act.who}: {act.why or 'no reason given'}" for act in decision.acts)),
    ]
    for title, role in (("Guardrails", "guardrail"), ("Conditions", "precondition"), ("Gates", "objective")):
        lines += _block(title, (_verdict(verdict) for verdict in decision.verdicts if verdict.role == role))
    lines += _block("To be done", (_command(command) for command in decision.commands))
    if decision.inputs is not None:
        made = decision.inputs
        lines.append(
            f"  From {made.segments:,} segments of the lake up to {made.last_segment or 'none'}; "
            f"spec {made.spec_digest}; program {made.code}"
        )
    return "\n".join(lines)


def describe(spec: Rollout, state: State, last: Decision | None) -> str:
    """Where a rollout stands: phase, stage, step, versions, and what the last decision said."""
    stage = stage_of(spec, state)
    steps = steps_of(stage)
    step = f", step {state.step + 1} of {len(steps)}" if steps else ""
    names = [stage.name for stage in spec.stages]
    lines = [
        f"{state.rollout} on route {state.route}: {_said(state.phase)}",
        f"  stage      {stage.name}{step} ({state.stage + 1} of {len(names)}: {', '.join(names)})",
        f"  since      {state.entered_at:%Y-%m-%d %H:%M} UTC",
        f"  champion   {state.champion_version or 'not known yet'}",
        *_candidates(spec, state),
        f"  attempt    {state.attempt}",
        f"  spec       {state.spec_digest}",
    ]
    return "\n".join(lines) + ("\n" + explain(last) if last else "")


def _candidates(spec: Rollout, state: State) -> list[str]:
    """The candidate's version; of several each one's, and whether it has left."""
    if len(spec.candidates) == 1:
        return [f"  candidate  {state.candidate_version or 'not known yet'}"]
    live = alive(spec, state)
    left = {name: "" if name in live else f", left in {spec.stages[state.out[name]].name}" for name in spec.candidates}
    return [f"  candidate  {name}: {state.versions.get(name, 'not known yet')}{left[name]}" for name in spec.candidates]


def spending(spec: Rollout, state: State) -> str:
    """The ledger of the error budget of the rollout: what each gate may spend in each stage, and what guardrails weigh."""
    rows = [
        f"  {_said(line.account):<16} {line.stage:<12} {100 * line.alpha:8.4g} %  {line.text}"
        + (f", by rows since allocation {line.since}" if line.since else "")
        for line in state.ledger
    ]
    budget = spec.error_budget
    chances = (
        f"false promotion {100 * budget.false_promotion:g} %, false rollback {100 * budget.false_rollback:g} %, "
        f"given up as good as planned {100 * budget.futility:g} %"
    )
    head = f"{chances}, at any number of looks"
    return "\n".join([head, *rows, *(f"  {text}" for text in weighed(spec, state.ledger))])


def _verdict(verdict: Verdict) -> str:
    return f"{_MARKS[verdict.outcome]} {verdict.text}: {verdict.reason}"


def _command(command: Command) -> str:
    if isinstance(command, SendNotice):
        return f"tell {command.url.partition('://')[0]} that it was {command.event}"
    if isinstance(command, MoveAlias):
        return f"move alias {command.alias} of {command.model} from {command.expected or 'nothing'} to {command.version}"
    if command.follow:
        return "rest: everybody to the champion by its alias, as soon as that is served"
    shares = ", ".join(f"{name} {100 * share:g} %" for name, share in command.shares.items() if share)
    shadows = "".join(f", {name} in the shadow of {100 * share:g} %" for name, share in command.shadows.items())
    audience = ", ".join(f"{name} {100 * share:g} %" for name, share in command.audience_shares.items() if share)
    return f"serve {shares}{shadows}" + (f"; where {command.audience}: {audience}" if command.audience else "")


def _block(title: str, lines: Iterable[str]) -> list[str]:
    found = [f"    {text}" for text in lines]
    return [f"  {title}:", *found] if found else []


def _said(word: str) -> str:
    return word.replace("_", " ")
