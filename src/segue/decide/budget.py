"""How is the error budget of a rollout spent?

Promotion is an intersection-union test: every gate has to pass, so each may use the whole `false_promotion`; only several
candidates share it. A rollback needs one guardrail, so `false_rollback` is split equally over every guardrail in every
stage for every candidate (Bonferroni over the union). Both hold at any number of looks, for one attempt: a retry is a
person's decision to spend once more.
"""

import msgspec

from segue.spec.rollout import Rollout


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger: what one gate may spend.

    Args:
        gate: its path in the spec.
        stage: the stage's name; a guardrail has a line in every stage.
        alpha: the chance that this gate is ever wrong in this stage.
        account: what it is taken from.
    """

    gate: str
    stage: str
    alpha: float
    account: str


def promotion_alpha(spec: Rollout) -> float:
    """What each promotion gate may spend on each candidate."""
    return spec.error_budget.false_promotion / max(len(spec.candidates), 1)


def guardrail_alpha(spec: Rollout) -> float:
    """What each guardrail may spend in each stage on each candidate."""
    return spec.error_budget.false_rollback / max(len(spec.guardrails) * len(spec.stages) * len(spec.candidates), 1)


def ledger(spec: Rollout) -> tuple[Entry, ...]:
    """Every spending of the rollout, in the order of the spec; the lines of `false_rollback` sum to it."""
    entries = []
    for stage in spec.stages:
        for _ in spec.candidates:
            entries += [
                Entry(gate=gate.path, stage=stage.name, alpha=promotion_alpha(spec), account="false_promotion")
                for gate in stage.promote_when
            ]
            entries += [
                Entry(gate=gate.path, stage=stage.name, alpha=guardrail_alpha(spec), account="false_rollback")
                for gate in spec.guardrails
            ]
    return tuple(entries)
