"""The ledger of the error budget."""

from collections.abc import Iterable

import msgspec
import pytest

from segue.decide.budget import Purse, amended, gate_power, guardrail_alphas, ledger, promotion_alpha
from segue.decide.gates.weights import weighed
from segue.decide.questions import blind
from segue.errors import DomainError
from segue.facts.decision import Spending
from segue.facts.wire.codec import from_json
from segue.spec.gate import Margin, MetricGate
from segue.spec.load import load
from segue.spec.rollout import Rollout


def test_rollbacks_never_overspend(spec: Rollout) -> None:
    """All lines that guardrails spend, over all stages, and the reserve sum to the budget for false rollbacks."""
    spent = sum(entry.alpha for entry in ledger(spec) if entry.account == "false_rollback")
    assert spent == pytest.approx(0.9 * spec.error_budget.false_rollback)
    assert of_rollback(ledger(spec)) == pytest.approx(0.01)


def test_the_first_stage_that_sees_has_most(spec: Rollout) -> None:
    """Four fifths of what a guardrail weighs are spent where it first sees anything, the last fifth evenly after that."""
    mine = {(line.text.split()[1], line.stage): line.alpha for line in ledger(spec) if line.account == "false_rollback"}
    errors, p99 = 0.009 * 8 / 9, 0.009 / 9
    assert {stage: mine["errors", stage] for stage in ("shadow", "canary", "ab", "everyone")} == pytest.approx(
        {"shadow": errors * 4 / 5, "canary": errors / 15, "ab": errors / 15, "everyone": errors / 15}
    )
    assert mine["p99", "shadow"] == pytest.approx(p99 * 4 / 5)
    assert sum(alpha for (name, _), alpha in mine.items() if name == "p99") == pytest.approx(p99)


def test_what_is_written_weighs(spec: Rollout) -> None:
    """A weight in the file holds, that of a guardrail on failures too; what it is beside the others, it spends."""
    text = spec.source.replace("worse_than_champion_by: 1pp}", "worse_than_champion_by: 1pp, weight: 1}", 1)
    of = {path: alpha for (path, stage), alpha in guardrail_alphas(load(text)).items() if stage == "shadow"}
    assert of["guardrails[0]"] == of["guardrails[1]"] == pytest.approx(0.009 / 2 * 4 / 5)
    assert {line.weight for line in ledger(load(text)) if line.account == "false_rollback"} == {1.0}


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
    assert guardrail_alphas(two) == {key: pytest.approx(alpha / 2) for key, alpha in guardrail_alphas(spec).items()}


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
    every = enumerate((*more, *spec.guardrails))
    return msgspec.structs.replace(
        spec, guardrails=tuple(msgspec.structs.replace(gate, path=f"guardrails[{at}]") for at, gate in every)
    )


def kept_by_nobody(spec: Rollout) -> Rollout:
    """The rollout without a reserve of its own."""
    budget = msgspec.structs.replace(spec.error_budget, reserve=0.0)
    return msgspec.structs.replace(spec, error_budget=budget)


def test_a_blind_guardrail_spends_where_it_sees(spec: Rollout) -> None:
    """A guardrail that sees nothing in the first stage has most of its part in the second, and none is lost."""
    lines = ledger(with_guardrails(spec, SEES_NOTHING))
    mine = {
        line.stage: line.alpha
        for line in lines
        if "conversion" in line.text and line.account == "false_rollback" and line.gate.startswith("guard")
    }
    assert mine == pytest.approx({"canary": 0.0009 * 4 / 5, "ab": 0.0009 / 10, "everyone": 0.0009 / 10})
    assert of_rollback(lines) == pytest.approx(0.01)


def test_nobody_to_compare_with(spec: Rollout) -> None:
    """Without a holdback no comparison sees the last stage: it is told, and spends nothing there; that of a constant does."""
    alone = load(spec.source.replace("holdback: 10%", "holdback: 0%"))
    assert alone.stages[-1] != spec.stages[-1]
    assert {path for path, stage in guardrail_alphas(alone) if stage == "everyone"} == {"guardrails[1]"}
    assert Purse(alone, ()).line(alone.stages[-1], alone.guardrails[0], "guardrail", "v8") is None
    assert [text.split(" in ")[0] for text in blind(alone)] == [
        "guardrails[0] does not watch stage everyone: errors beside the champion"
    ]
    assert of_rollback(ledger(alone)) == pytest.approx(0.01)


def test_a_ledger_of_before_stays_in_force(spec: Rollout) -> None:
    """What an older program wrote is read, spent as it was meant, and is what an amendment keeps; nothing is paid twice."""
    texts = [line.text for line in ledger(spec) if line.account == "false_rollback" and line.stage == "shadow"]
    lines = (*((text, 0.009 / 8, "false_rollback") for text in texts), ("guardrails that are added later", 0.00025, "reserve"))
    row = '{{"gate":"","text":"{}","stage":"{}","candidate":"v8","alpha":{},"account":"{}"}}'
    before = tuple(
        from_json(Spending, row.format(text, stage.name, alpha, account))
        for stage in spec.stages
        for text, alpha, account in lines
    )
    asked = [Purse(spec, before).line(stage, gate, "guardrail", "v8") for stage in spec.stages for gate in spec.guardrails]
    assert all(line in before for line in asked)
    assert "older version" in weighed(spec, before)[0]
    after = amended(before, with_guardrails(spec, LATER), first=1)
    assert {line for line in before if line.account == "false_rollback"} <= set(after)
    assert of_rollback(after) == pytest.approx(0.01)


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


def test_a_later_guardrail_spends_where_the_rollout_is(spec: Rollout) -> None:
    """Added in the third stage, it has most of its part there, and in the stages that are over only what a retry may need."""
    after = amended(ledger(spec), with_guardrails(spec, LATER), first=2)
    paid = {line.stage: line.alpha for line in after if line.account == "false_rollback" and "accuracy" in line.text}
    assert paid == pytest.approx({"ab": 0.0005 * 4 / 5, "everyone": 0.0005 / 15, "shadow": 0.0005 / 15, "canary": 0.0005 / 15})


def test_later_guardrails_share_by_weight(spec: Rollout) -> None:
    """Two that are added at once divide what one would have taken."""
    heavy = msgspec.structs.replace(LATER, weight=3.0, margin=Margin(value=0.1))
    after = amended(ledger(spec), with_guardrails(spec, LATER, heavy))
    light, heavier = (
        sum(line.alpha for line in after if line.gate == path and "accuracy" in line.text)
        for path in ("guardrails[0]", "guardrails[1]")
    )
    assert heavier == pytest.approx(3 * light)


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
