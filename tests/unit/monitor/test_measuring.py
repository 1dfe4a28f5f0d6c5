"""From the lake to evidence."""

from typing import Any

import pytest

from segue.decide.observed import Observed
from segue.decide.preconditions.audits import audited, wanted
from segue.decide.preconditions.missing import what_ifs
from segue.decide.questions import asked_gates, questions_of
from segue.decide.walk import stage_of
from segue.facts.decision import Verdict
from segue.facts.evidence import Audit, Evidence
from segue.facts.summary import PairedCounts
from segue.monitor.begin import apply
from segue.monitor.measuring import Findings, Measuring
from segue.monitor.tick import Monitor
from segue.ports.store import Captured, WorkerReport
from segue.spec.load import load
from segue.testkit.small_world import SPEC, START, SmallWorld

ROLLOUT = "churn-1"


@pytest.fixture
def running(small_world: SmallWorld) -> SmallWorld:
    """In the shadow stage."""
    apply(small_world.outside, SPEC)
    small_world.host()
    Monitor(small_world.outside).tick()
    return small_world


def find(world: SmallWorld, measuring: Measuring) -> Findings:
    """What a tick finds now."""
    return measuring.find(load(SPEC), world.outside.rollouts.load(ROLLOUT), world.clock.now())


def test_everything_that_a_decision_needs(running: SmallWorld) -> None:
    """Evidence for each question, both sides' health, judged outcomes, baselines, and what it was made from."""
    running.traffic(500, hours=2)
    running.later(1)
    found = find(running, Measuring(running.outside))
    spec, state = load(SPEC), running.outside.rollouts.load(ROLLOUT).state
    gates = asked_gates(spec, state)
    asked = (*questions_of(gates), *(it.question for it in what_ifs(gates, state)))
    assert set(found.weighed) == {question.id for question in asked}
    assert all(isinstance(weighed, Evidence) for weighed in found.weighed.values())
    assert {name: (it.asked, it.with_outcome) for name, it in found.health.items()} == {
        "champion": (500, 500),
        "v8": (500, 500),
    }
    assert (found.health["v8"].with_outcome, found.seen_in_step, found.problems) == (500, 500, ())
    assert found.baselines["accuracy"][0] == pytest.approx(0.8, abs=0.06)
    assert found.inputs is not None
    assert found.inputs.segments == len(running.outside.summaries.seen(ROLLOUT)) > 3


def test_hour_by_hour_is_all_at_once(running: SmallWorld) -> None:
    """Measured as it came, by one monitor or by several, the evidence is the same as measured in the end."""
    step = Measuring(running.outside)
    for place in range(6):
        running.traffic(60, hours=0.7)
        find(running, step if place % 3 else Measuring(running.outside))
    running.later(2)
    piecemeal = find(running, step)
    rollout = running.outside.rollouts.load(ROLLOUT)
    seen = running.outside.summaries.seen(ROLLOUT)
    running.outside.summaries.replace(ROLLOUT, hours=range(378_370, 378_390), answers=(), cells=())
    whole = find(running, Measuring(running.outside))
    assert seen == running.outside.summaries.seen(rollout.state.rollout)
    assert whole.summaries == piecemeal.summaries
    assert whole.health == piecemeal.health


@pytest.mark.parametrize("dies", [False, True])
def test_a_guardrail_that_comes_back_has_missed_nothing(running: SmallWorld, *, dies: bool) -> None:
    """One that was left out and is put back counts the hours in between too, also where the monitor died at that very tick."""
    guard = "  - accuracy: {worse_than_champion_by: 5pp}\n"
    monitor = Monitor(running.outside)
    for text in (SPEC.replace(guard, ""), SPEC):
        running.traffic(100, hours=1.5)
        monitor.tick()
        apply(running.outside, text)
        monitor.tick()
    running.later(2)
    running.host()
    monitor = Monitor(running.outside) if dies else monitor
    running.traffic(1, hours=0.1)
    monitor.tick()
    rollout = running.outside.rollouts.load(ROLLOUT)
    (question,) = (it.question for it in asked_gates(load(SPEC), rollout.state) if it.question.gate == "guardrails[1]")
    found = running.outside.summaries.answers(ROLLOUT, [question.id])
    counted = sum(it.summary.plus + it.summary.minus + it.summary.zero for it in found if isinstance(it.summary, PairedCounts))
    assert counted == 200


def test_a_crash_before_the_mark_is_harmless(running: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted and not marked as seen is counted again, not twice."""
    running.traffic(300, hours=2)
    running.later(1)

    def killed(*_arguments: object, **_named: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(type(running.outside.summaries), "mark_seen", killed)
        with pytest.raises(KeyboardInterrupt):
            find(running, Measuring(running.outside))
    found = find(running, Measuring(running.outside))
    assert found.health["v8"].asked == 300
    assert found.health["v8"].with_outcome == 300


def test_nothing_new_is_not_measured_again(running: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """While no segment is new and nothing can have come of age, the engine rests."""
    running.traffic(100, hours=1)
    measuring = Measuring(running.outside)
    first = find(running, measuring)
    monkeypatch.setattr(type(running.outside.engine), "run", None)
    assert find(running, measuring) is first


def test_outside_the_stages_nothing_is_measured(small_world: SmallWorld) -> None:
    """A pending rollout asks nothing."""
    apply(small_world.outside, SPEC)
    assert find(small_world, Measuring(small_world.outside)) == Findings()


def in_canary(world: SmallWorld) -> None:
    """The rollout stands in the last step of the canary: half and half."""
    monitor = Monitor(world.outside)
    state = world.outside.rollouts.load(ROLLOUT).state
    for _ in range(12):
        monitor.tick()
        state = world.outside.rollouts.load(ROLLOUT).state
        if (state.stage, state.step) == (1, 1):
            return
        world.traffic(300, hours=1)
        world.host()
    pytest.fail(f"still in stage {state.stage}, step {state.step}")


def audits(found: Findings) -> dict[str, Audit]:
    """By name."""
    return {audit.name: audit for audit in found.audits}


def test_a_shadow_stage_is_audited_for_lost_answers(running: SmallWorld) -> None:
    """What a shadow answered is compared with what it was asked."""
    running.traffic(400, hours=2)
    (audit,) = (it for it in find(running, Measuring(running.outside)).audits if it.candidate)
    assert isinstance(audit.found, Evidence)
    assert (audit.name, audit.found.n, audit.found.estimate) == ("shadows", {"champion": 400, "v8": 400}, 1.0)


def test_a_canary_is_audited(running: SmallWorld) -> None:
    """Every audit that the stage wants is made, and finds nothing where all is well; units that came before count once."""
    in_canary(running)
    running.traffic(800, hours=2)
    running.later(1.5)
    spec, state = load(SPEC), running.outside.rollouts.load(ROLLOUT).state
    found = audits(find(running, Measuring(running.outside)))
    assert set(wanted(spec, stage_of(spec, state))) <= set(found)
    for name in wanted(spec, stage_of(spec, state)):
        evidence = found[name].found
        assert isinstance(evidence, Evidence), name
        assert not found[name].broken
        assert sum(evidence.n.values()) >= 800 or name == "cohorts"


def test_lost_rows_raise_the_alarm(running: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the champion's rows never reach the lake: the ratio of the units says so, and the tick holds."""
    in_canary(running)
    put = running.outside.lake.put_predictions

    def losing(segment: Any, rows: Any) -> None:
        put(segment, [row for row in rows if row.assigned != "champion" or int(row.request_id[1:]) % 2])

    monkeypatch.setattr(running.outside.lake, "put_predictions", losing)
    running.traffic(900, hours=2)
    running.later(1.5)
    assert audits(find(running, Measuring(running.outside)))["sample_ratio"].broken
    (decision,) = Monitor(running.outside).tick()
    assert decision.trigger == "hold"
    assert any("shown not to hold" in reason for reason in decision.reasons)


def test_outcomes_of_one_variant_raise_the_alarm(running: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the candidate's outcomes never come: units are dealt out well, their outcomes are not."""
    in_canary(running)
    lake, assigned = running.outside.lake, {}
    put, put_outcomes = lake.put_predictions, lake.put_outcomes

    def noting(segment: Any, rows: Any) -> None:
        assigned.update({row.request_id: row.assigned for row in rows})
        put(segment, rows)

    def losing(segment: Any, rows: Any) -> None:
        put_outcomes(segment, [row for row in rows if assigned[row.request_id] == "champion" or int(row.request_id[1:]) % 2])

    monkeypatch.setattr(lake, "put_predictions", noting)
    monkeypatch.setattr(lake, "put_outcomes", losing)
    running.traffic(900, hours=2)
    running.later(1.5)
    found = audits(find(running, Measuring(running.outside)))
    assert {name for name, audit in found.items() if audit.broken} == {"outcome_stream", "coverage"}


def test_rows_that_gateways_wrote_and_the_record_lacks(running: SmallWorld) -> None:
    """Unequal loss holds the stage, by every worker's counts together, until the rows have come; equal loss holds nothing."""
    running.traffic(400, hours=2)
    running.traffic(400, hours=1)
    running.later(2)
    number = running.allocation().number

    def told(champion: int, v8: int) -> Verdict:
        for worker, part in (("a", 0.5), ("b", 0.5)):
            rows = {"champion": round(part * champion), "v8": round(part * v8)}
            captured = tuple(Captured(allocation=number, variant=name, rows=it) for name, it in rows.items())
            report = WorkerReport(worker=worker, route="churn", allocation=number, at=START, captured=captured)
            running.outside.allocations.report(report)
        loaded = running.outside.rollouts.load(ROLLOUT)
        found = find(running, Measuring(running.outside))
        spec = load(SPEC)
        seen = audited(spec, stage_of(spec, loaded.state), "stages[0]", (Observed(audits=found.audits), "v8"))
        return next(verdict for verdict in seen if verdict.gate == "stages[0].capture")

    well = told(800, 800)
    assert (well.outcome, well.reason) == ("pass", "nothing against it: no row is missing")
    assert told(1000, 1000).outcome == "pass", "on their way"
    held = told(800, 900)
    assert held.outcome == "not_yet"
    assert "v8 100" in held.reason
    assert "journal" in held.reason
