"""When is it shown that more data will not help?"""

from math import log

import msgspec
import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.looks import rates_of
from segue.evidence.methods.horizon import ON_TIME
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, Futility, MetricRef, Prior, Question
from segue.facts.summary import ArmCell, ArmCounts, PairedCounts

PAIRED = Question(
    id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="accuracy"), design="paired",
    candidate="b", champion="a", claim=Claim(side="above", bound=0.0), alpha=0.05, prior=Prior(variance=0.06, effect=0.01),
    futility=Futility(effect=0.01, alpha=0.02),
)  # fmt: skip
DRAWN = msgspec.structs.replace(PAIRED, design="randomised", prior=Prior(mean=0.1, variance=0.09, effect=0.01))
WORSE = PairedCounts(plus=260, minus=380, zero=9360)


def weighed(question: Question, summary: PairedCounts | ArmCounts) -> Evidence:
    """Evidence, and not too few data."""
    found = weigh(question, summary)
    assert isinstance(found, Evidence)
    return found


def test_without_a_null_nobody_gives_up() -> None:
    """A guardrail's question has no such null, and its evidence says nothing of it."""
    found = weighed(msgspec.structs.replace(PAIRED, futility=None), WORSE)
    assert (found.log_e_futile, found.futile_threshold, found.futile) == (None, None, False)


@pytest.mark.parametrize("alpha", [0.001, 0.02, 0.05, 0.2])
def test_it_is_read_off_the_same_process(alpha: float) -> None:
    """At any alpha it is shown exactly where the interval of that alpha lies below the effect that is waited for."""
    for minus in range(260, 480, 7):
        summary = PairedCounts(plus=260, minus=minus, zero=9360)
        question = msgspec.structs.replace(PAIRED, alpha=alpha, futility=Futility(effect=0.002, alpha=alpha))
        found = weighed(question, summary)
        assert found.futile == (found.high < 0.002)


def test_the_claim_is_judged_as_if_nobody_gave_up() -> None:
    """Neither verdict nor interval moves with it."""
    alone = weighed(msgspec.structs.replace(PAIRED, futility=None), WORSE)
    assert msgspec.structs.replace(weighed(PAIRED, WORSE), log_e_futile=None, futile_threshold=None) == alone
    assert weighed(PAIRED, WORSE).futile_threshold == pytest.approx(-log(0.02))


def test_with_an_end_the_boundary_has_the_alpha_of_giving_up() -> None:
    """A gate that may spend little on giving up can still do so before the horizon: the boundary is laid by that alpha."""
    cell = ArmCell(propensity=0.5, candidate_yes=1900, candidate_no=18_100, champion_yes=2050, champion_no=17_950)
    ending = msgspec.structs.replace(DRAWN, horizon=0.25 * 60_000 * 0.094, futility=Futility(effect=0.01, alpha=0.005))
    found = weighed(ending, ArmCounts(cells=(cell,)))
    assert found.futile
    assert found.log_e_futile is not None
    assert found.log_e_futile > -log(0.05 * ON_TIME)  # more than the boundary of the claim's own alpha could ever pay


def test_an_alpha_is_a_chance() -> None:
    """Nobody gives up with certainty."""
    with pytest.raises(DomainError, match="alpha"):
        weigh(msgspec.structs.replace(PAIRED, futility=Futility(effect=0.01, alpha=1.0)), WORSE)


@pytest.mark.slow
@pytest.mark.parametrize("question", [PAIRED, DRAWN], ids=["paired", "randomised"])
def test_what_is_as_good_as_planned_is_seldom_given_up(question: Question) -> None:
    """At a hundred looks at 2000 rollouts whose effect is the planned one, at most alpha give up, chance aside."""
    rng, alpha, looks, runs = np.random.default_rng(11), 0.1, 100, 2000
    if question.design == "paired":
        chances, each, propensities = [0.04, 0.03, 0.93], 100, tuple[float, ...]()
    else:
        chances, each, propensities = [0.5 * 0.11, 0.5 * 0.89, 0.5 * 0.10, 0.5 * 0.90], 400, (0.5,)
    counts = rng.multinomial(each, chances, size=(runs, looks)).cumsum(axis=1).astype(float)
    waiting = rates_of(question, propensities=propensities, side="below", bound=0.01).log_e(counts)
    often = (waiting.max(axis=1) >= -log(alpha)).mean()
    assert often <= alpha + 3 * (alpha * (1 - alpha) / runs) ** 0.5
