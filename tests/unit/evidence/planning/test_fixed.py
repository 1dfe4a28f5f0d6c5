"""How many observations a test that looks once takes."""

import msgspec
import pytest

from segue.errors import DomainError
from segue.evidence.planning.fixed import n_fixed
from segue.facts.question import Claim, MetricRef, Prior, Question

CONVERSION = Question(
    id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"), design="randomised",
    candidate="b", champion="a", claim=Claim(side="above", bound=0.0), alpha=0.05,
    prior=Prior(mean=0.105, variance=0.105 * 0.895, effect=0.01),
)  # fmt: skip


def test_textbook() -> None:
    """10 % against 11 % takes 23 234 units at one look."""
    assert n_fixed(CONVERSION) == pytest.approx(23_234, rel=0.002)


def test_a_small_share_is_slow() -> None:
    """One percent of the traffic takes 25 times the units of a half."""
    assert n_fixed(CONVERSION, share=0.01) / n_fixed(CONVERSION) == pytest.approx(0.25 / (0.01 * 0.99), rel=1e-4)


@pytest.mark.parametrize(("power", "share"), [(0.0, 0.5), (1.0, 0.5), (0.8, 0.0), (0.8, 1.0)])
def test_nonsense(power: float, share: float) -> None:
    """There is no sample for a certain result, nor without both variants."""
    with pytest.raises(DomainError):
        n_fixed(CONVERSION, power=power, share=share)


def test_events() -> None:
    """A split of events has no fixed sample in units."""
    with pytest.raises(DomainError):
        n_fixed(msgspec.structs.replace(CONVERSION, design="events"))
