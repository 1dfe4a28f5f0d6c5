"""How is the error budget of a rollout spent?

Promotion is an intersection-union test: every gate has to pass, so each may use the whole `false_promotion`, and what they
share is power. Alternatives of an `any` share it, for any one of them may pass wrongly, and so do several candidates, for any
one of them may win: a share each, and what `gates.together` says that all of them show together. A rollback needs one
guardrail, so `false_rollback` is split over every guardrail, by its weight, in every stage for every candidate. What falls to a
guardrail in a stage that it cannot see stays in reserve, for guardrails that are added later, and so does a part that the spec
names; what was spent once is never spent again. To give up a stage as futile is a null of its own ("the effect is as large as
planned"), and any gate may give up: `futility` is split over all promotion gates. All of it holds at any number of looks, for
one attempt: a retry is a person's decision to spend once more.
Source: Schultzberg, Ankargren & Frånberg 2024 (arXiv 2402.11609), for gates of one decision.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from segue.decide.gates.claims import GateKind, guarded, unknowable
from segue.decide.gates.subjects import subject
from segue.decide.gates.texts import gate_text
from segue.errors import DomainError
from segue.facts.decision import Account, Spending
from segue.spec.gate import Gate, MetricGate
from segue.spec.rollout import Rollout
from segue.spec.stage import Stage

Cost = Literal["promotion", "guardrail", "futility"]
LATER: Final = "guardrails that are added later"
"""What the reserve is kept for, as the text of its lines."""
_OF_RESERVE: Final = 0.5
"""Gates that are added at one time share so much of what is left, so that something is left for the next time."""


def promotion_alpha(spec: Rollout) -> float:
    """What each promotion gate may spend on each candidate."""
    return spec.error_budget.false_promotion / max(len(spec.candidates), 1)


def gate_alpha(spec: Rollout, stage: Stage, gate: Gate) -> float:
    """What one promotion gate may spend on each candidate: alternatives of an `any` share it, for any one of them is enough."""
    return promotion_alpha(spec) / stage.alternatives(gate.path)


def guardrail_alpha(spec: Rollout, gate: Gate | None = None) -> float:
    """What each guardrail may spend in each stage on each candidate, by its weight; of None, one that weighs 1."""
    whole = sum(map(weight_of, spec.guardrails)) * len(spec.stages) * len(spec.candidates)
    mine = 1.0 if gate is None else weight_of(gate)
    return spec.error_budget.false_rollback * (1 - spec.error_budget.reserve) * mine / (whole or 1.0)


def futility_alpha(spec: Rollout) -> float:
    """What each promotion gate may spend on giving up a candidate that is as good as planned."""
    return spec.error_budget.futility / max(sum(len(stage.promote_when) for stage in spec.stages), 1)


def weight_of(gate: Gate) -> float:
    """A guardrail's part of what all of them may spend."""
    return gate.weight if isinstance(gate, MetricGate) else 1.0


def gate_power(power: float, gates: int) -> float:
    """The power that each of several gates needs so that all of them together have at least this.

    >>> gate_power(0.8, 1), gate_power(0.8, 4)
    (0.8, 0.95)
    """
    return 1.0 - (1.0 - power) / max(gates, 1)


def ledger(spec: Rollout) -> tuple[Spending, ...]:
    """Every spending of the rollout, in the order of the spec; the lines of `false_rollback` and `reserve` sum to it."""
    return tuple(_lines(spec))


class Purse:
    """What the gates of a rollout may spend: what its ledger says, and where it says nothing, what the spec does.

    Args:
        spec: what is asked.
        kept: the rollout's ledger; empty for one that is only planned.
    """

    def __init__(self, spec: Rollout, kept: Sequence[Spending]) -> None:
        self._spec = spec
        self._known = {_identity(line): line for line in kept}

    def line(self, stage: Stage, gate: Gate, kind: Cost, candidate: str) -> Spending | None:
        """One gate's line; None for a gate that was added later and may not give up."""
        asked = _line(self._spec, stage, (gate, kind), candidate)
        known = self._known.get(_identity(asked))
        return asked if known is None and not (self._known and kind == "futility") else known


def amended(kept: Sequence[Spending], spec: Rollout, *, since: int = 0) -> tuple[Spending, ...]:
    """The ledger of a rollout whose spec has changed since: what is kept keeps its alpha, what is new is paid from the reserve.

    Lines of gates that are gone stay spent. New promotion gates cost nothing: one more of them makes a promotion rarer; and
    they give nobody up. New guardrails share half of what is left, by their weights.

    Args:
        kept: the rollout's ledger so far.
        spec: with guardrails added or left out; its budget and candidates are those of before.
        since: the first allocation whose rows count for what is new: a gate that was thought of when data had been seen is
            judged by data that nobody had seen.

    Raises:
        DomainError: guardrails were added and nothing is left in reserve.
    """
    known = {_identity(line): line for line in kept}
    wanted = [line for line in _lines(spec) if line.account != "reserve"]
    new = [line for line in wanted if line.account == "false_rollback" and _identity(line) not in known]
    reserve = [line for line in kept if line.account == "reserve"]
    left = sum(line.alpha for line in reserve)
    if new and left <= 0:
        raise DomainError(
            "nothing is left of false_rollback for another guardrail",
            hint="begin a new rollout",
            gates=", ".join(line.gate for line in new),
        )
    taken, whole = left * _OF_RESERVE if new else 0.0, sum(line.alpha for line in new)
    paid = [msgspec.structs.replace(line, alpha=taken * line.alpha / whole, since=since) for line in new]
    free = [
        msgspec.structs.replace(line, since=since)
        for line in wanted
        if line.account == "false_promotion" and _identity(line) not in known
    ]
    rest = 1 - taken / left if taken else 1.0
    before = (msgspec.structs.replace(line, alpha=line.alpha * rest) if line.account == "reserve" else line for line in kept)
    return (*before, *free, *paid)


def _lines(spec: Rollout) -> Iterator[Spending]:
    for stage in spec.stages:
        for candidate in spec.candidates:
            yield from _of_stage(spec, stage, candidate)


def _of_stage(spec: Rollout, stage: Stage, candidate: str) -> Iterable[Spending]:
    for kind in _OF_PROMOTION:
        for gate in stage.promote_when:
            yield _line(spec, stage, (gate, kind), candidate)
    for gate in spec.guardrails:
        yield _line(spec, stage, (gate, "guardrail"), candidate)
    part = spec.error_budget.reserve if spec.guardrails else 1.0
    alpha = spec.error_budget.false_rollback * part / len(spec.stages) / len(spec.candidates)
    if alpha > 0:
        yield Spending(gate="", text=LATER, stage=stage.name, candidate=candidate, alpha=alpha, account="reserve")


_OF_PROMOTION: Final[tuple[Cost, ...]] = ("promotion", "futility")
_ACCOUNTS: Final[dict[Cost, Account]] = {
    "promotion": "false_promotion", "guardrail": "false_rollback", "futility": "futility",
}  # fmt: skip


def _line(spec: Rollout, stage: Stage, asked: tuple[Gate, Cost], candidate: str) -> Spending:
    gate, kind = asked
    text, account, metric = type(gate).__name__, _ACCOUNTS[kind], subject(gate, spec)
    said: GateKind = "guardrail" if kind == "guardrail" else "promotion"
    if metric is not None:
        text = gate_text(guarded(gate) if kind == "guardrail" else gate, metric, candidate, said)
        if kind == "guardrail" and unknowable(gate, metric, stage, spec.outcome):
            account = "reserve"
    alpha = {"promotion": gate_alpha(spec, stage, gate), "futility": futility_alpha(spec)}.get(kind)
    alpha = guardrail_alpha(spec, gate) if alpha is None else alpha
    return Spending(gate=gate.path, text=text, stage=stage.name, candidate=candidate, alpha=alpha, account=account)


def _identity(line: Spending) -> tuple[str, str, str]:
    return line.account, line.stage, line.text  # not by its path, which moves when another gate is put before it
