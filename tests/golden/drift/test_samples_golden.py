"""Samples row by row, beside scipy and scikit-learn, and the conventions of other tools."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from segue.errors import DomainError
from segue.evidence.drift.classifier import told_apart
from segue.evidence.drift.conventions import CONVENTIONS
from segue.evidence.drift.samples import Mmd, of_column, separability
from segue.evidence.process import Floats

RECORDED = json.loads((Path(__file__).parent / "evidently.json").read_text())


def pair(name: str) -> tuple[Floats, Floats]:
    """The samples that `make_evidently.py` draws."""
    rng = np.random.default_rng(RECORDED["seed"])
    drawn = {
        "shifted": (rng.normal(size=20_000), rng.normal(0.5, 1.0, 10_000)),
        "same": (rng.lognormal(size=20_000), rng.lognormal(size=10_000)),
        "few": (rng.integers(0, 6, 5000).astype(float), rng.integers(0, 7, 3000).astype(float)),
    }
    return drawn[name]


@pytest.mark.parametrize("name", ["shifted", "same", "few"])
@pytest.mark.parametrize("statistic", ["psi", "js"])
def test_evidently(name: str, statistic: str) -> None:
    """Our numbers under Evidently's convention are those that Evidently gave, to 1e-9."""
    found = CONVENTIONS[f"{statistic}[evidently]"](*pair(name))
    assert found == pytest.approx(RECORDED[name][statistic], rel=1e-9)


def test_conventions_are_not_portable() -> None:
    """On one pair, half a standard deviation apart, no two of them agree to three digits, and all see it."""
    found = {name: compared(*pair("shifted")) for name, compared in CONVENTIONS.items()}
    psi = [value for name, value in found.items() if name.startswith("psi")]
    js = [value for name, value in found.items() if name.startswith("js")]
    assert 0.2 < min(psi) < max(psi) < 0.28
    assert 0.03 < min(js) < 0.06
    assert 0.15 < max(js) < 0.25
    assert len({round(value, 3) for value in js}) == len(js)


def test_one_column() -> None:
    """Constant on both sides is nothing moved; a shift is seen; nothing to compare is refused."""
    assert {moved.p_value for moved in of_column("k", np.ones(5), np.ones(9))} == {1.0, None}
    rng = np.random.default_rng(1)
    found = {moved.statistic: moved for moved in of_column("x", rng.normal(size=300), rng.normal(1, 1, 300))}
    assert found["wasserstein[exact,/std(ref)]"].value == pytest.approx(1.0, abs=0.3)
    assert (found["ks[exact]"].p_value or 1.0) < 1e-6
    with pytest.raises(DomainError):
        list(of_column("x", np.array([]), np.ones(3)))


def test_mmd_is_its_definition() -> None:
    """Unbiased, by the definition's loops, and its p-value sees a shift that single columns hide."""
    rng = np.random.default_rng(2)
    old, new = rng.normal(size=(30, 2)), rng.normal(size=(25, 2))
    rows = np.concatenate([old, new])
    apart = [float(np.sum((a - b) ** 2)) for i, a in enumerate(rows) for b in rows[i + 1 :]]
    scale = float(np.median(apart))

    def mean(first: Floats, second: Floats) -> float:
        alike = [np.exp(-np.sum((a - b) ** 2) / scale) for a in first for b in second if a is not b]
        return float(np.mean([value for value in alike if value < 1]))  # a row beside itself is no pair

    expected = mean(old, old) + mean(new, new) - 2 * mean(old, new)
    assert Mmd().between(old, new, rng).value == pytest.approx(expected, rel=1e-9)
    tied = rng.normal(size=(200, 1)) @ np.ones((1, 2))
    loose = rng.normal(size=(200, 2))
    assert (Mmd(permutations=99).between(loose, tied, rng).p_value or 1.0) == 0.01
    assert (Mmd(permutations=99).between(loose, rng.normal(size=(200, 2)), rng).p_value or 0.0) > 0.02


def test_separability_is_the_area() -> None:
    """As scikit-learn's, ties included; its p-value is scipy's asymptotic one."""
    rng = np.random.default_rng(3)
    scores, current = rng.random(500).round(1), rng.random(500) < 0.4
    scores[current] += 0.1
    found = separability(scores, current, "auc")
    assert found.value == pytest.approx(roc_auc_score(current, scores), abs=1e-12)
    test = mannwhitneyu(scores[current], scores[~current], alternative="greater", use_continuity=False, method="asymptotic")
    assert found.p_value == pytest.approx(test.pvalue, rel=1e-9)


def test_a_classifier_sees_what_no_column_shows() -> None:
    """Two columns that are alike one by one and differ together; where nothing moved it stays near a half."""
    rng = np.random.default_rng(4)
    loose, tied = rng.normal(size=(600, 2)), rng.normal(size=(600, 1)) @ np.ones((1, 2)) + rng.normal(0, 0.3, (600, 2))
    assert told_apart(loose, tied, 1).value > 0.7
    same = told_apart(loose[:300], loose[300:], 1)
    assert abs(same.value - 0.5) < 0.07
    assert (same.p_value or 0.0) > 0.001
