"""A profile of a column: bins, counts, what is missing."""

from typing import Any

import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.drift.profiling import FINE, Roles, calibrated, profile_of, profiled
from segue.facts.drift.profile import Profile
from segue.facts.wire.codec import from_json, to_json


def test_numbers_are_cut_at_the_percentiles() -> None:
    """Each percentile is an observed value, a decile holds a tenth, and outside of everything seen there is nothing yet."""
    values = np.random.default_rng(1).lognormal(size=10_000)
    made = profiled("x", values)
    assert set(made.edges[1:]) <= set(values.tolist())
    assert made.counts[0] == made.counts[len(made.edges)] == 0
    assert made.counts[1 : FINE + 1] == (100,) * FINE
    deciles = np.bincount(made.groups, weights=made.counts[:-2])
    assert deciles.tolist() == [1000.0] * 10


def test_few_values_have_a_bin_each() -> None:
    """So a constant that becomes another constant is seen."""
    made = profiled("x", [3, 1, 3, 2, None])
    assert made.counts == (0, 1, 1, 2, 0, 0, 1)
    assert made.groups == (0, 1, 2, 3, 4)
    assert profiled("k", [5.0, 5.0]).counts == (0, 2, 0, 0, 0)


def test_ties_and_infinities() -> None:
    """A value that fills many percentiles is one edge; infinite values lie in the open ends; nothing is counted twice."""
    values = np.concatenate([np.zeros(900), np.arange(1, 101), [np.inf, -np.inf, np.nan]])
    made = profiled("x", values)
    assert list(made.edges) == sorted(set(made.edges))
    assert (made.rows, made.missing, made.counts[0], made.counts[len(made.edges)]) == (1003, 1, 1, 1)


def test_categories_have_one_text() -> None:
    """Whole numbers, booleans and texts as JSON writes them; what is rare is elsewhere."""
    assert profiled("b", [True, False, True]).categories == ("false", "true")
    assert profiled("mixed", [1, "1", 1.0, "a"]).counts == (3, 1, 0, 0)
    many = profiled("many", [f"c{index}" for index in range(150)])
    assert (len(many.categories), many.counts[-2]) == (100, 50)


def test_a_profile_survives_the_wire() -> None:
    """Bit by bit, calibration included."""
    rng = np.random.default_rng(2)
    table: dict[str, Any] = {
        "age": rng.normal(size=500),
        "tier": ["a", None, "b", "a"] * 125,
        "p": rng.random(500),
        "y": [0, 1] * 250,
    }
    made = profile_of(table, Roles(score="p", truth="y"), "file")
    assert from_json(Profile, to_json(made)) == made
    assert [column.name for column in made.columns] == ["age", "tier", "p"]
    assert made.calibration is not None
    assert made.calibration.rows == 500


def test_a_calibration_is_the_isotonic_fit() -> None:
    """The same as scikit-learn's, at every score."""
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(3)
    scores = rng.random(400).round(2)
    truth = rng.random(400) < scores**2
    made = calibrated(scores, truth, "1")
    at = np.searchsorted(made.scores, scores, side="right") - 1
    expected = IsotonicRegression().fit(scores, truth).predict(scores)
    np.testing.assert_allclose(np.array(made.rates)[at], expected, atol=1e-12)


def test_what_cannot_be_profiled_is_refused() -> None:
    """Unknown columns, no feature, a score that is a text."""
    refused: list[tuple[dict[str, Any], Roles]] = [
        ({"a": [1]}, Roles(score="b")),
        ({"a": [1]}, Roles(left_out=("a",))),
        ({"a": [1], "p": ["high"]}, Roles(score="p")),
        ({"a": []}, Roles()),
    ]
    for table, roles in refused:
        with pytest.raises(DomainError):
            profile_of(table, roles)
