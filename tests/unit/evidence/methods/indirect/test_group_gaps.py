"""The same for every group."""

import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.methods.indirect.group_gaps import group_gaps
from segue.evidence.process import Process
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.merging import merge
from segue.facts.question import Claim, MetricRef, Prior, Question
from segue.facts.summary import MomentCell, Moments

KIND = "equal_opportunity_difference"
QUESTION = Question(
    id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name=KIND, kind=KIND, cap=1.0),
    design="groups", over="country", candidate="v8", claim=Claim(side="below", bound=0.05), alpha=0.05, prior=Prior(effect=0.0),
)  # fmt: skip


def group(arm: str, rng: np.random.Generator, n: int, rate: float) -> MomentCell:
    """Judged positives, found or not: (N, D) of rows with one each."""
    found = float(rng.binomial(n, rate))
    return MomentCell(arm=arm, propensity=1.0, n=n, sums=(found, float(n)), products=(found, found, float(n)))


def odds(arm: str, counts: tuple[int, int, int, int]) -> MomentCell:
    """True positives, positives, false positives, negatives."""
    tp, p, fp, n = map(float, counts)
    return MomentCell(arm=arm, propensity=1.0, n=int(p + n), sums=(tp, p, fp, n), products=(tp, tp, 0, 0, p, 0, 0, fp, fp, n))


def of(*cells: MomentCell) -> Moments:
    """Groups as a summary."""
    return Moments(cells=cells)


def test_small_gaps() -> None:
    """All within five points are shown; verdict and interval are of the widest pair."""
    rng = np.random.default_rng(1)
    found = weigh(QUESTION, of(group("DE", rng, 8000, 0.9), group("FR", rng, 5000, 0.9), group("PL", rng, 3000, 0.91)))
    assert isinstance(found, Evidence)
    assert found.shown
    assert set(found.n) == {"DE", "FR", "PL"}
    assert 0 <= found.low <= found.estimate < found.high <= 0.05


def test_one_group_worse() -> None:
    """A group that is worse by ten points is no pass, and the interval says how far."""
    rng = np.random.default_rng(2)
    found = weigh(QUESTION, of(group("DE", rng, 8000, 0.9), group("FR", rng, 5000, 0.9), group("PL", rng, 3000, 0.8)))
    assert isinstance(found, Evidence)
    assert not found.shown
    assert found.estimate == pytest.approx(0.1, abs=0.03)
    assert 0.05 < found.low < found.high < 0.2


def test_each_rate_of_the_odds_counts() -> None:
    """Equal true positive rates do not hide false positive rates that are far apart."""
    same = weigh(QUESTION, of(odds("a", (900, 1000, 200, 4000)), odds("b", (4500, 5000, 205, 4000))))
    apart = weigh(QUESTION, of(odds("a", (900, 1000, 200, 4000)), odds("b", (4500, 5000, 800, 4000))))
    assert isinstance(same, Evidence)
    assert isinstance(apart, Evidence)
    assert apart.estimate == pytest.approx(0.15)
    assert apart.log_e < 0 < same.log_e


def test_no_data_is_no_pass() -> None:
    """A group with few judged rows, or none, holds the verdict and is named; so does a single one."""
    rng = np.random.default_rng(3)
    large, nobody = group("DE", rng, 8000, 0.9), MomentCell(arm="PL", propensity=1.0, n=0, sums=(0, 0), products=(0, 0, 0))
    for small in (group("PL", rng, 30, 0.9), nobody):
        weighed = weigh(QUESTION, of(large, small))
        assert isinstance(weighed, NotEnough)
        assert "PL" in weighed.unit
    assert isinstance(weigh(QUESTION, of(large)), NotEnough)


def test_hours_add_up() -> None:
    """The evidence of all hours together does not know how they were cut, nor their order."""
    rng = np.random.default_rng(4)
    hours = [of(group("DE", rng, 900, 0.9), group("FR", rng, 400, 0.88)) for _ in range(6)]
    forwards, backwards = merge(hours), merge([merge(hours[3:]), *hours[2::-1]])  # type: ignore[list-item]  # not empty
    assert weigh(QUESTION, forwards) == weigh(QUESTION, backwards)


def test_at_the_edge_of_the_null() -> None:
    """Two of three groups are exactly the bound apart: it is shown in at most 5 % of rollouts, however often one looks."""
    rng, wrong, runs = np.random.default_rng(5), 0, 300
    for _ in range(runs):
        hours = rng.binomial(200, (0.9, 0.85, 0.88), size=(25, 3)).cumsum(axis=0)
        for look, counts in enumerate(hours, start=1):
            n = 200.0 * look
            cells = [
                MomentCell(arm=name, propensity=1.0, n=int(n), sums=(float(yes), n), products=(float(yes), float(yes), n))
                for name, yes in zip("abc", counts, strict=True)
            ]
            process = group_gaps(QUESTION, of(*cells))
            if isinstance(process, Process) and process.bets.log_e("below", 0.05) >= -np.log(0.05):
                wrong += 1
                break
    assert wrong / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_refused() -> None:
    """No gap is below nothing, and a gap has no horizon."""
    rng = np.random.default_rng(6)
    both = of(group("DE", rng, 800, 0.9), group("FR", rng, 800, 0.9))
    for change in ({"claim": Claim(side="below", bound=-0.1)}, {"horizon": 100.0}):
        with pytest.raises(DomainError, match="gap"):
            weigh(Question(**{name: getattr(QUESTION, name) for name in QUESTION.__struct_fields__} | change), both)
