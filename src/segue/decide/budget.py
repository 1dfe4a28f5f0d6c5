"""How is the error budget of a rollout spent?

Promotion is an intersection-union test: every gate has to pass, so each may use the whole `false_promotion`, and what they
share is power. Alternatives of an `any` share it, for any one of them may pass wrongly, and so do several candidates, for any
one of them may win: a share each, and what `gates.together` says that all of them show together.

A rollback needs one guardrail, so `false_rollback` is split over every guardrail, by its weight (`gates.weights`), in every
stage that can see it, for every candidate. Harm that a version does is mostly there from the first request on, so the first
such stage has four fifths of it, and the others the last fifth, evenly: alpha spending (Lan & DeMets 1983) with stages for
looks. A part that the spec names stays in reserve, for guardrails that are added later; what was spent once is never spent
again.

To give up a stage as futile is a null of its own ("the effect is as large as planned"), and any gate may give up: `futility`
is split over all promotion gates. All of it holds at any number of looks, for one attempt: a retry is a person's decision to
spend once more.
Source: Schultzberg, Ankargren & Frånberg 2024 (arXiv 2402.11609), for gates of one decision; Foster & Stine 2008 (J. R. Stat.
Soc. B 70(2)) and Tian & Ramdas 2021 (Stat. Methods Med. Res. 30(4)), for levels that are spent along a sequence of tests.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, Literal

import msgspec

from segue.decide.gates.claims import GateKind, guarded, unwatched
from segue.decide.gates.meaning import meaning
from segue.decide.gates.subjects import subject
from segue.decide.gates.texts import gate_text
from segue.decide.gates.weights import weight_of
from segue.errors import DomainError
from segue.facts.decision import Account, Spending
from segue.spec.gate import Gate
from segue.spec.rollout import Rollout
from segue.spec.stage import Stage

Cost = Literal["promotion", "guardrail", "futility"]
_FIRST: Final = 4
"""The first stage that sees a guardrail has so many times what all later ones have together: docs/decisions says why."""
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


def parts(stages: int) -> tuple[float, ...]:
    """What stages have of a guardrail's budget, in the order in which it meets them; their sum is 1.

    >>> parts(3), parts(1), parts(0)
    ((0.8, 0.1, 0.1), (1.0,), ())
    """
    later = stages - 1
    if later < 1:
        return (1.0,) * stages
    return (_FIRST / (_FIRST + 1), *(1 / ((_FIRST + 1) * later),) * later)


def guardrail_alphas(spec: Rollout, *, first: int = 0) -> dict[tuple[str, str], float]:
    """What guardrails may spend on each candidate: (path, stage) -> alpha, above 0; nothing where the stage cannot see it.

    Args:
        spec: what is asked.
        first: index of the stage that guardrails meet first; those before it are met in a retry, and come last.
    """
    met = (*spec.stages[first:], *spec.stages[:first])
    seen = {gate.path: [stage.name for stage in met if _sees(spec, stage, gate)] for gate in spec.guardrails}
    weights = {gate.path: weight_of(gate, subject(gate, spec)) for gate in spec.guardrails if seen[gate.path]}
    whole = sum(weights.values()) * max(len(spec.candidates), 1)
    budget = spec.error_budget.false_rollback * (1 - spec.error_budget.reserve)
    return {
        (path, stage): budget * (weight / whole) * part
        for path, weight in weights.items()
        for stage, part in zip(seen[path], parts(len(seen[path])), strict=True)
    }


def _sees(spec: Rollout, stage: Stage, gate: Gate) -> bool:
    metric = subject(gate, spec)
    return metric is not None and not unwatched(gate, metric, stage, spec.outcome)


def futility_alpha(spec: Rollout) -> float:
    """What each promotion gate may spend on giving up a candidate that is as good as planned."""
    return spec.error_budget.futility / max(sum(len(stage.promote_when) for stage in spec.stages), 1)


def gate_power(power: float, gates: int) -> float:
    """The power that each of several gates needs so that all of them together have at least this.

    >>> gate_power(0.8, 1), gate_power(0.8, 4)
    (0.8, 0.95)
    """
    return 1.0 - (1.0 - power) / max(gates, 1)


def ledger(spec: Rollout) -> tuple[Spending, ...]:
    """Every spending of the rollout, in the order of the spec; the lines of `false_rollback` and `reserve` sum to it."""
    return tuple(_lines(spec, guardrail_alphas(spec)))


class Purse:
    """What the gates of a rollout may spend: what its ledger says, and where it says nothing, what the spec does.

    Args:
        spec: what is asked.
        kept: the rollout's ledger; empty for one that is only planned.
    """

    def __init__(self, spec: Rollout, kept: Sequence[Spending]) -> None:
        self._spec = spec
        self._known = Known(kept)

    def line(self, stage: Stage, gate: Gate, kind: Cost, candidate: str) -> Spending | None:
        """One gate's line; None for a gate that was added later and may not give up, and for a guardrail that sees nothing."""
        asked = _line(self._spec, stage, (gate, kind), candidate, alphas=self._alphas)
        known = self._known.line(asked)
        if known is not None or (kind == "futility" and self._known.any):
            return known
        return None if kind == "guardrail" and not asked.alpha else asked

    @cached_property
    def _alphas(self) -> "_Alphas":
        return guardrail_alphas(self._spec)


def amended(kept: Sequence[Spending], spec: Rollout, *, since: int = 0, first: int = 0) -> tuple[Spending, ...]:
    """The ledger of a rollout whose spec has changed since: what is kept keeps its alpha, what is new is paid from the reserve.

    Lines of gates that are gone stay spent. New promotion gates cost nothing: one more of them makes a promotion rarer; and
    they give nobody up. New guardrails share half of what is left, by their weights, and have most of it in the stage that the
    rollout is in.

    Args:
        kept: the rollout's ledger so far.
        spec: with guardrails added or left out; its budget and candidates are those of before.
        since: the first allocation whose rows count for what is new: a gate that was thought of when data had been seen is
            judged by data that nobody had seen.
        first: index of the stage that the rollout is in.

    Raises:
        DomainError: guardrails were added and nothing is left in reserve.
    """
    known = Known(kept)
    wanted = [line for line in _lines(spec, guardrail_alphas(spec, first=first)) if line.account != "reserve"]
    new = [line for line in wanted if line.account == "false_rollback" and known.line(line) is None]
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
        if line.account == "false_promotion" and known.line(line) is None
    ]
    rest = 1 - taken / left if taken else 1.0
    before = (msgspec.structs.replace(line, alpha=line.alpha * rest) if line.account == "reserve" else line for line in kept)
    return (*before, *free, *paid)


class Known:
    """The lines of a ledger, found by what they are about.

    Not by where that stands: paths move when another gate is put before it. A line of an older program, which does not say what
    it is about, is found by its text.

    Args:
        lines: of a ledger.
    """

    def __init__(self, lines: Iterable[Spending]) -> None:
        self._lines = {(line.account, line.stage, line.candidate, line.meaning or line.text): line for line in lines}

    @property
    def any(self) -> bool:
        """Whether there is any line."""
        return bool(self._lines)

    def line(self, asked: Spending) -> Spending | None:
        """The ledger's line about the same; None where it has none."""
        place = (asked.account, asked.stage, asked.candidate)
        return self._lines.get((*place, asked.meaning)) or self._lines.get((*place, asked.text))


_Alphas = Mapping[tuple[str, str], float]


def _lines(spec: Rollout, alphas: _Alphas) -> Iterator[Spending]:
    for stage in spec.stages:
        for candidate in spec.candidates:
            yield from _of_stage(spec, stage, candidate, alphas)


def _of_stage(spec: Rollout, stage: Stage, candidate: str, alphas: _Alphas) -> Iterable[Spending]:
    for kind in _OF_PROMOTION:
        for gate in stage.promote_when:
            yield _line(spec, stage, (gate, kind), candidate, alphas=alphas)
    for gate in spec.guardrails:
        if (gate.path, stage.name) in alphas:
            yield _line(spec, stage, (gate, "guardrail"), candidate, alphas=alphas)
    part = spec.error_budget.reserve if alphas else 1.0
    alpha = spec.error_budget.false_rollback * part / len(spec.stages) / len(spec.candidates)
    if alpha > 0:
        yield Spending(gate="", text=LATER, stage=stage.name, candidate=candidate, alpha=alpha, account="reserve")


_OF_PROMOTION: Final[tuple[Cost, ...]] = ("promotion", "futility")
_ACCOUNTS: Final[dict[Cost, Account]] = {
    "promotion": "false_promotion", "guardrail": "false_rollback", "futility": "futility",
}  # fmt: skip
_KINDS: Final[dict[Cost, GateKind]] = {"promotion": "promotion", "guardrail": "guardrail", "futility": "promotion"}


def _line(spec: Rollout, stage: Stage, asked: tuple[Gate, Cost], candidate: str, *, alphas: _Alphas) -> Spending:
    gate, kind = asked
    alpha = {"promotion": gate_alpha(spec, stage, gate), "futility": futility_alpha(spec)}.get(kind)
    return Spending(
        gate=gate.path,
        text=_text(spec, gate, kind, candidate),
        stage=stage.name,
        candidate=candidate,
        alpha=alphas.get((gate.path, stage.name), 0.0) if alpha is None else alpha,
        account=_ACCOUNTS[kind],
        weight=weight_of(gate, subject(gate, spec)) if kind == "guardrail" else 0.0,
        meaning=meaning(spec, gate, _KINDS[kind]),
    )


def _text(spec: Rollout, gate: Gate, kind: Cost, candidate: str) -> str:
    metric = subject(gate, spec)
    if metric is None:
        return type(gate).__name__
    if kind == "guardrail":
        return gate_text(guarded(gate), metric, candidate, "guardrail")
    return gate_text(gate, metric, candidate, "promotion")
