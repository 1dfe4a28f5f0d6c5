"""What the catalogue says about each kind of metric."""

import pytest

from segue.facts.outcome import Label, canonical_label
from segue.spec.metric import AGREEMENT, KINDS, Metric, known_in_shadow, label_text, needs_outcome, scale_of


@pytest.mark.parametrize("label", [0, 1, 1.0, True, False, 0.5, -2, "late", "1.0", "", 1e6, 12345678901234567890])
def test_labels_are_spelled_as_in_outcomes(label: Label) -> None:
    """The positive label of a spec is the same text as the label of an outcome that says the same."""
    assert label_text(label) == canonical_label(label)


def test_every_kind_has_a_scale() -> None:
    """For every kind it is settled how its values are written."""
    tested = [name for name, kind in KINDS.items() if kind.shape != "shown"]
    assert {kind: scale_of(kind) for kind in tested if scale_of(kind) != "proportion"} == {
        "roc_auc": "index",
        "log_loss": "loss",
        "brier": "index",
        "mae": "loss",
        "rmse": "loss",
        "mean": "value",
        "latency_quantile": "duration",
    }


def test_a_cost_is_no_outcome() -> None:
    """The mean of a prediction's cost is known at once and of a shadow too; that of an outcome is neither."""
    cost = Metric(name="cost", kind="mean", of="prediction.cost_usd", goal="decrease")
    revenue = Metric(name="revenue", kind="mean", of="outcome.revenue", goal="increase")
    assert (needs_outcome(cost), known_in_shadow(cost)) == (False, True)
    assert (needs_outcome(revenue), known_in_shadow(revenue)) == (True, False)
    assert (needs_outcome(AGREEMENT), known_in_shadow(AGREEMENT)) == (False, True)
