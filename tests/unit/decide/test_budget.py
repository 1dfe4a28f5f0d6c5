"""The ledger of the error budget."""

import msgspec
import pytest

from segue.decide.budget import guardrail_alpha, ledger, promotion_alpha
from segue.spec.rollout import Rollout


def test_rollbacks_never_overspend(spec: Rollout) -> None:
    """All lines that guardrails spend, over all stages, sum to the budget for false rollbacks."""
    spent = sum(entry.alpha for entry in ledger(spec) if entry.account == "false_rollback")
    assert spent == pytest.approx(spec.error_budget.false_rollback)
    assert guardrail_alpha(spec) == pytest.approx(0.01 / (2 * 4))


def test_each_promotion_gate_has_the_whole_budget(spec: Rollout) -> None:
    """Gates that must all pass share nothing."""
    assert {entry.alpha for entry in ledger(spec) if entry.account == "false_promotion"} == {0.05}


def test_candidates_share(spec: Rollout) -> None:
    """Two candidates have half each, for promotion and for rollback."""
    two = msgspec.structs.replace(spec, variants={**spec.variants, "v9": spec.variants["v8"]})
    assert promotion_alpha(two) == promotion_alpha(spec) / 2
    assert guardrail_alpha(two) == guardrail_alpha(spec) / 2
