"""The records beside the offline pipeline, and beside each other."""

import random

import pytest

from segue.errors import DomainError
from segue.evidence.drift.skew import Tolerance
from segue.monitor.begin import apply
from segue.monitor.telling.comparing import Offline, segments, skewed
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld


@pytest.fixture
def world(small_world: SmallWorld) -> SmallWorld:
    """In the shadow stage."""
    apply(small_world.outside, SPEC)
    small_world.host()
    Monitor(small_world.outside).tick()
    return small_world


def people(rng: random.Random) -> dict[str, object]:
    """Features of a request."""
    return {"age": rng.randrange(20, 60), "tier": "vip"}


def test_skew_of_what_was_served(world: SmallWorld) -> None:
    """Features and predictions of recorded requests are joined by id; one that was never recorded is counted."""
    world.features = people
    world.traffic(40)
    engine, lake = world.outside.engine, world.outside.lake
    engine.bind({"predictions": lake.locations(lake.segments("predictions", "churn"))})
    told = engine.run("SELECT request_id, features, label, variant FROM predictions ORDER BY request_id")
    ages = {str(row[0]): int(str(row[1]).split('"age": ')[1].split(",")[0]) for row in told if row[1] is not None}
    labels = {str(row[0]): row[2] for row in told if row[3] == "v8"}
    rows = {name: {"age": age + (name == "q1"), "tier": "vip", "label": labels[name]} for name, age in ages.items()}
    offline = Offline(rows=rows | {"gone": {"age": 1}}, columns=("age", "tier", "label"), version="8")
    found = skewed(world.outside, "churn", offline, Tolerance())
    age, tier, label = found.columns
    assert (found.joined, found.not_served) == (40, 1)
    assert (age.same, age.different, age.examples, age.largest) == (39, 1, ("q1",), 1.0)
    assert (tier.same, label.same) == (40, 40)
    with pytest.raises(DomainError):
        skewed(world.outside, "churn", Offline(rows=rows, columns=()), Tolerance())


def test_segments_of_a_rollout(world: SmallWorld) -> None:
    """A tier in which the candidate is worse is found, without being named in the spec."""
    world.tiers = ("new", "vip", "old")
    world.accuracy_of = {("v8", "vip"): 0.5}
    world.traffic(1500, hours=2)
    world.later(2)
    loaded = world.outside.rollouts.load("churn-1")
    found = segments(world.outside, loaded, "accuracy")
    assert {next(iter(it.segment.values())) for it in found} == {"new", "vip", "old"}
    assert (found[0].segment, found[0].difference < -0.2, found[0].q_value < 0.001) == ({"tier": "vip"}, True, True)
    with pytest.raises(DomainError):
        segments(world.outside, loaded, "unheard")
