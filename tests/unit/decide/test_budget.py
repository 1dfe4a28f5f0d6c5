"""The ledger of the error budget."""

from collections.abc import Iterable

import msgspec
import pytest

from segue.decide.budget import amended, gate_power, guardrail_alpha, ledger, promotion_alpha
from segue.errors import DomainError
from segue.facts.decision import Spending
from segue.spec.gate import Margin, MetricGate
from segue.spec.rollout import Rollout


def test_rollbacks_never_overspend(spec: Rollout) -> None:
    """All lines that guardrails spend, over all stages, and the reserve sum to the budget for false rollbacks."""
    spent = sum(entry.alpha for entry in ledger(spec) if entry.account == "false_rollback")
    assert spent == pytest.approx(0.9 * spec.error_budget.false_rollback)
    assert guardrail_alpha(spec) == pytest.approx(0.9 * 0.01 / (2 * 4))
    assert of_rollback(ledger(spec)) == pytest.approx(0.01)


def test_what_gives_up_never_overspends(spec: Rollout) -> None:
    """A candidate that is as good as planned is given up by any gate of any stage with at most this chance."""
    lines = [entry for entry in ledger(spec) if entry.account == "futility"]
    assert {line.gate for line in lines} == {gate.path for stage in spec.stages for gate in stage.promote_when}
    assert sum(line.alpha for line in lines) == pytest.approx(spec.error_budget.futility)


def test_each_promotion_gate_has_the_whole_budget(spec: Rollout) -> None:
    """Gates that must all pass share nothing."""
    assert {entry.alpha for entry in ledger(spec) if entry.account == "false_promotion"} == {0.05}


def test_candidates_share(spec: Rollout) -> None:
    """Two candidates have half each, for promotion and for rollback."""
    two = msgspec.structs.replace(spec, variants={**spec.variants, "v9": spec.variants["v8"]})
    assert promotion_alpha(two) == promotion_alpha(spec) / 2
    assert guardrail_alpha(two) == guardrail_alpha(spec) / 2


def test_power_is_shared() -> None:
    """Gates that must all pass share the chance of missing a good candidate."""
    assert 1 - 4 * (1 - gate_power(0.8, 4)) == pytest.approx(0.8)


def of_rollback(lines: Iterable[Spending]) -> float:
    """What false rollbacks have cost or may cost, the reserve included."""
    return sum(line.alpha for line in lines if line.account in {"false_rollback", "reserve"})


SEES_NOTHING = MetricGate(path="guardrails[2]", metric="conversion", test="worse_than_champion_by", margin=Margin(value=0.05))
LATER = MetricGate(path="guardrails[0]", metric="accuracy", test="worse_than_champion_by", margin=Margin(value=0.05))


def with_guardrails(spec: Rollout, *more: MetricGate) -> Rollout:
    """The rollout with guardrails put before its own."""
    return msgspec.structs.replace(spec, guardrails=(*more, *spec.guardrails))


def kept_by_nobody(spec: Rollout) -> Rollout:
    """The rollout without a reserve of its own."""
    budget = msgspec.structs.replace(spec.error_budget, reserve=0.0)
    return msgspec.structs.replace(spec, error_budget=budget)


def test_what_a_blind_guardrail_leaves_is_kept(spec: Rollout) -> None:
    """A guardrail that sees nothing in a stage spends nothing there; its share stays in reserve."""
    lines = ledger(with_guardrails(spec, SEES_NOTHING))
    kept = [line for line in lines if line.account == "reserve" and line.gate]
    assert [(line.stage, line.gate) for line in kept] == [("shadow", "guardrails[2]")]
    assert of_rollback(lines) == pytest.approx(0.01)


def test_without_a_guardrail_all_is_kept(spec: Rollout) -> None:
    """Whoever begins without a guardrail may add one later: nothing was spent."""
    lines = ledger(msgspec.structs.replace(spec, guardrails=()))
    assert of_rollback(lines) == pytest.approx(0.01)
    assert not [line for line in lines if line.account == "false_rollback"]


def test_a_later_guardrail_is_paid_from_the_reserve(spec: Rollout) -> None:
    """It takes half of what is left; what was spent keeps its alpha, wherever it stands in the file now."""
    kept = ledger(spec)
    after = amended(kept, with_guardrails(spec, LATER), since=7)
    assert {line for line in kept if line.account != "reserve"} <= set(after)
    paid = [line for line in after if line.account == "false_rollback" and "accuracy" in line.text]
    reserve = sum(line.alpha for line in kept if line.account == "reserve")
    assert len(paid) == len(spec.stages)
    assert {line.since for line in paid} == {7}
    assert sum(line.alpha for line in paid) == pytest.approx(reserve / 2)
    assert sum(line.alpha for line in after if line.account == "reserve") == pytest.approx(reserve / 2)
    assert of_rollback(after) == pytest.approx(0.01)


def test_later_guardrails_share_by_weight(spec: Rollout) -> None:
    """Two that are added at once divide what one would have taken."""
    heavy = msgspec.structs.replace(LATER, weight=3.0, margin=Margin(value=0.1))
    after = amended(ledger(spec), with_guardrails(spec, LATER, heavy))
    paid = [line.alpha for line in after if line.account == "false_rollback" and "accuracy" in line.text]
    assert max(paid) == pytest.approx(3 * min(paid))


def test_what_was_spent_is_not_spent_again(spec: Rollout) -> None:
    """A guardrail that is taken out keeps its lines; the same one put back costs nothing more."""
    kept = ledger(spec)
    without = amended(kept, msgspec.structs.replace(spec, guardrails=spec.guardrails[1:]))
    assert set(without) == set(kept)
    assert set(amended(without, spec)) == set(kept)


def test_an_empty_reserve(spec: Rollout) -> None:
    """Where nothing was kept, nothing is left for another guardrail; gates of promotion are free, and give nobody up."""
    spec = kept_by_nobody(spec)
    with pytest.raises(DomainError, match="nothing is left"):
        amended(ledger(spec), with_guardrails(spec, LATER))
    stage = msgspec.structs.replace(spec.stages[0], promote_when=(*spec.stages[0].promote_when, LATER))
    more = msgspec.structs.replace(spec, stages=(stage, *spec.stages[1:]))
    assert len(amended(ledger(spec), more)) == len(ledger(spec)) + 1
