"""Each kind of gate, from the text of a spec to its verdict, on a real lake."""

import pytest

from segue.facts.decision import Verdict
from segue.facts.evidence import Evidence, NotEnough
from segue.measure.wanted import wanted
from segue.monitor.begin import apply
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld

ROLLOUT = "churn-1"
ACCURACY = "      - accuracy: {not_worse_than_champion_by: 2pp}\n"
METRICS = "  p99: {kind: latency_quantile, q: 0.99}\n"
MORE = METRICS + "  median: {kind: latency_quantile, q: 0.5}\n  auc: {kind: roc_auc}\n  size: {kind: rmse}\n"


class Walk:
    """A rollout in its first stage, whose only gate is the one that is tried."""

    def __init__(self, world: SmallWorld) -> None:
        self.world = world

    def begin(self, gate: str, *, strategy: str = "strategy: shadow\n    sample: 100%", outcome: str = "") -> None:
        """Apply the spec and start its first stage."""
        text = SPEC.replace("{window: 1h, missing: exclude}", outcome or "{window: 1h, missing: exclude}")
        text = text.replace(ACCURACY, f"      - {gate}\n").replace(METRICS, MORE)
        apply(self.world.outside, text.replace("strategy: shadow\n    sample: 100%", strategy))
        self.world.host()
        Monitor(self.world.outside).tick()

    def verdict(self) -> Verdict:
        """Of the gate at the next tick."""
        self.world.later(1.5)
        self.world.host()
        decision = Monitor(self.world.outside).tick_one(ROLLOUT)
        assert decision is not None
        return next(verdict for verdict in decision.verdicts if verdict.gate == "stages[0].promote_when[0]")


@pytest.fixture
def walk(small_world: SmallWorld) -> Walk:
    """A world whose rollouts have one gate."""
    return Walk(small_world)


def shown(verdict: Verdict) -> Evidence:
    """The evidence of a gate that passes."""
    assert isinstance(verdict.evidence, Evidence), verdict.reason
    assert (verdict.outcome, verdict.evidence.shown) == ("pass", True), verdict.reason
    return verdict.evidence


def held(verdict: Verdict) -> Evidence:
    """The evidence of a gate that does not pass."""
    assert isinstance(verdict.evidence, Evidence), verdict.reason
    assert (verdict.outcome, verdict.evidence.shown) == ("not_yet", False), verdict.reason
    return verdict.evidence


AB = "strategy: ab\n    shares: {champion: 50%, v8: 50%}"


@pytest.mark.parametrize("strategy", ["strategy: shadow\n    sample: 100%", AB], ids=["shadow", "ab"])
@pytest.mark.parametrize(("candidate_s", "passes"), [(0.010, True), (0.020, False)])
def test_a_quantile_beside_the_champion(walk: Walk, strategy: str, candidate_s: float, passes: bool) -> None:
    """Medians are compared in a shadow and among drawn units; as quick is shown not slower by 5 ms, twice as slow is not."""
    walk.world.latency_s = {"champion": 0.010, "v8": candidate_s}
    walk.begin("median: {not_worse_than_champion_by: 5ms}", strategy=strategy)
    walk.world.traffic(1500, hours=2)
    verdict = walk.verdict()
    evidence = shown(verdict) if passes else held(verdict)
    assert evidence.method == "quantile through counts"
    assert evidence.low < candidate_s - 0.010 < evidence.high
    assert "median of v8 not worse than champion's by 5 ms" in verdict.text
    assert " ms, between " in verdict.reason


def test_a_quantile_that_is_worse_rolls_back(small_world: SmallWorld) -> None:
    """A guardrail on a quantile against the champion's is broken by a candidate that is twice as slow."""
    text = SPEC.replace("  - accuracy: {worse", "  - p99: {worse_than_champion_by: 10%}\n  - accuracy: {worse")
    small_world.latency_s = {"champion": 0.010, "v8": 0.020}
    apply(small_world.outside, text)
    small_world.host()
    Monitor(small_world.outside).tick()
    small_world.traffic(4000, hours=2)
    small_world.host()
    decision = Monitor(small_world.outside).tick_one(ROLLOUT)
    assert decision is not None
    assert decision.trigger == "harm"
    assert "never p99 of v8 worse than champion's by 10 % of it is broken" in decision.reasons[0]


@pytest.mark.parametrize(("strategy", "method"), [
    ("strategy: shadow\n    sample: 100%", "betting on a bounded score"), (AB, "normal mixture"),
], ids=["shadow", "ab"])  # fmt: skip
@pytest.mark.parametrize(("candidate", "passes"), [(1.5, True), (0.2, False)])
def test_an_area_beside_the_champion(walk: Walk, strategy: str, method: str, candidate: float, passes: bool) -> None:
    """Areas under the curve: hour by hour where both rank the same requests, by DeLong where units were drawn."""
    walk.world.scored = {"champion": 1.0, "v8": candidate}
    walk.begin("auc: {not_worse_than_champion_by: 0.05}", strategy=strategy)
    for _ in range(12):
        walk.world.traffic(120, hours=3)
    evidence = shown(walk.verdict()) if passes else held(walk.verdict())
    assert evidence.method == method
    assert evidence.low < evidence.estimate < evidence.high


def test_an_area_above_a_limit(walk: Walk) -> None:
    """One variant's area against a constant."""
    walk.world.scored = {"champion": 1.0, "v8": 2.0}
    walk.begin("auc: {at_least: 0.7}")
    for _ in range(12):
        walk.world.traffic(120, hours=3)
    assert shown(walk.verdict()).estimate == pytest.approx(0.92, abs=0.03)


@pytest.mark.parametrize(("candidate", "passes"), [(0.85, True), (0.5, False)])
def test_squares_and_their_roots(walk: Walk, candidate: float, passes: bool) -> None:
    """Root mean squared errors of labels 0 and 1 are roots of error shares; the bound is squared with them."""
    walk.world.accuracy = {"champion": 0.8, "v8": candidate}
    walk.begin("size: {at_most: 0.5}")
    walk.world.traffic(3000, hours=2)
    verdict = walk.verdict()
    evidence = shown(verdict) if passes else held(verdict)
    assert evidence.estimate == pytest.approx(1 - candidate, abs=0.03)
    assert f"value is {evidence.estimate**0.5:.6g}" in verdict.reason
    assert verdict.question is not None
    assert verdict.question.claim.bound == 0.25


@pytest.mark.parametrize("gate", ["size: {not_worse_than_champion_by: 10%}", "size: {better_than_champion: true}"])
def test_squares_beside_the_champion(walk: Walk, gate: str) -> None:
    """Half the errors is better, and not worse by a tenth, of the root as of the square."""
    walk.world.accuracy = {"champion": 0.8, "v8": 0.9}
    walk.begin(gate)
    walk.world.traffic(3000, hours=2)
    assert shown(walk.verdict()).high < 0


@pytest.mark.parametrize("gap", ["demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference"])
def test_groups_that_get_the_same(walk: Walk, gap: str) -> None:
    """Two groups that are treated alike are shown to be within ten points, by each of the three definitions."""
    walk.world.tiers = ("free", "vip")
    walk.begin(f"fairness: {{metric: {gap}, over: tier, at_most: 0.1}}")
    walk.world.traffic(4000, hours=2)
    evidence = shown(walk.verdict())
    assert set(evidence.n) == {"free", "vip"}
    assert 0.0 <= evidence.low <= evidence.estimate < evidence.high < 0.1


def test_groups_that_do_not(walk: Walk) -> None:
    """A true positive rate of a half in one group and of nine tenths in the other is no pass."""
    walk.world.tiers = ("free", "vip")
    walk.world.accuracy_of = {("v8", "free"): 0.5}
    walk.begin("fairness: {metric: equal_opportunity_difference, over: tier, at_most: 10%}")
    walk.world.traffic(3000, hours=2)
    verdict = walk.verdict()
    evidence = held(verdict)
    assert 0.1 < evidence.low < evidence.estimate
    assert evidence.estimate == pytest.approx(0.4, abs=0.1)
    assert "the data show the opposite of below" in verdict.reason


def test_one_group_is_no_comparison(walk: Walk) -> None:
    """Where nobody says which group a request belongs to, nothing is shown."""
    walk.begin("fairness: {metric: demographic_parity_difference, over: tier, at_most: 0.1}")
    walk.world.traffic(300, hours=2)
    verdict = walk.verdict()
    assert isinstance(verdict.evidence, NotEnough)
    assert verdict.outcome == "not_yet"


def test_steady_from_period_to_period(walk: Walk) -> None:
    """After enough whole periods a candidate as steady as the champion passes; before, the gate says how many there are."""
    walk.begin("accuracy: {stable: {every: 1h, at_most: 60x champion}}")
    for _ in range(5):
        walk.world.traffic(250, hours=1)
    early = walk.verdict()
    assert isinstance(early.evidence, NotEnough)
    assert early.evidence.unit == "whole days"
    for _ in range(24):
        walk.world.traffic(250, hours=1)
    evidence = shown(walk.verdict())
    assert (evidence.have, evidence.method) == (28, "Pitman-Morgan between days")


def test_a_candidate_that_swings(walk: Walk) -> None:
    """One that is right half of the time every other hour is not steady."""
    walk.begin("accuracy: {stable: {every: 1h, at_most: 1.5x champion}}")
    for hour in range(16):
        walk.world.accuracy = {"champion": 0.8, "v8": 0.95 if hour % 2 else 0.8}
        walk.world.traffic(200, hours=1)
    assert held(walk.verdict()).estimate > 2


def test_not_worse_without_a_label(walk: Walk) -> None:
    """Two that seldom differ cannot differ in accuracy by more: the gate passes before any outcome is known."""
    walk.world.accuracy = {"champion": 0.999, "v8": 0.998}
    walk.begin("accuracy: {not_worse_than_champion_by: 2pp}")
    walk.world.traffic(1500, hours=2, outcomes=False)
    verdict = walk.verdict()
    evidence = shown(verdict)
    assert (evidence.method, evidence.validity) == ("bound by disagreement", "exact at any look")
    assert -0.02 < evidence.low < 0 < evidence.high < 0.02
    assert "without a label" in verdict.reason


def test_answers_that_differ_need_labels(walk: Walk) -> None:
    """Where they differ in more than the margin, the labels decide."""
    walk.begin("accuracy: {not_worse_than_champion_by: 2pp}")
    walk.world.traffic(1500, hours=2, outcomes=False)
    assert walk.verdict().outcome == "not_yet"
    walk.world.traffic(1500, hours=2)
    assert shown(walk.verdict()).method == "paired betting"


@pytest.mark.parametrize("share", ["100%", "50%"])
def test_only_disagreements_are_asked_for(walk: Walk, share: str) -> None:
    """With outcomes of (a share of) the disagreements alone, better is shown, and the estimate is that of all requests."""
    world = walk.world
    world.accuracy = {"champion": 0.9, "v8": 0.97}
    walk.begin("accuracy: {better_than_champion: true}", outcome=f"{{window: 1h, missing: exclude, wanted: {share}}}")
    world.traffic(3000, hours=2, outcomes=False)
    engine, lake = world.outside.engine, world.outside.lake
    engine.bind({kind: lake.locations(lake.segments(kind, "churn")) for kind in ("predictions", "outcomes")})
    part = float(share.removesuffix("%")) / 100
    asked_for = engine.run(wanted(ROLLOUT, "shadow", variants=("champion", "v8"), share=part))
    assert 0.07 * part < len(asked_for) / 3000 < 0.16 * part
    assert all(champion != candidate for _, _, champion, candidate in asked_for)
    unlabelled = walk.verdict()
    assert unlabelled.outcome == "not_yet"
    world.tell(str(row[0]) for row in asked_for)
    evidence = shown(walk.verdict())
    assert evidence.estimate == pytest.approx(0.07, abs=0.03)
    assert evidence.n == {"v8": 3000, "champion": 3000}


def test_harm_that_begins_in_the_watch(small_world: SmallWorld) -> None:
    """A promoted version that starts to fail after many good hours is rolled back by the change detector."""
    end = SPEC.index("stages:\n") + len("stages:\n")
    watch = "  - name: everyone\n    strategy: full\n    watch: {age: 96h, holdback: 30%}\n"
    apply(small_world.outside, SPEC[:end] + watch + SPEC[SPEC.index("after:") :])
    small_world.host()
    for _ in range(2):
        Monitor(small_world.outside).tick()
    small_world.traffic(9000, hours=20)
    small_world.host()
    decision = Monitor(small_world.outside).tick_one(ROLLOUT)
    assert decision is None or decision.trigger == "hold"
    small_world.failing["v8"] = 0.1
    small_world.traffic(900, hours=6)
    small_world.later(3)
    small_world.host()
    decision = Monitor(small_world.outside).tick_one(ROLLOUT)
    assert decision is not None
    assert decision.trigger == "harm", decision.reasons
    verdict = next(it for it in decision.verdicts if it.gate == "guardrails[0]")
    assert "since some hour, harm is shown" in verdict.reason
    assert isinstance(verdict.evidence, Evidence)
    assert "change detector by the hour" in verdict.evidence.method
    assert "hours pass on average before a false alarm" in verdict.evidence.assumptions[-1]
