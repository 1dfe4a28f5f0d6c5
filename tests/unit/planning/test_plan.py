"""A whole rollout's plan."""

import msgspec
import pytest

from segue.planning.assumptions import Assumed
from segue.planning.figures import count, span
from segue.planning.gates import GatePlan
from segue.planning.plan import RolloutPlan, plan
from segue.planning.words import headline, told
from segue.spec.load import load
from segue.spec.rollout import Rollout


def gate(planned: RolloutPlan, stage: str, metric: str, kind: str = "promotion") -> GatePlan:
    """One gate of the plan."""
    return next(it for it in planned.gates if (it.stage, it.metric, it.kind) == (stage, metric, kind))


def test_power_is_shared_by_the_gates_of_a_stage(planned: RolloutPlan) -> None:
    """Three gates that must all pass have 93 % each for 80 % together; a plan's own power counts; alpha is not shared,
    but for the tenth that goes to showing accuracy without labels in a shadow.
    """
    assert gate(planned, "shadow", "accuracy").power == pytest.approx(1 - 0.2 / 3)
    assert gate(planned, "ab", "conversion").power == 0.9
    assert sorted({it.alpha for it in planned.gates if it.kind == "promotion"}) == pytest.approx([0.045, 0.05])


def test_a_shadow_needs_labels_where_the_variants_disagree(planned: RolloutPlan) -> None:
    """Seven percent of the pairs need an outcome, not all of them."""
    found = gate(planned, "shadow", "accuracy")
    assert found.n is not None
    assert found.labels == pytest.approx(0.07 * found.n, rel=0.01)
    assert gate(planned, "shadow", "agreement").labels is None


def test_days_hold_the_outcomes_window(planned: RolloutPlan, assumed: Assumed) -> None:
    """Data of one day, and one more until they are judged."""
    found = gate(planned, "ab", "conversion")
    assert found.n is not None
    assert found.days is not None
    assert assumed.requests is not None
    assert found.days == pytest.approx(found.n / assumed.requests + 1.0, rel=1e-3)
    assert found.chance[0] == 0.0
    assert found.days_half is not None
    assert found.days_half < found.days


def test_a_part_of_the_requests_takes_its_share_longer(planned: RolloutPlan) -> None:
    """Four percent of the requests take 25 times the days; a gate that asks only there gets its data from there."""
    found = gate(planned, "shadow", "accuracy")
    (part,) = found.segments
    assert found.days is not None
    assert part.days is not None
    assert part.days - 1 == pytest.approx((found.days - 1) / 0.04, rel=1e-6)
    where = gate(planned, "shadow", "precision")
    assert where.n is not None
    assert where.days == pytest.approx(where.n / (0.04 * 200_000) + 1.0, rel=1e-3)
    assert where.segments == ()


def test_a_one_percent_canary_is_25_times_slower(planned: RolloutPlan) -> None:
    """The plan says what each strategy would have cost, and which cannot answer at all."""
    text = gate(planned, "canary", "conversion").text
    found = {it.strategy: it for it in planned.alternatives if it.gate == text}
    halves, thin = found["A/B, half each"].n, found["canary of 1 %"].n
    assert halves is not None
    assert thin is not None
    assert 20 <= thin / halves <= 28
    assert "caused by the served answer" in found["shadow"].why_not
    accuracy = [it for it in planned.alternatives if "accuracy" in it.gate]
    assert min(accuracy, key=lambda it: it.n or 0).strategy == "shadow"


def test_harm_is_priced(planned: RolloutPlan) -> None:
    """A guardrail says how many requests a harmful candidate answers before it is found out; a shadow's answers harm nobody."""
    assert gate(planned, "shadow", "errors", "guardrail").exposed is None
    canary, ab = (gate(planned, stage, "errors", "guardrail").exposed for stage in ("canary", "ab"))
    assert canary is not None
    assert ab is not None
    assert 0 < canary < ab


def test_warnings(planned: RolloutPlan) -> None:
    """A gate that its time limit cuts off, a blind guardrail, a short watch and thin parts are said."""
    said = "\n".join(planned.warnings)
    assert "ab: conversion of v8 better than champion's is decided within the limit of 7 days in only" in said
    assert "everyone: a watch shorter than two outcome windows" in said
    assert "guardrails[2] does not watch stage shadow" in said
    assert "everyone: errors as bad as supposed would mostly not be found within the watch of 1 day" in said
    assert "ab: insufficient data to judge conversion where tier == 'vip'" in said


def test_the_budget_is_part_of_it(planned: RolloutPlan) -> None:
    """What guardrails spend and what is kept sums to the budget."""
    harmless = [line for line in planned.ledger if line.account in {"false_rollback", "reserve"}]
    assert sum(line.alpha for line in harmless) == pytest.approx(0.01)
    assert not [line for line in harmless if line.gate == "guardrails[2]" and line.stage == "shadow"]
    assert [text.partition(" weighs ")[2].partition(",")[0] for text in planned.weights] == ["8", "1", "1"]
    assert sum(line.alpha for line in planned.ledger if line.account == "futility") == pytest.approx(0.1)


def test_the_first_lines_say_the_main_thing(planned: RolloutPlan) -> None:
    """What will go wrong comes first, in words without a symbol."""
    first = told(planned).splitlines()[0]
    assert first.startswith("churn: stage ab needs")
    assert (
        "may take 7 days; a candidate that is as good as supposed would mostly be held there. At 200,000 requests a day."
        in first
    )


def test_a_plan_that_works(spec: Rollout, assumed: Assumed) -> None:
    """With more traffic the same rollout ends in time, and its stages add up."""
    found = plan(spec, msgspec.structs.replace(assumed, requests=5e6))
    assert found.days is not None
    assert found.days == pytest.approx(sum(stage.days or 0 for stage in found.stages))
    assert headline(found).startswith(f"churn: allow {span(found.days)} from the first stage to the end")
    assert found.stages[0].days == 2.0  # its least age; the evidence is there sooner


def test_nothing_given(spec: Rollout) -> None:
    """Without traffic there are observations and no days; everything that was guessed is said."""
    found = plan(spec, Assumed())
    assert found.days is None
    assert all(it.days is None and it.n for it in found.gates if it.kind == "promotion")
    assert found.warnings[0].startswith("no traffic given")
    assert any("--baseline accuracy" in note for note in found.notes)
    assert any("--differ accuracy" in note for note in found.notes)
    assert any("--counted precision" in note for note in found.notes)
    assert any("--population" in note for note in found.notes)
    text = told(found)
    assert "depends on the traffic" in text.splitlines()[0]
    assert count(gate(found, "shadow", "accuracy").n) in text


def test_progress(spec: Rollout) -> None:
    """Long work says what it is at."""
    said: list[str] = []
    plan(spec, Assumed(), said.append)
    assert said == ["stage shadow", "stage canary", "stage ab", "stage everyone", "other strategies"]


def test_what_cannot_be_planned_is_named(spec: Rollout) -> None:
    """Gates that no version of the method can plan are listed with the reason, not left out."""
    text = spec.source.replace("      - agreement: {at_least: 85%}", "      - drift: {against: training, psi_below: 0.2}")
    found = plan(load(text), Assumed())
    assert any("stages[0].promote_when[2] in stage shadow: drift is counted as bins" in it for it in found.unplanned)
    assert any("guardrails[2] in stage shadow: conversion in a shadow stage" in it for it in found.unplanned)


def test_wide(planned: RolloutPlan) -> None:
    """The wide form has the nulls, the one look and the declared end."""
    text = told(planned, wide=True)
    assert "candidate - champion at most -1 pp" in text
    assert "WITH AN END" in text
    assert "WITH AN END" not in told(planned)
