"""What a rollout has shown, so that its plan need not guess."""

from datetime import UTC, datetime

import pytest

from segue.facts.allocation import Allocation, Range, Shadow, Split, Target
from segue.facts.decision import Decision, State, Verdict
from segue.facts.question import Claim, MetricRef, Question
from segue.facts.summary import Cell, Counts, MomentCell, Moments, PairedCounts, Summary
from segue.measure.cube import FAILURES
from segue.monitor.begin import apply
from segue.monitor.tick import Monitor
from segue.planning.observed import observed
from segue.planning.plan import plan
from segue.spec.load import load
from segue.spec.rollout import Rollout
from segue.testkit.small_world import SPEC as SMALL
from segue.testkit.small_world import SmallWorld

AT = datetime(2013, 3, 1, tzinfo=UTC)
STATE = State(
    rollout="churn-3", route="churn", spec_digest="", phase="running", created_at=AT, entered_at=AT, step_at=AT,
    baselines={"accuracy": (0.9, 0.09)},
)  # fmt: skip


def asked(variant: str, hour: int, n: int, *, allocation: int = 1, **segment: str) -> Cell:
    """How often a variant was asked in an hour, one in ten times in vain."""
    counts = Counts(yes=n // 10, no=n - n // 10)
    return Cell(
        metric=FAILURES, variant=variant, version="7", allocation=allocation, segment=segment, hour=hour, predictions=n,
        summary=counts,
    )  # fmt: skip


def allocation(number: int, *, shadow: bool) -> Allocation:
    """An allocation with or without a shadow."""
    split = Split(salt="s", kind="variant", ranges=(Range(start=0, end=1_000_000, variant="champion"),))
    return Allocation(
        number=number, route="churn", rollout="churn-3", stage="s", spec_digest="", published_at=AT, protocol="v2",
        unit=("request",), context={}, champion="champion", split=split,
        variants={"champion": Target(version="models:/churn/7")},
        shadows=(Shadow(variant="v8", share=1.0),) if shadow else (),
    )  # fmt: skip


def decided(number: int, *verdicts: tuple[str, Summary]) -> Decision:
    """A decision whose verdicts of these metrics rest on these summaries."""
    return Decision(
        id=f"d{number}", rollout="churn-3", number=number, at=AT, kind="hold", trigger="hold", from_phase="running",
        to_phase="running", from_stage="shadow", to_stage="shadow", step=0, reasons=("too early",), commands=(),
        verdicts=tuple(_verdict(metric, summary) for metric, summary in verdicts),
    )  # fmt: skip


def _verdict(metric: str, summary: Summary) -> Verdict:
    question = Question(
        id=metric, gate=f"gate of {metric}", rollout="churn-3", route="churn", stage="shadow",
        metric=MetricRef(name=metric, kind=metric), design="paired", candidate="v8", champion="champion",
        claim=Claim(side="above", bound=0.0), alpha=0.05,
    )  # fmt: skip
    return Verdict(
        gate=question.gate, text="", role="objective", outcome="not_yet", reason="", question=question, summary=summary
    )


def test_traffic(spec: Rollout) -> None:
    """Whole hours of what was served; the copies of a shadow are not traffic, nor are parts counted twice."""
    cells = [asked("champion", hour, 1000) for hour in (100, 101)] + [asked("v8", hour, 1000) for hour in (100, 101)]
    cells += [asked("champion", 102, 600, allocation=2), asked("v8", 102, 400, allocation=2), asked("champion", 103, 5)]
    cells += [asked("champion", 100, 40, tier="vip")]
    allocations = (allocation(1, shadow=True), allocation(2, shadow=False))
    found = observed(spec, STATE, decisions=(), cells=cells, allocations=allocations)
    assert found.requests == 24_000
    assert found.baselines == {"accuracy": (0.9, 0.09)}
    assert found.source == "churn-3"


def test_one_hour_is_no_traffic(spec: Rollout) -> None:
    """The hour that is still running says nothing about a day."""
    assert observed(spec, STATE, decisions=(), cells=[asked("champion", 100, 50)], allocations=()).requests is None


def test_disagreement_and_counted_rows(spec: Rollout) -> None:
    """The last verdict of each gate has the pairs and the moments."""
    ratio = Moments(
        cells=(MomentCell(arm="paired", propensity=1.0, n=400, sums=(90.0, 100.0, 88.0, 100.0), products=(0.0,) * 10),)
    )
    decisions = (
        decided(1, ("accuracy", PairedCounts(plus=1, minus=0, zero=1))),
        decided(2, ("accuracy", PairedCounts(plus=40, minus=20, zero=940)), ("precision", ratio)),
    )
    found = observed(spec, STATE, decisions=decisions, cells=(), allocations=())
    assert found.differ == {"accuracy": pytest.approx(0.06)}
    assert found.counted == {"precision": 0.25}


def test_parts_of_the_requests(spec: Rollout) -> None:
    """Segments give the shares of their values, and of what a gate asks for."""
    cells = [asked("champion", 100, 1000), asked("champion", 100, 50, tier="vip"), asked("champion", 100, 950, tier="basic")]
    found = observed(spec, STATE, decisions=(), cells=cells, allocations=())
    assert found.populations == {"tier == 'vip'": 0.05, "tier == 'basic'": 0.95}


def test_a_plan_from_what_was_seen(spec: Rollout) -> None:
    """A plan from a rollout guesses nothing that the rollout knows."""
    cells = [asked("champion", hour, 5000) for hour in range(100, 130)]
    cells += [asked("champion", 100, 15_000, tier="vip")]
    seen = observed(
        spec,
        STATE,
        decisions=(decided(1, ("accuracy", PairedCounts(plus=40, minus=20, zero=940))),),
        cells=cells,
        allocations=(),
    )
    found = plan(spec, seen)
    assert found.assumed.requests == 120_000
    assert not [note for note in found.notes if note.startswith("accuracy")]


def test_a_real_rollout(small_world: SmallWorld) -> None:
    """From a real lake and store: the traffic that there was, how often the two differed, and the champion's mean."""
    world = small_world
    apply(world.outside, SMALL)
    world.host()
    monitor = Monitor(world.outside)
    monitor.tick()
    for _ in range(4):
        world.traffic(400)
        world.later(1)
        monitor.tick()
    state, outside = world.outside.rollouts.load("churn-1").state, world.outside
    found = observed(
        load(SMALL),
        state,
        decisions=outside.rollouts.decisions("churn-1"),
        cells=outside.summaries.cells("churn-1"),
        allocations=outside.allocations.allocations("churn", rollout="churn-1"),
    )
    assert found.requests == pytest.approx(24 * 200, rel=0.35)  # after each hour of traffic comes one without
    assert 0.5 < found.baselines["accuracy"][0] < 1
    assert 0 < found.differ["accuracy"] < 0.5
    assert found.source == "churn-1"
    assert not [note for note in plan(load(SMALL), found).notes if note.startswith("accuracy")]
