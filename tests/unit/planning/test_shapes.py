"""Plans of gates on stability, quantiles beside the champion, and areas."""

import msgspec
import pytest

from segue.errors import DomainError
from segue.evidence.planning.areas import block_variance, placement_variance
from segue.evidence.planning.quantiles import Answers, quantile_power
from segue.evidence.planning.steadiness import steady_fixed, steady_power
from segue.facts.question import Claim, MetricRef, Question
from segue.planning.assumptions import Assumed, baselines
from segue.planning.gates import GatePlan
from segue.planning.page import page
from segue.planning.plan import RolloutPlan, plan
from segue.planning.words import told
from segue.spec.load import load
from segue.testkit.rollout_files import rollout_file

SPEC = load(rollout_file("""
metrics:
  accuracy: {kind: accuracy}
  auc: {kind: roc_auc}
  p95: {kind: latency_quantile, q: 0.95}
guardrails:
  - p95: {worse_than_champion_by: 20ms}
stages:
  - name: shadow
    strategy: shadow
    at_most: {age: 60d, then: rollback}
    promote_when:
      - accuracy: {stable: {every: 1d, at_most: 6x champion}}
      - auc: {not_worse_than_champion_by: 2pp}
      - p95: {not_worse_than_champion_by: 20ms}
  - name: ab
    strategy: ab
    shares: {champion: 50%, v8: 50%}
    promote_when:
      - auc: {not_worse_than_champion_by: 2pp}
      - p95: {not_worse_than_champion_by: 20ms}
  - name: everyone
    strategy: full
    watch: {age: 1d, holdback: 20%}
""", outcome="{window: 24h}"))  # fmt: skip
ASSUMED = Assumed(requests=24_000.0, populations={"tier == 'vip'": 0.1})
DAYS = Question(
    id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="accuracy"), design="days",
    candidate="b", champion="a", claim=Claim(side="below", bound=4.0), alpha=0.05, every_s=86_400.0,
)  # fmt: skip
P95 = msgspec.structs.replace(
    DAYS,
    metric=MetricRef(name="p95", kind="latency_quantile", parameters={"q": 0.95}),
    design="paired",
    claim=Claim(side="above", bound=0.0),
)


@pytest.fixture(scope="module")
def planned() -> RolloutPlan:
    """The plan of a rollout with every such gate."""
    return plan(SPEC, ASSUMED)


def gate(of: RolloutPlan, stage: str, metric: str) -> GatePlan:
    """One promotion gate of it."""
    return next(it for it in of.gates if (it.stage, it.metric, it.kind) == (stage, metric, "promotion"))


def test_every_gate_is_planned(planned: RolloutPlan) -> None:
    """None is left out, and each has its curve for the page."""
    assert planned.unplanned == ()
    assert {it.of for it in planned.gates} == {"periods", "hours", "requests"}
    assert all(it.at and it.chance and it.n_half for it in planned.gates)
    assert "7 periods" in told(planned) or "14 periods" in told(planned) or "28 periods" in told(planned)
    assert page(planned).count("<svg") >= 3


def test_stability_is_decided_at_its_looks(planned: RolloutPlan) -> None:
    """A number of periods is that of a look, whatever the traffic, and a part of the requests has no periods of its own."""
    found = gate(planned, "shadow", "accuracy")
    assert found.n in {7, 14, 28}
    assert found.days == pytest.approx(found.n + 1.0, abs=0.01)
    assert found.segments == ()
    assert found.n_horizon is None


def test_stability_that_comes_too_late_is_said() -> None:
    """Twice the champion's variance is not told from its own within 28 days; the plan says how seldom."""
    tight = plan(load(SPEC.source.replace("6x champion", "2x champion")), ASSUMED)
    assert gate(tight, "shadow", "accuracy").n is None
    assert "is shown at its last look in only" in "\n".join(tight.warnings)


def test_what_goes_together_is_told_apart_sooner(planned: RolloutPlan) -> None:
    """Days that are hard for both variants cancel: the more alike they are, the fewer it takes."""
    together = plan(SPEC, ASSUMED.or_else(Assumed(alike={"accuracy": 0.8})))
    assert gate(together, "shadow", "accuracy").n_fixed < gate(planned, "shadow", "accuracy").n_fixed
    assert steady_fixed(DAYS, power=0.8) == 16


def test_an_area_is_planned_from_traffic_and_positives(planned: RolloutPlan) -> None:
    """Fewer positives or fewer rows an hour take longer; what an hour was seen to vary by is taken instead of the formula."""
    rare = plan(SPEC, ASSUMED.or_else(Assumed(counted={"auc": 0.02}, baselines={"auc": (0.7, 0.21)})))
    for stage in ("shadow", "ab"):
        few, many = gate(rare, stage, "auc").n, gate(planned, stage, "auc").n
        assert few is not None
        assert many is not None
        assert few > many
    seen = plan(SPEC, ASSUMED.or_else(Assumed(hourly={"auc": 1e-5})))
    calm, guessed = gate(seen, "shadow", "auc").n, gate(planned, "shadow", "auc").n
    assert calm is not None
    assert guessed is not None
    assert calm < guessed


def test_a_quantile_is_planned_from_the_champions(planned: RolloutPlan) -> None:
    """20 ms of 80 ms are shown sooner than 20 ms of 400 ms; the value is written like a latency."""
    numbers = {}
    for written in ("80ms", "400ms"):
        known = plan(SPEC, ASSUMED.or_else(Assumed(baselines=baselines([f"p95={written}"], SPEC))))
        numbers[written] = gate(known, "ab", "p95").n or 0
        assert not [note for note in known.notes if note.startswith("p95")]
    assert 0 < numbers["80ms"] < numbers["400ms"]
    assert [note for note in planned.notes if note.startswith("p95: the champion's taken for 100 ms")]


@pytest.mark.parametrize(("alike", "seen"), [(0.0, (0.240, 0.626, 0.926)), (0.6, (0.363, 0.793, 0.988))])
def test_stability_as_simulated(alike: float, seen: tuple[float, float, float]) -> None:
    """4000 rollouts of the very test, ratio 1 against 4, had passed as often after 7, 14 and 28 days (s.e. 0.8 %)."""
    curve = steady_power(DAYS, alike=alike)
    assert [curve.by(look) for look in (7, 14, 28)] == pytest.approx(seen, abs=0.025)
    assert curve.by(6) == 0.0
    assert curve.by(13) == curve.by(7)


def test_quantiles_as_simulated() -> None:
    """100 rollouts of pairs, p95 200 against 220 ms in buckets of 2 %: half had passed by 7,600 pairs, 80 % by 11,200."""
    curve = quantile_power(P95, Answers(q=0.95, champion=0.2, candidate=0.22, bucket=1.02))
    assert curve.needed(0.5) == pytest.approx(7_600, rel=0.1)
    assert curve.needed(0.8) == pytest.approx(11_200, rel=0.1)


def test_what_would_never_be_shown() -> None:
    """A truth that the claim denies has no plan."""
    with pytest.raises(DomainError, match="ever be shown"):
        quantile_power(P95, Answers(q=0.95, champion=0.2, candidate=0.2))
    with pytest.raises(DomainError, match="never be shown"):
        steady_power(DAYS, ratio=5.0)


def test_the_variance_of_an_area() -> None:
    """The two formulas meet where a block is large, and a block of two rows is one comparison."""
    assert 1e6 * block_variance(0.8, 0.3, 1e6) == pytest.approx(placement_variance(0.8, 0.3), rel=1e-4)
    assert block_variance(0.8, 0.5, 2.0) == pytest.approx(0.16)
