"""Verdict and interval of the methods whose data are no rows of yes and no come from one process as well."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from segue.evidence.methods.horizon import planned_horizon
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, Design, Futility, MetricRef, Prior, Question, Side
from segue.facts.summary import (
    Agreements,
    ArmCell,
    ArmCounts,
    Day,
    Days,
    Histogram,
    MomentCell,
    Moments,
    RankCell,
    Ranks,
    SpreadCell,
    Spreads,
    Summary,
)

RNG = np.random.default_rng(5)
BOUNDS = (-0.4, -0.1, -0.02, 0.0, 0.02, 0.1, 0.4)


def asking(design: Design, side: Side, bound: float, **parameters: float) -> Question:
    """A claim, and the null of giving it up at the same alpha and bound."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", design=design, candidate="b", champion="a",
        metric=MetricRef(name="m", kind="accuracy", parameters=dict(parameters), cap=1.0), claim=Claim(side=side, bound=bound),
        alpha=0.04, prior=Prior(mean=0.3, variance=0.2, effect=bound + (0.05 if side == "above" else -0.05)),
        futility=Futility(effect=bound, alpha=0.04),
    )  # fmt: skip


def histogram(times: float) -> Histogram:
    """4000 answers, so many times as slow."""
    keys = np.ceil(np.log(RNG.lognormal(0.0, 0.6, 4000) * times) / np.log(1.1)).astype(int)
    values, counts = np.unique(keys, return_counts=True)
    return Histogram(base=1.1, at_most_zero=0, buckets=dict(zip(values.tolist(), counts.tolist(), strict=True)))


def ranked(arm: str, apart: float, *, paired: bool = False) -> RankCell:
    """The scores of 400 rows, of which a third is positive."""
    truth = RNG.random(400) < 0.3
    rival = tuple(RNG.normal(truth, 1.0).tolist()) if paired else ()
    kinds = {"positives": tuple(truth.astype(int).tolist()), "negatives": tuple((~truth).astype(int).tolist())}
    scores, propensity = tuple(RNG.normal(apart * truth).tolist()), 1.0 if paired else 0.5
    return RankCell(arm=arm, propensity=propensity, scores=scores, rival=rival, **kinds)


def day(at: int, wide: float) -> Day:
    """A day of 500 rows of either variant; the candidate's share moves so much more than the champion's."""
    b, a = (int(500 * min(max(0.8 + spread * RNG.normal(), 0.0), 1.0)) for spread in (0.02 * wide, 0.02))
    return Day(day=at, candidate_yes=b, candidate_no=500 - b, champion_yes=a, champion_no=500 - a)


def rate(arm: str, share: float) -> MomentCell:
    """A group of 500 rows with this share of yes."""
    yes = 500 * share
    return MomentCell(arm=arm, propensity=1.0, n=500, sums=(yes, 500.0), products=(yes, yes, 500.0))


def cases() -> Iterator[tuple[str, Question, Summary]]:
    """Each method at bounds on both sides of what was seen."""
    for side in ("above", "below"):
        for bound in BOUNDS:
            for times in (0.7, 1.0, 1.6):
                for design in ("paired", "randomised"):
                    values = SpreadCell(propensity=0.5, candidate=histogram(times), champion=histogram(1.0))
                    yield f"quantile {design}", asking(design, side, bound, q=0.9), Spreads(cells=(values,))
            for apart in (0.2, 1.0, 3.0):
                arms = (ranked("b", apart), ranked("a", 1.0))
                yield "area drawn", asking("randomised", side, bound), Ranks(cells=arms)
                pairs = (ranked("paired", apart, paired=True),)
                yield "area of pairs", asking("paired", side, bound), Ranks(cells=pairs)
            for different in (5, 60, 300):
                yield "agreement", asking("paired", side, bound), Agreements(same=1000 - different, different=different)
            for yes in (100, 300, 500):
                cell = ArmCell(propensity=0.5, candidate_yes=yes, candidate_no=1000 - yes, champion_yes=300, champion_no=700)
                ending = asking("randomised", side, bound)
                yield "horizon", replace(ending, horizon=planned_horizon(ending)), ArmCounts(cells=(cell,))
        for ratio in (0.2, 0.5, 1.0, 2.0, 6.0):
            for wide in (0.3, 1.0, 3.0):
                days = Days(days=tuple(day(at, wide) for at in range(28)))
                yield "stability", asking("days", side, ratio), days
        for gap in (0.02, 0.1, 0.4):
            for share in (0.31, 0.45, 0.9):
                groups = Moments(cells=(rate("DE", 0.3), rate("FR", share)))
                yield "groups", replace(asking("groups", side, gap), over="country", champion=""), groups


def test_the_interval_says_what_the_verdict_says() -> None:
    """Shown exactly where the interval lies beyond the bound, given up exactly where it lies on the other side of it."""
    seen: dict[str, set[Any]] = {}
    for name, question, summary in cases():
        found = weigh(question, summary)
        if not isinstance(found, Evidence):
            continue
        above, bound = question.claim.side == "above", question.claim.bound
        assert found.low <= found.estimate <= found.high, name
        assert found.shown == (found.low >= bound if above else found.high <= bound), (name, found)
        contrary = found.high < bound if above else found.low > bound
        assert found.log_e_futile is not None
        assert found.futile_threshold is not None
        at_the_edge = abs(found.log_e_futile - found.futile_threshold) < 1e-6
        assert found.futile == contrary or at_the_edge, (name, found)
        assert found.need is None or (found.need <= found.have) == found.shown, name
        seen.setdefault(name, set()).add((found.shown, found.futile))
    for name, verdicts in seen.items():
        assert (True, False) in verdicts, f"{name} never showed anything"
    assert len(seen) == 8


@pytest.mark.parametrize(
    "field", ["estimate", "low", "high", "log_e", "threshold", "n", "have", "method", "validity", "assumptions"]
)
def test_every_evidence_is_whole(field: str) -> None:
    """Each of them carries all that a reader needs: the numbers, what they rest on, and when they may be looked at."""
    for name, question, summary in cases():
        found = weigh(question, summary)
        if isinstance(found, Evidence):
            value = getattr(found, field)
            assert value is not None, name
            assert value or isinstance(value, float | int), (name, field)
