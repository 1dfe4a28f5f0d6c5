"""A gate on drift, from the text of a spec to its verdict, on a real lake."""

import random

import pytest

from segue.errors import SpecError
from segue.evidence.drift.profiling import profile_of
from segue.facts.decision import Decision, Verdict
from segue.facts.evidence import Evidence
from segue.monitor.begin import apply
from segue.monitor.tick import Monitor
from segue.spec.load import load
from segue.testkit.small_world import SPEC, SmallWorld

ACCURACY = "      - accuracy: {not_worse_than_champion_by: 2pp}\n"
BELOW = SPEC.replace(ACCURACY, ACCURACY + "      - drift: {against: training, psi_below: 0.2}\n")
ABOVE = SPEC.replace("guardrails:\n", "guardrails:\n  - drift: {against: training, psi_above: 0.25}\n")
AB = "    strategy: ab\n    shares: {champion: 50%, v8: 50%}"
BESIDE = SPEC.replace("    strategy: shadow\n    sample: 100%", AB)
BESIDE = BESIDE.replace(ACCURACY, ACCURACY + "      - drift: {against: champion, psi_below: 0.5}\n")


def people(rng: random.Random) -> dict[str, object]:
    """Features of a request."""
    return {"age": rng.gauss(40, 10), "tier": rng.choice(["new", "vip"]), "kids": rng.randrange(4)}


def older(rng: random.Random) -> dict[str, object]:
    """The same, ten years later, of whom some do not tell."""
    return people(rng) | {"age": rng.choice([None, rng.gauss(50, 10)])}


def begin(world: SmallWorld, text: str, *, profile: bool = True) -> None:
    """A rollout in its first stage; version 8 was trained on such people."""
    rng = random.Random(1)
    rows = [people(rng) for _ in range(5000)]
    if profile and world.outside.profiles is not None:
        world.outside.profiles.keep("churn", "8", profile_of({name: [row[name] for row in rows] for name in rows[0]}))
    world.features = people
    apply(world.outside, text)
    world.host()
    Monitor(world.outside).tick()


def ticked(world: SmallWorld) -> Decision:
    """The decision of a tick, some time later."""
    world.later(1.5)
    world.host()
    decision = Monitor(world.outside).tick_one("churn-1")
    assert decision is not None
    return decision


def on_drift(decision: Decision) -> Verdict:
    """The verdict of the gate on drift."""
    return next(verdict for verdict in decision.verdicts if " psi " in verdict.text)


def test_features_as_in_training_pass(small_world: SmallWorld) -> None:
    """In a shadow every request counts, once; the verdict says the largest index, its interval, and where it is."""
    begin(small_world, BELOW)
    small_world.traffic(1500, hours=3)
    verdict = on_drift(ticked(small_world))
    assert isinstance(verdict.evidence, Evidence), verdict.reason
    assert verdict.outcome == "pass", verdict.reason
    assert verdict.evidence.n == {"v8": 1500}
    assert verdict.evidence.high < 0.2
    assert verdict.text == "features that v8 is asked with moved from those in training by a psi below 0.2"
    assert "psi[ref_deciles,eps=0.0001]" in verdict.evidence.method


def test_few_requests_hold(small_world: SmallWorld) -> None:
    """It says how many it takes."""
    begin(small_world, BELOW)
    small_world.traffic(150, hours=3)
    decision = ticked(small_world)
    verdict = on_drift(decision)
    assert (verdict.outcome, decision.trigger) == ("not_yet", "hold")
    assert "it takes about" in verdict.reason


def test_what_has_moved_ends_the_stage(small_world: SmallWorld) -> None:
    """The opposite of the gate is shown, so waiting is futile, though every other gate passed; the feature is named."""
    begin(small_world, BELOW)
    small_world.features = older
    small_world.traffic(1500, hours=3)
    decision = ticked(small_world)
    verdict = on_drift(decision)
    assert (verdict.outcome, decision.trigger) == ("not_yet", "futile_rollback")
    assert "the data show the opposite" in verdict.reason
    assert isinstance(verdict.evidence, Evidence)
    assert "largest at age" in verdict.evidence.method
    assert any("psi below 0.2" in reason for reason in decision.reasons)


@pytest.mark.parametrize("moved", [True, False])
def test_a_guardrail_on_drift(small_world: SmallWorld, moved: bool) -> None:
    """Shown to lie above its bound, it rolls back with the numbers; else it never does."""
    begin(small_world, ABOVE)
    small_world.features = older if moved else people
    small_world.traffic(1500, hours=3)
    decision = ticked(small_world)
    assert (decision.trigger == "harm") == moved
    assert on_drift(decision).outcome == ("fail" if moved else "pass")


def test_beside_the_champion(small_world: SmallWorld) -> None:
    """Where units are drawn, both variants are asked alike, even while the traffic is not what it was in training."""
    begin(small_world, BESIDE)
    small_world.features = older
    small_world.traffic(9000, hours=3)
    verdict = on_drift(ticked(small_world))
    assert verdict.outcome == "pass", verdict.reason
    assert isinstance(verdict.evidence, Evidence)
    assert sum(verdict.evidence.n.values()) == 9000


def test_hour_by_hour_is_all_at_once(small_world: SmallWorld) -> None:
    """Counted as the requests came, the counts are those of the whole."""
    begin(small_world, BELOW)
    monitor = Monitor(small_world.outside)
    for _ in range(4):
        small_world.traffic(200, hours=0.7)
        small_world.host()
        monitor.tick()
    piecemeal = on_drift(ticked(small_world)).summary
    small_world.outside.summaries.mark_seen("churn-1", [], small_world.clock.now())
    small_world.traffic(1, hours=0.01)
    again = on_drift(ticked(small_world)).summary
    assert piecemeal is not None
    assert again is not None
    assert piecemeal != again
    assert {arm.arm: arm.rows for arm in again.arms} == {"training": 5000, "v8": 801}  # type: ignore[union-attr]


def test_without_a_profile_it_holds(small_world: SmallWorld) -> None:
    """And says what to do."""
    begin(small_world, BELOW, profile=False)
    small_world.traffic(1500, hours=3)
    decision = ticked(small_world)
    assert decision.trigger == "hold"
    assert any("churn/8 has no training profile: register it with --profile" in reason for reason in decision.reasons)


def test_drift_alone_never_promotes() -> None:
    """A spec whose stage has no other gate is refused, unless a person says yes."""
    alone = BELOW.replace(ACCURACY, "")
    with pytest.raises(SpecError, match="a gate on drift alone never promotes"):
        load(alone)
    load(alone.replace("    sample: 100%", "    sample: 100%\n    approve: product"))
