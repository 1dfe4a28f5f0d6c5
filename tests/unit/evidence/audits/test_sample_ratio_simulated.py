"""How soon is a wrong ratio seen, and how often is a right one taken for wrong?"""

from math import log

import numpy as np
import pytest
from numpy.typing import NDArray

from segue.evidence.audits.alarm import ALARM
from segue.evidence.audits.sample_ratio import log_e_value

EVERY = 100
"""Units between two looks."""
pytestmark = pytest.mark.slow


def first_alarm(rng: np.random.Generator, split: float, looks: int, *, every: int, intended: float) -> float:
    """Units until the alarm, or infinity."""
    candidate = rng.binomial(every, split, looks).cumsum().astype(float)
    seen = np.arange(1, looks + 1, dtype=float) * every
    loud = log_e_value(np.array([intended]), candidate[:, None], (seen - candidate)[:, None]) >= log(ALARM)
    return float(seen[loud.argmax()]) if loud.any() else float("inf")


def alarms(split: float, units: int, *, runs: int, every: int = EVERY, intended: float = 0.5) -> NDArray[np.float64]:
    """When each run's alarm sounded."""
    rng = np.random.default_rng([20240601, round(split * 1e4)])
    return np.array([first_alarm(rng, split, units // every, every=every, intended=intended) for _ in range(runs)])


@pytest.mark.parametrize(
    ("split", "most", "units", "runs"),
    [(0.55, 2_000, 10_000, 1000), (0.52, 12_000, 40_000, 500), (0.51, 60_000, 200_000, 100), (0.505, 260_000, 800_000, 60)],
    ids=["55", "52", "51", "50.5"],
)
def test_a_wrong_ratio_is_seen_soon(split: float, most: int, units: int, runs: int) -> None:
    """The median of rollouts that were to split half and half."""
    found = alarms(split, units, runs=runs, every=units // 1000)
    print(f"{split:.1%}: median {np.median(found):,.0f} units, 90 % by {np.quantile(found, 0.9):,.0f}")
    assert np.median(found) <= most


@pytest.mark.parametrize("share", [0.5, 0.05, 0.01])
def test_a_right_ratio_is_not_taken_for_wrong(share: float) -> None:
    """300 rollouts of 300,000 units: no alarm. At most one in a thousand is allowed."""
    found = alarms(share, 300_000, runs=300, intended=share)
    print(f"share {share:.0%}: {np.isfinite(found).sum()} of {len(found)} alarmed")
    assert not np.isfinite(found).any()


def test_lost_slow_requests_are_seen() -> None:
    """One variant loses two per cent of its rows: half and half becomes 49.5 to 50.5."""
    lossy = 0.5 * 0.98 / (0.5 * 0.98 + 0.5)
    found = alarms(lossy, 800_000, runs=60)
    print(f"2 % lost on one side: median {np.median(found):,.0f} units")
    assert np.median(found) <= 260_000


def test_a_ramp_is_not_taken_for_wrong() -> None:
    """300 ramps of 1, 5, 25, 50 and 90 % with 20,000 units each: no alarm."""
    shares, rng = np.array([0.01, 0.05, 0.25, 0.5, 0.9]), np.random.default_rng(7)
    steps, loud = 20_000 // EVERY, 0
    for _ in range(300):
        counts = np.zeros((len(shares) * steps, len(shares), 2))
        for epoch, share in enumerate(shares):
            rows = slice(epoch * steps, (epoch + 1) * steps)
            mine = rng.binomial(EVERY, share, steps)
            counts[rows, epoch] = np.stack([mine, EVERY - mine], axis=1)
        seen = counts.cumsum(axis=0)
        loud += bool((log_e_value(shares, seen[..., 0], seen[..., 1]) >= log(ALARM)).any())
    assert loud == 0
