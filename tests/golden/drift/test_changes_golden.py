"""Concept drift beside River itself, called as its documentation calls it."""

import numpy as np
import pytest
from river import drift

from segue.evidence.change.river import Adwin, PageHinkley
from segue.evidence.process import Floats


def losses(kind: str) -> Floats:
    """Seeded streams."""
    rng = np.random.default_rng(7)
    made = {
        "quiet": rng.random(20_000) < 0.2,
        "worse": np.concatenate([rng.random(3000) < 0.2, rng.random(3000) < 0.35]),
        "better": np.concatenate([rng.random(3000) < 0.4, rng.random(3000) < 0.1]),
        "numbers": np.concatenate([rng.exponential(2, 2000), rng.exponential(3, 2000)]),
        "none": np.zeros(0),
    }
    return made[kind].astype(float)


@pytest.mark.parametrize("kind", ["quiet", "worse", "better", "numbers", "none"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Adwin(), drift.ADWIN()),
        (Adwin(delta=0.05, clock=1, grace_period=30), drift.ADWIN(delta=0.05, clock=1, grace_period=30)),
        (PageHinkley(), drift.PageHinkley(mode="up")),
        (PageHinkley(threshold=10, delta=0.02), drift.PageHinkley(threshold=10, delta=0.02, mode="up")),
    ],
    ids=lambda it: type(it).__name__,
)
def test_signals_are_those_of_river(kind: str, ours: Adwin | PageHinkley, theirs: drift.ADWIN | drift.PageHinkley) -> None:
    """Loss by loss, the same places."""
    theirs = theirs.clone()
    expected = []
    for place, loss in enumerate(losses(kind)):
        theirs.update(loss)
        if theirs.drift_detected:
            expected.append(place)
    assert ours.alarms(losses(kind)) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Adwin(), Adwin(delta=0.3)),
        (Adwin(), Adwin(clock=1)),
        (Adwin(clock=1), Adwin(clock=1, min_window_length=300)),
        (Adwin(), Adwin(grace_period=4000)),
        (PageHinkley(), PageHinkley(min_instances=4000)),
        (PageHinkley(), PageHinkley(delta=0.02)),
        (PageHinkley(), PageHinkley(threshold=20)),
        (PageHinkley(), PageHinkley(alpha=0.99)),
    ],
)
def test_every_parameter_counts(one: Adwin | PageHinkley, other: Adwin | PageHinkley) -> None:
    """It is in the name, and it changes the signals."""
    assert one.id != other.id
    assert one.alarms(losses("worse")) != other.alarms(losses("worse"))
