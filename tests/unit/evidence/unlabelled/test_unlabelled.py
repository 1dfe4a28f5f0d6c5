"""Estimates without outcomes: right where their assumptions hold, corrected where outcomes are, and never evidence."""

import typing

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from segue.errors import DomainError
from segue.evidence.drift.profiling import calibrated
from segue.evidence.process import Floats
from segue.evidence.unlabelled import cbpe, dle
from segue.evidence.unlabelled.prediction_powered import LEAST, corrected
from segue.evidence.weighing import METHODS
from segue.facts.decision import Verdict
from segue.facts.drift.findings import Estimate
from segue.facts.evidence import NotEnough
from segue.facts.summary import Summary

METRICS = {
    "accuracy": accuracy_score,
    "precision": precision_score,
    "recall": recall_score,
    "f1": f1_score,
}


def world(
    n: int, seed: int, *, at: float = 0.0, concept: float = 1.0
) -> tuple[Floats, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]:
    """Scores and truths: the logit of the truth is `concept` times that of the score."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(at, 1.5, n)
    return 1 / (1 + np.exp(-logit)), rng.random(n) < 1 / (1 + np.exp(-concept * logit))


def test_cbpe_where_only_the_inputs_moved() -> None:
    """Each estimate holds the realised metric, on other inputs than in training."""
    calibration = calibrated(*world(50_000, 1), "1")
    scores, truth = world(40_000, 2, at=0.7)
    found = cbpe.estimated(calibration, scores, scores > 0.5)
    for name, metric in METRICS.items():
        estimate = found[name]
        assert isinstance(estimate, Estimate)
        assert estimate.value == pytest.approx(metric(truth, scores > 0.5), abs=0.01), name
        assert estimate.low < estimate.value < estimate.high
    area = found["roc_auc"]
    assert isinstance(area, Estimate)
    assert area.value == pytest.approx(roc_auc_score(truth, scores), abs=0.01)


def test_cbpe_does_not_see_a_changed_concept() -> None:
    """It stays where it was while the truth falls: why it may never promote. A few outcomes put it right."""
    calibration = calibrated(*world(50_000, 1), "1")
    scores, truth = world(40_000, 3, concept=0.2)
    predicted = scores > 0.5
    blind = cbpe.estimated(calibration, scores, predicted)["accuracy"]
    real = float(np.mean(truth == predicted))
    assert isinstance(blind, Estimate)
    assert blind.low > real + 0.1
    p = cbpe.chances(calibration, scores)
    right = np.where(predicted, p, 1 - p)
    put_right = corrected("accuracy", right[500:], right[:500], (truth == predicted)[:500].astype(float))
    assert isinstance(put_right, Estimate)
    assert put_right.low < real < put_right.high


def test_a_good_guess_makes_it_sharper_and_a_bad_one_does_no_harm() -> None:
    """Coverage is 95 % either way; the interval is narrower than that of the outcomes alone where the guess is good."""
    rng, held, narrower = np.random.default_rng(4), {"good": 0, "bad": 0}, 0
    for _ in range(300):
        y = rng.normal(3, 1, 3000)
        for name, guess in (("good", y + rng.normal(0.5, 0.3, 3000)), ("bad", rng.normal(10, 2, 3000))):
            found = corrected("mae", guess[200:], guess[:200], y[:200])
            assert isinstance(found, Estimate)
            held[name] += found.low < 3 < found.high
            narrower += name == "good" and found.high - found.low < 0.6 * 2 * 1.96 / 200**0.5
    assert min(held.values()) >= 270
    assert narrower > 290


def test_few_outcomes_correct_nothing() -> None:
    """It is a value; numbers that are none are refused."""
    few = corrected("mae", np.ones(10), np.ones(LEAST - 1), np.ones(LEAST - 1))
    assert isinstance(few, NotEnough)
    with pytest.raises(DomainError):
        corrected("mae", np.ones(10), np.ones(3), np.ones(4))
    with pytest.raises(DomainError):
        cbpe.estimated(calibrated(np.array([0.1, 0.9]), np.array([False, True]), "1"), np.array([np.nan]), np.array([True]))


def test_dle_follows_the_features() -> None:
    """Where more rows are of the hard kind, the estimated loss rises to what it really is."""
    rng = np.random.default_rng(5)
    reference, current = rng.random((4000, 2)), rng.random((4000, 2)) ** np.array([0.5, 1.0])
    losses = np.abs(rng.normal(0, 0.2 + reference[:, 0]))
    real = float(np.abs(rng.normal(0, 0.2 + current[:, 0])).mean())
    guesses = dle.guessed(reference[:2000], losses[:2000], reference[2000:], 1)
    residual = float(np.var(losses[2000:] - guesses))
    found = dle.estimated("mae", dle.guessed(reference[:2000], losses[:2000], current, 1), residual)
    assert found.value == pytest.approx(real, abs=0.06)
    assert found.value > float(losses.mean()) + 0.05
    assert found.low < found.value < found.high
    with pytest.raises(DomainError):
        dle.guessed(reference[:10], losses[:10], current, 1)


def test_warnings_are_sentences() -> None:
    """Only where the whole interval lies below; and a metric without rows says nothing."""
    calibration = calibrated(*world(5000, 1), "1")
    scores, _ = world(5000, 2)
    found = cbpe.estimated(calibration, scores, scores > 0.5)
    assert list(cbpe.warnings(found, {"accuracy": 0.5})) == []
    (said,) = cbpe.warnings(found, {"accuracy": 0.95, "unheard": 0.5})
    assert "without outcomes, accuracy is estimated as" in said
    assert isinstance(cbpe.estimated(calibration, scores[:0], scores[:0] > 0.5)["accuracy"], NotEnough)


def test_an_estimate_is_no_evidence() -> None:
    """No verdict can hold one, no method weighs one, and no summary is one: it cannot reach a gate."""
    assert Estimate not in typing.get_args(Summary)
    assert Estimate not in typing.get_args(typing.get_type_hints(Verdict)["evidence"])
    assert Estimate not in {summary for summary, _ in METHODS}
