"""Questions that no data can answer."""

import msgspec
import pytest

from segue.errors import DomainError
from segue.evidence.domain import check_question
from segue.facts.question import Claim, MetricRef, Prior, Question

GOOD = Question(
    id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"), design="paired",
    candidate="b", champion="a", claim=Claim(side="above", bound=0.0), alpha=0.05,
)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 1.5},
        {"claim": Claim(side="above", bound=float("inf"))},
        {"claim": Claim(side="above", bound=0.0, factor=-1.0)},
        {"prior": Prior(mean=float("nan"))},
        {"prior": Prior(variance=-0.1)},
    ],
    ids=repr,
)
def test_nonsense(change: dict[str, object]) -> None:
    """Each nonsense is refused; without it the question is fine."""
    check_question(GOOD)
    with pytest.raises(DomainError):
        check_question(msgspec.structs.replace(GOOD, **change))
