"""Our detector of concept drift: quiet as long as it says, and not slow."""

import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.change.betting import alarms, upper


def test_it_is_quiet_as_long_as_it_says() -> None:
    """Losses of a mean that is just well: within T of a run length of A, at most T / A of the streams have a false alarm."""
    rng = np.random.default_rng(1)
    streams = [rng.random(500) < 0.2 for _ in range(400)]
    false = sum(bool(alarms(stream.astype(float), 0.2, 2500.0)) for stream in streams)
    assert false <= 0.2 * 400


def test_a_rise_is_seen_soon() -> None:
    """From 20 to 30 %, with a run length of 100,000: within 1,000 losses; whatever the losses are in [0, 1]."""
    rng = np.random.default_rng(2)
    for high in (rng.random(1000) < 0.3, rng.beta(3, 7, 1000)):
        (at,) = alarms(np.concatenate([rng.random(2000) < 0.2, high]).astype(float), 0.21, 100_000.0)
        assert 2000 <= at < 3000


def test_each_parameter_moves_it() -> None:
    """A lower level is alarmed sooner, a longer run length later; a level of zero is no division by zero."""
    losses = np.concatenate([np.zeros(100), np.ones(200)])
    sooner, usual, later = (alarms(losses, *it)[0] for it in ((0.05, 1e4), (0.3, 1e4), (0.3, 1e8)))
    assert sooner < usual < later
    assert alarms(losses, 0.0, 1e4)[0] == 100


def test_what_is_refused() -> None:
    """Losses beyond [0, 1], and a run length below 1."""
    with pytest.raises(DomainError, match=r"\[0, 1\]"):
        alarms(np.array([0.5, 2.0]), 0.1, 1e4)
    with pytest.raises(DomainError, match="run length"):
        alarms(np.array([0.5]), 0.1, 0.5)


def test_the_level_of_well() -> None:
    """The upper limit is above the mean, nearer with more rows, and holds at least as often as it says."""
    assert 0.2 < upper(0.2, 10_000, 0.01) < upper(0.2, 100, 0.01) < 1
    assert upper(0.0, 10, 0.01) > 0
    assert upper(0.5, 0, 0.01) == 1.0
    rng = np.random.default_rng(3)
    missed = sum(upper(float((rng.random(200) < 0.1).mean()), 200, 0.05) < 0.1 for _ in range(1000))
    assert missed <= 50
