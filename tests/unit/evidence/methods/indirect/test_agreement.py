"""What agreement proves without a label."""

import pytest

from segue.errors import DomainError
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.question import Claim, MetricRef, Prior, Question, Side
from segue.facts.summary import Agreements, PairedCounts


def asking(side: Side, bound: float, *, factor: float = 1.0) -> Question:
    """A claim about two variants that answered the same requests."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="accuracy"), design="paired",
        candidate="b", champion="a", claim=Claim(side=side, bound=bound, factor=factor), alpha=0.05,
        prior=Prior(mean=0.9, variance=0.01, effect=0.0),
    )  # fmt: skip


def test_seldom_apart() -> None:
    """Answers that differ in 0.5 % of 5000 requests cannot be worse by 1 %, whatever the truth; nor better by it."""
    sides: tuple[tuple[Side, float], ...] = (("above", -0.01), ("below", 0.01))
    for side, bound in sides:
        evidence = weigh(asking(side, bound), Agreements(same=4975, different=25))
        assert isinstance(evidence, Evidence)
        assert evidence.shown
        assert -0.01 <= evidence.low <= -0.005
        assert evidence.high == pytest.approx(-evidence.low)
        assert evidence.validity == "exact at any look"
        assert evidence.need is not None
        assert evidence.need <= 5000


def test_often_apart() -> None:
    """Where they differ often, agreement proves nothing; the labels have to say."""
    evidence = weigh(asking("above", -0.01), Agreements(same=4650, different=350))
    assert isinstance(evidence, Evidence)
    assert not evidence.shown
    assert evidence.need is None


def test_never_that_one_is_better() -> None:
    """No agreement shows that the candidate is better."""
    evidence = weigh(asking("above", 0.0), Agreements(same=100_000, different=0))
    assert isinstance(evidence, Evidence)
    assert not evidence.shown


def test_never_more_than_the_labels_say() -> None:
    """With labels the same data are at least as strong: all that differ may have been for the worse."""
    by_agreement = weigh(asking("above", -0.01), Agreements(same=4975, different=25))
    by_labels = weigh(asking("above", -0.01), PairedCounts(plus=0, minus=25, zero=4975))
    assert isinstance(by_agreement, Evidence)
    assert isinstance(by_labels, Evidence)
    assert by_agreement.low == pytest.approx(by_labels.low, abs=0.002)


def test_not_enough_and_refused() -> None:
    """No pair, and a relative margin."""
    assert isinstance(weigh(asking("above", -0.01), Agreements(same=0, different=0)), NotEnough)
    with pytest.raises(DomainError, match="absolute"):
        weigh(asking("above", -0.01, factor=0.9), Agreements(same=1, different=1))
