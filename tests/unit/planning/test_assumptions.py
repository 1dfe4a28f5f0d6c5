"""What people may say before there are data."""

import msgspec
import pytest

from segue.errors import DomainError
from segue.planning.assumptions import Assumed, baselines, per_day, shares
from segue.spec.metric import Metric
from segue.spec.rollout import Rollout


@pytest.mark.parametrize(
    ("written", "rate"), [("100_000/day", 1e5), ("20/second", 1_728_000.0), ("5,000/h", 120_000.0), ("7", 7.0)]
)
def test_rates(written: str, rate: float) -> None:
    """A rate is a number and a period; without one it is a day."""
    assert per_day(written) == rate


@pytest.mark.parametrize("written", ["", "fast", "-1/day", "0", "5/fortnight", "inf/day", "nan"])
def test_no_rates(written: str) -> None:
    """What is no rate is refused, with examples."""
    with pytest.raises(DomainError, match="no rate") as refused:
        per_day(written)
    assert "/day" in refused.value.hint


def test_baselines(spec: Rollout) -> None:
    """Of a share the value says the variance; of anything else the spread is needed."""
    found = baselines(["accuracy=91%", "conversion=0.1", "p99=40ms, 10ms"], spec)
    assert found["accuracy"] == pytest.approx((0.91, 0.0819))
    assert found["conversion"] == pytest.approx((0.1, 0.09))
    assert found["p99"] == pytest.approx((0.04, 0.0625))
    assert baselines(["p99=40ms"], spec)["p99"] == pytest.approx((0.04, 0.36))
    loose = msgspec.structs.replace(
        spec, metrics={"cost": Metric(name="cost", kind="mean", of="outcome.cost", goal="decrease")}
    )
    with pytest.raises(DomainError, match="is no share") as refused:
        baselines(["cost=40"], loose)
    assert "SPREAD" in refused.value.hint


@pytest.mark.parametrize("written", ["accuracy", "=91%", "acuracy=91%", "accuracy=0.5pp", "accuracy=abc"])
def test_no_baselines(spec: Rollout, written: str) -> None:
    """A name that is not there, no value, or one in the wrong unit is refused, and says which."""
    with pytest.raises(DomainError, match="`") as refused:
        baselines([written], spec)
    assert refused.value.hint


def test_shares(spec: Rollout) -> None:
    """The last equals sign parts an expression from its share."""
    assert shares(["tier == 'vip'=4%"]) == {"tier == 'vip'": 0.04}
    for wrong in ("nothing=5%", "accuracy=0%", "accuracy=200%"):
        with pytest.raises(DomainError):
            shares([wrong], spec)


def test_what_is_said_wins() -> None:
    """What was observed fills in what nobody said."""
    said = Assumed(requests=10.0, baselines={"a": (0.5, 0.25)})
    seen = Assumed(requests=99.0, units=7.0, baselines={"a": (0.1, 0.09), "b": (0.2, 0.16)}, source="churn-1")
    both = said.or_else(seen)
    assert (both.requests, both.units, both.source) == (10.0, 7.0, "churn-1")
    assert both.baselines == {"a": (0.5, 0.25), "b": (0.2, 0.16)}
