"""What of a rollout's spec may change while it is live, and what does that cost?

| what | may it change | what it costs |
| --- | --- | --- |
| guardrails | added, left out | an added one is paid from the reserve; what a left out one may spend stays spent |
| promotion gates | added behind those of a stage that is not over | nothing: one more of them makes a promotion rarer |
| metrics | added, for either | nothing |
| whom to tell, when to train again, what a busy route does | as one likes | nothing: no evidence rests on them |

Whoever adds a gate has seen data. So what is added is judged by rows that nobody has seen: shares are published once more,
unchanged, and only rows under that allocation count. Before the first stage nothing has been seen, and the ledger is drawn up
anew. Everything else would change what the data so far mean, or choose a condition by the data that it judges: it is refused
by name, and takes a new rollout.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from segue.decide.budget import amended, guardrail_alphas, ledger
from segue.decide.gates.claims import guarded
from segue.decide.gates.meaning import content
from segue.decide.gates.subjects import subject
from segue.decide.gates.texts import gate_text
from segue.decide.gates.weights import weight_of
from segue.errors import DomainError
from segue.facts.decision import Spending, State
from segue.spec.diff import diff
from segue.spec.digest import meaning_of
from segue.spec.gate import Gate
from segue.spec.metric import Metric
from segue.spec.rollout import Rollout
from segue.spec.stage import Stage

_FREE: Final = ("notify", "retrain", "when_busy")


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a live rollout's spec.

    Args:
        spec: from now on.
        ledger: from now on.
        lines: what changes and what it costs, one sentence each; never empty.
        judges_anew: something is added whose rows begin now.
    """

    spec: Rollout
    ledger: tuple[Spending, ...]
    lines: tuple[str, ...]
    judges_anew: bool


def amendment(spec: Rollout, state: State, new: Rollout, *, since: int = 0) -> Amendment:
    """What it means to give a live rollout this spec.

    Args:
        spec: as it is.
        state: of the rollout.
        new: as it is to be.
        since: the first allocation whose rows count for what is added.

    Raises:
        DomainError: something differs that may not; nothing is left in reserve for a guardrail; or nothing differs at all.
    """
    _require_the_rest(spec, new)
    _require_gates(spec, state, new)
    guards = _Added.of(spec, spec.guardrails, new.guardrails)
    gates = [(stage, gate) for old, stage in _stages(spec, new) for gate in stage.promote_when[len(old.promote_when) :]]
    unseen = state.phase == "pending" and state.attempt == 1
    paid = ledger(new) if unseen else amended(state.ledger, new, since=since, first=state.stage)
    lines = (
        *(f"+ guardrail {_said(new, gate)}: {_paid(new, gate, (state.ledger, paid))}" for gate in guards.new),
        *(f"- guardrail {_said(spec, gate)}: what it may spend stays spent" for gate in guards.gone),
        *(f"+ gate in stage {stage.name}: {_said(new, gate)}; it costs nothing, and must pass too" for stage, gate in gates),
        *(str(change) for change in diff(spec, new) if change.path.partition(".")[0].partition("[")[0] in {*_FREE, "metrics"}),
    )
    if not lines:
        raise DomainError("nothing differs from what is live")
    return Amendment(spec=new, ledger=paid, lines=lines, judges_anew=bool(guards.new or gates) and not unseen)


class _Added(msgspec.Struct, frozen=True):
    new: tuple[Gate, ...]
    gone: tuple[Gate, ...]

    @classmethod
    def of(cls, spec: Rollout, before: Sequence[Gate], after: Sequence[Gate]) -> "_Added":
        was, is_now = ([content(spec, gate) for gate in gates] for gates in (before, after))
        return cls(
            tuple(gate for gate, content in zip(after, is_now, strict=True) if content not in was),
            tuple(gate for gate, content in zip(before, was, strict=True) if content not in is_now),
        )


def _require_the_rest(spec: Rollout, new: Rollout) -> None:
    was, is_now = _rest(spec, new.metrics | spec.metrics), _rest(new, spec.metrics | new.metrics)
    if meaning_of(was) == meaning_of(is_now):
        return
    named = "; ".join(map(str, diff(was, is_now))) or "the alternatives of a gate"
    raise DomainError(
        f"this cannot change while {spec.route} has a rollout that is not over: {named}",
        hint="guardrails, metrics and gates of later stages may be added; for the rest, end it and begin a new one",
    )


def _rest(spec: Rollout, metrics: dict[str, Metric]) -> Rollout:
    """What may not change: the spec without all that may."""
    stages = tuple(msgspec.structs.replace(stage, promote_when=()) for stage in spec.stages)
    return msgspec.structs.replace(
        spec, guardrails=(), stages=stages, metrics=metrics, notify=(), retrain=(), when_busy="refuse"
    )


def _require_gates(spec: Rollout, state: State, new: Rollout) -> None:
    for index, (old, stage) in enumerate(_stages(spec, new)):
        before, after = ([content(spec, gate) for gate in it.promote_when] for it in (old, stage))
        if after[: len(before)] != before:
            raise DomainError(
                f"the gates of stage {old.name} stay as they are and where they are; others may come after them",
                hint="a gate may be passed by `segue promote` or `segue override`, with a reason",
            )
        if len(after) > len(before) and index < state.stage:
            raise DomainError(f"stage {old.name} is over; a gate that is added to it would never be asked")
    mine, theirs = (dict(_weights(it)) for it in (spec, new))
    heavier = [text for text, weight in theirs.items() if mine.get(text, weight) != weight]
    if heavier:
        raise DomainError(f"what a guardrail may spend is settled, and its weight with it: {', '.join(heavier)}")


def _weights(spec: Rollout) -> Iterator[tuple[str, float]]:
    for gate in spec.guardrails:
        yield _said(spec, gate), weight_of(gate, subject(gate, spec))


def _stages(spec: Rollout, new: Rollout) -> Iterator[tuple[Stage, Stage]]:
    return zip(spec.stages, new.stages, strict=True)


def _said(spec: Rollout, gate: Gate) -> str:
    metric, guardrail = subject(gate, spec), gate.path.startswith("guardrails")
    if metric is None:
        return gate.path
    whom = spec.candidates[0] if len(spec.candidates) == 1 else "each candidate"
    return gate_text(guarded(gate) if guardrail else gate, metric, whom, "guardrail" if guardrail else "promotion")


def _paid(spec: Rollout, gate: Gate, ledgers: tuple[Sequence[Spending], Sequence[Spending]]) -> str:
    before, after = ledgers
    new = set(after) - set(before)
    mine = sum(line.alpha for line in new if line.gate == gate.path and line.account == "false_rollback")
    left = sum(line.alpha for line in after if line.account == "reserve")
    if not any(path == gate.path for path, _ in guardrail_alphas(spec)):
        return "nothing, for no stage can see it"
    if not mine:
        return "nothing more, it was paid for before"
    return f"{100 * mine:.3g} % of false_rollback's {100 * spec.error_budget.false_rollback:.3g} %, {100 * left:.3g} % are kept"
