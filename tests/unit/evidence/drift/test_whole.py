"""All columns together: rows as numbers, and what the statistics say of them."""

import numpy as np
import pytest

from segue.evidence.drift.profiling import profile_of
from segue.evidence.drift.whole import codes, exact, scaled

PROFILE = profile_of({"age": [10.0, 20.0, 30.0, None], "plan": ["a", "b", "a", None]})


def test_rows_for_trees() -> None:
    """Numbers as they are, categories by their place in the profile, what was never seen behind them, missing as NaN."""
    found = codes(PROFILE.features, {"age": [1.5, None], "plan": ["b", "never"]})
    assert found[0].tolist() == [1.5, 1.0]
    assert np.isnan(found[1, 0])
    assert found[1, 1] == 2.0
    assert np.isnan(codes(PROFILE.features, {"age": [1.0], "plan": [None]})[0, 1])


def test_rows_for_a_kernel() -> None:
    """Numbers on the reference's scale, the missing ones at its mean, a column for each category of training."""
    old, new = scaled(PROFILE.features, {"age": [10.0, 30.0], "plan": ["a", "b"]}, {"age": [40.0, None], "plan": ["a", None]})
    assert old.tolist() == [[-1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    assert new.tolist() == [[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]


def test_what_moved_is_found() -> None:
    """A shifted number by its own statistics and by the kernel of all; q-values over the numbers alone."""
    rng = np.random.default_rng(1)
    both = {"plan": ["a", "b"] * 100, "other": rng.normal(size=200).tolist()}
    old, new = ({"age": rng.normal(mean, 5, 200).tolist(), **both} for mean in (20, 26))
    profile = profile_of(old)
    found = {(it.column, it.statistic.partition("[")[0]): it for it in exact(profile.features, old, new, 1)}
    assert (found["age", "ks"].q_value or 1.0) < 1e-6
    assert found["other", "ks"].q_value == 1.0
    assert found["all columns", "mmd2"].p_value == pytest.approx(1 / 201)
    assert exact(profile.features, old, new, 1) == exact(profile.features, old, new, 1)
