"""Which promotions of a period hold up together?

Each rollout keeps its own budget: of a hundred that should not pass, five do. Whoever looks at a quarter of a whole team asks
something else: how many of *those that were promoted* were mistakes? e-BH answers: the promotions that it lets stand are
expected to hold at most the given share of false ones, however the rollouts depend on one another and whenever one looks.
Source: Wang & Ramdas 2022 (arXiv 2009.02824).

The e-value of a promotion. Its null is that some gate should not have passed. A gate's e-value is its wealth when its claim
was first shown, times the part of `false_promotion` that it was shown with (of alternatives, and of what passes a gate as
well, each has a part); of alternatives the largest counts, which is at most their weighted sum. The least over all gates of
all stages is an e-value whichever gate's null is true. What no data were asked for, because a person passed over it, is 1.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from math import log
from typing import Final

import msgspec

from segue.decide.budget import promotion_alpha
from segue.decide.walk import full_stage
from segue.evidence.many.combining import e_bh
from segue.facts.decision import Decision, Phase, State, Verdict
from segue.facts.evidence import Evidence
from segue.spec.rollout import Rollout
from segue.spec.stage import Stage

_NOTHING: Final = 0.0  # the logarithm of an e-value of 1
_RELEASED: Final[frozenset[Phase]] = frozenset({"watching", "promoted"})


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout with all that was decided about it."""

    spec: Rollout
    state: State
    decisions: tuple[Decision, ...]


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion of the period.

    Args:
        candidate: its name in the spec.
        version: of the model.
        phase: of the rollout now; a promotion that was taken back is still one.
        weakest: the gate with the least e-value, as a sentence; "" where no gate was asked.
        log_e: logarithm of the promotion's e-value.
        needs: what it would have to be for the promotion to stand alone.
        stands: whether it is among those that hold at most the asked share of false ones.
    """

    rollout: str
    route: str
    candidate: str
    version: str
    at: datetime
    phase: Phase
    weakest: str
    log_e: float
    needs: float
    stands: bool


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """A period.

    Args:
        tried: candidates of the rollouts that began in it, promoted or not; all of them count.
        rate: expected share of false ones among those that stand.
    """

    promotions: tuple[Promotion, ...]
    tried: int
    rate: float


def together(walks: Iterable[Walked], *, rate: float) -> Together:
    """The promotions among these rollouts, oldest first, and which of them stand.

    Args:
        walks: every rollout of the period; one that is left out because it failed makes the answer wrong.
        rate: in (0, 1).

    Raises:
        DomainError: a rate outside (0, 1).
    """
    found: list[Promotion] = []
    values: dict[str, float] = {}
    for walk in walks:
        values |= {f"{walk.state.rollout} {name}": -float("inf") for name in walk.spec.candidates}
        promotion = _promotion(walk)
        if promotion is not None:
            values[f"{promotion.rollout} {promotion.candidate}"] = promotion.log_e
            found.append(promotion)
    standing, needs = e_bh(values, rate) if values else frozenset(), log(max(len(values), 1) / rate)
    told = (
        msgspec.structs.replace(it, needs=needs, stands=f"{it.rollout} {it.candidate}" in standing)
        for it in sorted(found, key=lambda it: it.at)
    )
    return Together(promotions=tuple(told), tried=len(values), rate=rate)


def _promotion(walk: Walked) -> Promotion | None:
    spec, state = walk.spec, walk.state
    attempt = _last_attempt(walk.decisions)
    moved = next((it for it in attempt if it.to_phase in _RELEASED and it.from_phase not in _RELEASED), None)
    if moved is None:
        return None
    candidate = next((name for name in spec.candidates if name not in state.out), spec.candidates[0])
    before = [it for it in attempt if it.number <= moved.number]
    gates = [value for stage in spec.stages[: full_stage(spec, -1)] for value in _stage(spec, stage, before, candidate)]
    log_e, weakest = min(gates, default=(_NOTHING, ""))
    return Promotion(
        rollout=state.rollout,
        route=state.route,
        candidate=candidate,
        version=state.versions.get(candidate, state.candidate_version),
        at=moved.at,
        phase=state.phase,
        weakest=weakest,
        log_e=log_e,
        needs=0.0,
        stands=False,
    )


def _last_attempt(decisions: Sequence[Decision]) -> Sequence[Decision]:
    begun = [at for at, decision in enumerate(decisions) if decision.trigger == "retry"]
    return decisions[begun[-1] :] if begun else decisions


def _stage(spec: Rollout, stage: Stage, decisions: Sequence[Decision], candidate: str) -> Iterator[tuple[float, str]]:
    """Each condition of a stage: the logarithm of its e-value, and which gate it was."""
    mine = [
        verdict
        for decision in decisions
        if decision.from_stage == stage.name
        for verdict in decision.verdicts
        if verdict.role == "objective" and verdict.candidate in {"", candidate}
    ]
    values = {gate.path: _gate(spec, [it for it in mine if it.gate == gate.path], gate.path) for gate in stage.promote_when}
    grouped = {path for group in stage.any_of for one in group for path in one}
    yield from (value for path, value in values.items() if path not in grouped)
    for group in stage.any_of:
        yield max(min(values[path] for path in one) for one in group)


def _gate(spec: Rollout, verdicts: Sequence[Verdict], path: str) -> tuple[float, str]:
    shown = next((it for it in verdicts if isinstance(it.evidence, Evidence) and it.evidence.shown), None)
    told = shown or (verdicts[-1] if verdicts else None)
    if told is None or not isinstance(told.evidence, Evidence) or told.question is None:
        return _NOTHING, told.text if told else path
    part = told.question.alpha / promotion_alpha(spec)
    return told.evidence.log_e + log(min(part, 1.0)), told.text
