"""The numbers that Prometheus is told are those that the monitor decided by, on a real lake."""

from datetime import timedelta
from math import exp

import pytest

from segue.facts.decision import Decision
from segue.facts.evidence import Evidence
from segue.facts.wire.exposition import exposition
from segue.monitor.begin import apply
from segue.monitor.telling.numbers import FAMILIES, Standing, numbers
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld

ROLLOUT = "churn-1"
AB = "strategy: ab\n    shares: {champion: 60%, v8: 40%}"


def standing(world: SmallWorld, last: Decision | None) -> Standing:
    """As the store has it."""
    state, summaries = world.outside.rollouts.load(ROLLOUT).state, world.outside.summaries
    return Standing(state=state, last=last, measured_at=summaries.judged_until(ROLLOUT), asked=0, pending=0, live=True)


def told(known: Standing, world: SmallWorld) -> dict[tuple[str, str], float]:
    """(Name, variant or audit or gate) -> value."""
    found = {}
    for name, labels, value in numbers(known, world.clock.now()):
        assert name in FAMILIES
        its = dict(labels)
        assert (its["route"], its["rollout"]) == ("churn", ROLLOUT)
        part = its.get("variant") or its.get("audit") or its.get("gate") or its.get("candidate") or ""
        assert (name, part) not in found
        found[name, part] = value
    exposition({(name, ()): value for (name, _), value in found.items()}, FAMILIES)
    return found


def walked(world: SmallWorld) -> Decision:
    """An A/B stage of which one half of the requests have outcomes, two hours on; the last decision."""
    text = SPEC.replace("strategy: shadow\n    sample: 100%", AB).replace("age: 2h, outcomes: 100", "age: 20d, outcomes: 100")
    apply(world.outside, text.replace("at_most: {age: 14d, then: rollback}", "at_most: {age: 40d, then: rollback}"))
    monitor = Monitor(world.outside)
    world.host()
    monitor.tick()
    world.traffic(300, hours=0.5)
    world.traffic(300, hours=0.5, outcomes=False)
    world.later(2)
    world.host()
    monitor.tick()
    return world.outside.rollouts.decisions(ROLLOUT)[-1]


def test_coverage_and_sample_ratio(small_world: SmallWorld) -> None:
    """One half has an outcome, of each variant; the p-value is one over the e-value that the audit decided by."""
    last = walked(small_world)
    found = told(standing(small_world, last), small_world)
    for variant, share in (("champion", 0.6), ("v8", 0.4)):
        assert found["segue_judged_answers", variant] == pytest.approx(600 * share, abs=60)
        assert found["segue_outcome_coverage_ratio", variant] == pytest.approx(0.5, abs=0.1)
    assert found["segue_judged_answers", "champion"] + found["segue_judged_answers", "v8"] == 600
    audit = next(it.evidence for it in last.verdicts if it.gate.endswith(".sample_ratio"))
    assert isinstance(audit, Evidence)
    assert found["segue_srm_p_value", "v8"] == min(1.0, exp(-audit.log_e))
    assert found["segue_audit_alarm", "sample_ratio"] == found["segue_audit_alarm", "coverage"] == 0
    for verdict in last.verdicts:
        assert found["segue_gate_verdict", verdict.gate] == {"pass": 1, "not_yet": 0, "fail": -1}[verdict.outcome]
    shown = next(it for it in last.verdicts if it.role == "objective")
    assert isinstance(shown.evidence, Evidence)
    assert found["segue_gate_estimate", shown.gate] == shown.evidence.estimate
    assert found["segue_gate_low", shown.gate] < shown.evidence.estimate < found["segue_gate_high", shown.gate]


def test_ages_are_of_the_stream(small_world: SmallWorld) -> None:
    """How long ago it was decided and measured, and how old the stage is; never less than nothing."""
    last = walked(small_world)
    known = standing(small_world, last)
    small_world.later(1.5)
    found = told(known, small_world)
    assert found["segue_decision_age_seconds", ""] == found["segue_measured_age_seconds", ""] == 5400
    assert found["segue_rollout_stage_age_seconds", ""] == 4.5 * 3600
    small_world.clock.at = last.at - timedelta(days=1)
    assert told(known, small_world)["segue_decision_age_seconds", ""] == 0


def test_a_broken_draw_is_told(small_world: SmallWorld) -> None:
    """Where most of one variant's rows never come to the record, the p-value is tiny and the alarm is there."""
    put = small_world._put
    small_world._put = lambda rows, truths: put(  # type: ignore[method-assign]
        [row for row in rows if row.variant != "v8" or row.request_id.endswith("7")], truths
    )
    found = told(standing(small_world, walked(small_world)), small_world)
    assert found["segue_srm_p_value", "v8"] < 1e-6
    assert found["segue_audit_alarm", "sample_ratio"] == 1


def test_before_the_first_decision(small_world: SmallWorld) -> None:
    """Only where it stands is known."""
    apply(small_world.outside, SPEC)
    assert {name for name, _ in told(standing(small_world, None), small_world)} == {
        "segue_rollout_phase",
        "segue_rollout_stage_age_seconds",
        "segue_acts_waiting",
        "segue_commands_pending",
    }
