"""From the lake to what has moved."""

import random

import numpy as np
import pytest

from segue.evidence.drift.profiling import profile_of
from segue.facts.drift.findings import Moved
from segue.facts.drift.profile import Profile
from segue.monitor.begin import apply
from segue.monitor.drifting import Looked, Window, look
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld


def people(rng: random.Random, *, older: float = 0.0) -> dict[str, object]:
    """Features of a request."""
    return {"age": rng.gauss(40 + older, 10), "tier": rng.choice(["new", "vip"]), "kids": rng.randrange(4)}


@pytest.fixture
def profile() -> Profile:
    """What training looked like."""
    rng = random.Random(1)
    rows = [people(rng) for _ in range(5000)]
    return profile_of({name: [row[name] for row in rows] for name in rows[0]})


@pytest.fixture
def world(small_world: SmallWorld) -> SmallWorld:
    """In the shadow stage: the champion, version 7, is served."""
    apply(small_world.outside, SPEC)
    small_world.host()
    Monitor(small_world.outside).tick()
    small_world.features = people
    return small_world


def psi(found: tuple[Moved, ...]) -> dict[str, Moved]:
    """The stability index of each column."""
    return {moved.column: moved for moved in found if moved.statistic.startswith("psi[")}


def at(world: SmallWorld, hours: float, against: str = "training") -> Looked:
    """The last so many hours of version 7."""
    window = Window.of_last(world.clock.now(), hours)
    return Looked(route="churn", version="7", against="before" if against == "before" else "training", window=window)


def test_traffic_as_in_training(world: SmallWorld, profile: Profile) -> None:
    """Nothing is found, and each index is about what chance gives."""
    world.traffic(2000, hours=3)
    found = psi(look(world.outside.engine, world.outside.lake, profile, at(world, 4)))
    assert set(found) == {"age", "tier", "kids"}
    for moved in found.values():
        assert moved.current == 2000
        assert moved.q_value is not None
        assert moved.q_value > 0.01
        assert moved.expected is not None
        assert moved.value < 4 * moved.expected


def test_one_feature_moves(world: SmallWorld, profile: Profile) -> None:
    """It is found by size and by chance, against training and against the time before; the others are not."""
    world.traffic(1500, hours=2)
    world.features = lambda rng: people(rng, older=6)
    world.traffic(1500, hours=2)
    for against in ("training", "before"):
        found = psi(look(world.outside.engine, world.outside.lake, profile, at(world, 1.9, against)))
        assert found["age"].value > 0.2
        assert {name for name, moved in found.items() if (moved.q_value or 1.0) < 0.001} == {"age"}


def test_no_traffic_is_no_finding(world: SmallWorld, profile: Profile) -> None:
    """Before the first request, and for a version that nobody asked."""
    assert look(world.outside.engine, world.outside.lake, profile, at(world, 4)) == ()
    world.traffic(50)
    other = Looked(route="churn", version="9", window=Window.of_last(world.clock.now(), 4))
    assert look(world.outside.engine, world.outside.lake, profile, other) == ()


def test_labels_and_scores_move_too(world: SmallWorld) -> None:
    """Against the champion's answers in the same hours, shadows included."""
    world.traffic(1000, hours=1)
    profile = profile_of({"age": np.linspace(0, 80, 50), "label": ["0", "1"] * 25, "p": np.linspace(0, 1, 50)})
    labelled = Profile(features=profile.features[:1], label=profile.features[1], score=profile.features[2], rows=50)
    window = Window.of_last(world.clock.now(), 4)
    looked = Looked(route="churn", version="8", against="champion", champion="7", window=window)
    found = psi(look(world.outside.engine, world.outside.lake, labelled, looked))
    assert found["label"].reference == found["label"].current == 1000
    assert found["label"].value < 0.02
    assert found["p"].value == 0.0
