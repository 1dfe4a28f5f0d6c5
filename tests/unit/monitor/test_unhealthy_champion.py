"""A champion that falls ill while a rollout lasts, over real stores, lake and engine."""

from datetime import UTC, datetime, timedelta

import pytest

from segue.decide.questions import questions
from segue.facts.decision import Decision
from segue.facts.evidence import Evidence
from segue.facts.summary import PairedCounts
from segue.monitor.begin import apply
from segue.monitor.champion import ejected
from segue.monitor.measuring import Measuring
from segue.monitor.tick import Monitor
from segue.ports.registry import AliasMove
from segue.ports.store import WorkerReport
from segue.spec.load import load
from segue.testkit.small_world import SPEC, START, SmallWorld

ROLLOUT = "churn-1"
LONG = SPEC.replace("at_least: {age: 2h, outcomes: 100}", "at_least: {age: 40h, outcomes: 100}")


def ticks(world: SmallWorld, monitor: Monitor, hours: int, *, requests: int = 200) -> list[Decision]:
    """Hours of traffic, a tick after each; the decisions kept."""
    kept: list[Decision] = []
    for _ in range(hours):
        world.traffic(requests, hours=1.0)
        world.host()
        kept += monitor.tick()
    return kept


def begun(world: SmallWorld, text: str = LONG) -> Monitor:
    """In the shadow stage, with ten healthy hours behind it."""
    monitor = Monitor(world.outside)
    apply(world.outside, text)
    world.host()
    monitor.tick()
    assert {decision.trigger for decision in ticks(world, monitor, 10)} <= {"hold", "ready"}
    return monitor


def test_a_champion_that_fails_is_a_phase(small_world: SmallWorld) -> None:
    """It is noticed, nothing moves while it lasts, it ends by itself, and the rollout goes on with clocks that stood."""
    monitor = begun(small_world)
    small_world.failing["champion"] = 0.4
    ill = ticks(small_world, monitor, 3)
    moved = [decision for decision in ill if decision.trigger == "unhealthy"]
    assert len(moved) == 1
    assert any("answers failed, at most" in reason for reason in moved[0].reasons)
    assert small_world.outside.rollouts.load(ROLLOUT).state.phase == "champion_unhealthy"
    small_world.failing["champion"] = 0.0
    well = ticks(small_world, monitor, 5)
    assert [decision.trigger for decision in well if decision.trigger != "hold"] == ["recovered"]
    state = small_world.outside.rollouts.load(ROLLOUT).state
    assert state.phase == "running"
    assert state.paused_s > 3600
    assert state.apart == ((3, 3),)


def test_what_came_meanwhile_does_not_count(small_world: SmallWorld) -> None:
    """Promotion gates leave the illness out, also what was counted before they were asked so; guardrails leave out nothing."""
    monitor = begun(small_world)
    before = small_world.clock.at
    small_world.failing["champion"] = 0.4
    ticks(small_world, monitor, 3)
    small_world.failing["champion"] = 0.0
    ticks(small_world, monitor, 8)
    loaded = small_world.outside.rollouts.load(ROLLOUT)
    assert loaded.state.phase == "running"
    spec = load(LONG)
    asked = {question.gate: question for question in questions(spec, loaded.state) if question.metric.kind == "accuracy"}
    rows: list[tuple[int, int]] = []
    for measuring in (monitor._measuring, Measuring(small_world.outside)):
        found = measuring.find(spec, loaded, small_world.clock.now())
        gate, guardrail = (_pairs(found.summaries[asked[name].id]) for name in ("stages[0].promote_when[0]", "guardrails[1]"))
        rows.append((gate, guardrail))
        champion = found.health["champion"]
        assert champion.asked < guardrail, "nor do its failures hold a gate on quality when they are over"
        assert 10 * 200 <= gate < guardrail - 300
    assert rows[0] == rows[1], "measured as it came, and anew"
    assert small_world.clock.at > before


def test_the_version_before_serves(small_world: SmallWorld) -> None:
    """Where the spec says so, an illness that lasts ends the rollout, and the alias goes to the version before."""
    registry = small_world.outside.registry

    registry.move(AliasMove(model="churn", alias="previous", before="", after="9", who="ana", why="", at=START, command_id="p"))
    monitor = begun(small_world, f"{LONG}unhealthy_champion: {{then: previous, after: 90m}}\n")
    small_world.failing["champion"] = 0.4
    triggers = [decision.trigger for decision in ticks(small_world, monitor, 5) if decision.trigger != "hold"]
    assert triggers == ["unhealthy", "fall_back"]
    assert registry.alias("churn", "champion") == "9"
    small_world.host()
    monitor.tick()
    rest = small_world.allocation()
    assert (rest.rollout, rest.variants["champion"].version) == ("", "models:/churn@champion")


def test_gateways_say_so_within_a_second(small_world: SmallWorld) -> None:
    """What most gateways' workers report of the champion holds the very next tick; one of three, or an old report, does not."""
    monitor, now = begun(small_world), datetime.now(UTC)
    store = small_world.outside.allocations

    def report(worker: str, *left_out: str, at: datetime = now) -> None:
        store.report(WorkerReport(worker=worker, route="churn", allocation=1, at=at, ejected=left_out))

    for worker in "abc":
        report(worker)
    report("a", "champion")
    assert monitor.tick_one(ROLLOUT) is None or small_world.outside.rollouts.load(ROLLOUT).state.phase == "running"
    report("b", "champion")
    decision = monitor.tick_one(ROLLOUT)
    assert decision is not None
    assert decision.trigger == "unhealthy"


def test_what_an_ejected_candidate_is_not_asked_counts_against_it(small_world: SmallWorld) -> None:
    """The champion answers in its place; each request still counts as the candidate's, failed, and that is shown as harm."""
    text = SPEC[: SPEC.index("  - name: shadow")] + SPEC[SPEC.index("  - name: canary") :]
    text = text.replace("{share: 5%, age: 1h}, {share: 50%, age: 1h}", "{share: 50%, age: 1d}")
    monitor = Monitor(small_world.outside)
    apply(small_world.outside, text)
    small_world.host()
    monitor.tick()
    small_world.failing["v8"], small_world.error = 0.3, "ejected"
    harm = next(decision for decision in ticks(small_world, monitor, 3, requests=400) if decision.trigger == "harm")
    verdict = next(verdict for verdict in harm.verdicts if verdict.outcome == "fail" and verdict.gate == "guardrails[0]")
    assert isinstance(verdict.evidence, Evidence)
    assert sum(verdict.evidence.n.values()) % 400 == 0, "no request of a time of ejection is missing"
    assert verdict.evidence.estimate == pytest.approx(0.3, abs=0.1)


def test_shares_of_those_heard_of() -> None:
    """Only reports of the last half minute count."""
    now = datetime(2013, 3, 1, tzinfo=UTC)
    old = now - timedelta(minutes=1)
    reports = [
        WorkerReport(worker=str(place), route="churn", allocation=1, at=at, ejected=left_out)
        for place, (at, left_out) in enumerate([(now, ("v8",)), (now, ()), (old, ("champion",)), (now, ()), (now, ())])
    ]
    assert ejected(reports, now) == {"v8": pytest.approx(0.25)}
    assert ejected([], now) == {}


def _pairs(summary: object) -> int:
    assert isinstance(summary, PairedCounts)
    return summary.plus + summary.minus + summary.zero
