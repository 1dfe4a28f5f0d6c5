"""Areas under curves: DeLong's, and blocks as observations."""

from math import sqrt

import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.methods.normal_mixture import NormalMixture
from segue.evidence.methods.ranking.blocks import block_scores
from segue.evidence.methods.ranking.curves import auc, average_precision
from segue.evidence.methods.ranking.delong import roc_area
from segue.evidence.process import Process
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.merging import merge
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import RankCell, Ranks, ScoreSums, ScoreTable

Drawn = tuple[np.ndarray, np.ndarray]


def asking(design: Design, bound: float, *, factor: float = 1.0) -> Question:
    """A claim above a bound about an area."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="roc_auc", cap=1.0),
        design=design, candidate="b", champion="a", claim=Claim(side="above", bound=bound, factor=factor), alpha=0.05,
        prior=Prior(mean=0.8, variance=0.25, effect=0.0),
    )  # fmt: skip


def scored(rng: np.random.Generator, n: int, signal: float, positives: float = 0.3) -> Drawn:
    """Truth and scores; the signal moves the positives' scores up."""
    truth = rng.random(n) < positives
    return truth, np.round(rng.normal(signal * truth, 1.0), 2)


def cell(arm: str, drawn: Drawn, propensity: float = 1.0) -> RankCell:
    """One row a request."""
    truth, scores = drawn
    return RankCell(
        arm=arm,
        propensity=propensity,
        scores=tuple(scores.tolist()),
        positives=tuple(truth.astype(int).tolist()),
        negatives=tuple((~truth).astype(int).tolist()),
    )


def table(drawn: Drawn) -> ScoreTable:
    """The same rows, each score once."""
    truth, scores = drawn
    values = np.unique(scores)
    counts = [tuple(int(((scores == value) & kind).sum()) for value in values) for kind in (truth, ~truth)]
    return ScoreTable(scores=tuple(values.tolist()), positives=counts[0], negatives=counts[1])


def standard_error(process: object) -> float:
    """Of the estimate, as the process sees it."""
    assert isinstance(process, Process)
    assert isinstance(process.bets, NormalMixture)
    return sqrt(process.bets.variance) / process.bets.weight


def test_area_of_all_pairs() -> None:
    """The area is the share of pairs of a positive and a negative that are ranked rightly."""
    truth, scores = drawn = scored(np.random.default_rng(1), 300, 1.0)
    up, down = scores[truth][:, None], scores[~truth][None, :]
    expected = float((up > down).mean() + (up == down).mean() / 2)
    assert auc(table(drawn)) == pytest.approx(expected)
    process = roc_area(asking("one_sample", 0.7), Ranks(cells=(cell("b", drawn),)))
    assert isinstance(process, Process)
    assert process.estimate == pytest.approx(expected)


def test_error_of_one() -> None:
    """The standard error is the spread over repetitions."""
    rng = np.random.default_rng(2)
    processes = [roc_area(asking("one_sample", 0.7), Ranks(cells=(cell("b", scored(rng, 400, 1.0)),))) for _ in range(300)]
    spread = np.std([p.estimate for p in processes if isinstance(p, Process)])
    assert np.mean([standard_error(p) for p in processes]) == pytest.approx(float(spread), rel=0.1)


def test_error_of_drawn_units() -> None:
    """Under a ramp whose base rate moves with it, the difference is right in the mean and so is its standard error."""
    rng = np.random.default_rng(3)
    estimates, errors = [], []
    for _ in range(300):
        cells = []
        for pi, positives in ((0.2, 0.5), (0.5, 0.2)):
            n_b = int(rng.binomial(1500, pi))
            cells += [cell("b", scored(rng, n_b, 1.0, positives), pi), cell("a", scored(rng, 1500 - n_b, 1.0, positives), pi)]
        process = roc_area(asking("randomised", 0.0), Ranks(cells=tuple(cells)))
        assert isinstance(process, Process)
        estimates.append(process.estimate)
        errors.append(standard_error(process))
    assert float(np.mean(estimates)) == pytest.approx(0.0, abs=float(np.std(estimates)) / 5)
    assert float(np.mean(errors)) == pytest.approx(float(np.std(estimates)), rel=0.1)


def test_pairs_are_sharper() -> None:
    """Scores of the same requests by two versions that mostly agree: far less spread than two samples would have."""
    rng = np.random.default_rng(4)
    truth, scores = scored(rng, 2000, 1.0)
    rival = np.round(scores + rng.normal(0, 0.2, 2000), 2)
    paired = cell("paired", (truth, scores))
    both = RankCell(
        arm="paired", propensity=1.0, scores=paired.scores, rival=tuple(rival.tolist()),
        positives=paired.positives, negatives=paired.negatives,
    )  # fmt: skip
    evidence = weigh(asking("paired", -0.02), Ranks(cells=(both,)))
    assert isinstance(evidence, Evidence)
    assert evidence.shown
    assert evidence.high - evidence.low < 0.04
    drawn = Ranks(cells=(cell("b", (truth, scores), 0.5), cell("a", (truth, rival), 0.5)))
    apart = weigh(asking("randomised", -0.02), drawn)
    assert isinstance(apart, Evidence)
    assert apart.high - apart.low > 2 * (evidence.high - evidence.low)


@pytest.mark.parametrize("positives", [19, 300])
def test_burn_in(positives: int) -> None:
    """Without 20 positives, and without 20 rows that are misplaced, there is no verdict: a perfect ranking has no spread."""
    scores = tuple(float(k) for k in range(600))
    ranked = tuple(int(k >= 600 - positives) for k in range(600))
    perfect = RankCell(arm="b", propensity=1.0, scores=scores, positives=ranked, negatives=tuple(1 - p for p in ranked))
    weighed = weigh(asking("one_sample", 0.9), Ranks(cells=(perfect,)))
    assert isinstance(weighed, NotEnough)
    assert weighed.need == 20


def test_nobody() -> None:
    """No row is not enough; scores of another design are refused."""
    assert isinstance(weigh(asking("randomised", 0.0), Ranks(cells=())), NotEnough)
    with pytest.raises(DomainError, match="design"):
        weigh(asking("paired", 0.0), Ranks(cells=(cell("paired", scored(np.random.default_rng(5), 300, 1.0)),)))


def test_parts_add() -> None:
    """Two halves merged say what the whole says."""
    rng = np.random.default_rng(6)
    halves = [Ranks(cells=(cell("b", scored(rng, 200, 1.0), 0.5), cell("a", scored(rng, 200, 0.8), 0.5))) for _ in range(2)]
    question = asking("randomised", 0.0)
    whole = Ranks(cells=tuple(part for half in halves for part in half.cells))
    merged = merge(halves)
    assert isinstance(merged, Ranks)
    first, second = weigh(question, merged), weigh(question, whole)
    assert isinstance(first, Evidence)
    assert isinstance(second, Evidence)
    assert first.log_e == pytest.approx(second.log_e, abs=1e-9)


def test_blocks() -> None:
    """Hours as observations: exact, slower, and the parts add."""
    rng = np.random.default_rng(7)
    question = asking("paired", -0.05)
    hours = []
    for _ in range(400):
        truth, scores = scored(rng, 60, 1.2)
        hours.append((table((truth, scores)), table((truth, np.round(scores + rng.normal(0, 0.3, 60), 2)))))
    whole, parts = block_scores(question, hours), [block_scores(question, hours[k : k + 100]) for k in range(0, 400, 100)]
    assert whole is not None
    merged = merge([part for part in parts if part is not None])
    assert isinstance(merged, ScoreSums)
    assert merged.log_growth == pytest.approx(whole.log_growth)
    evidence = weigh(question, whole)
    assert isinstance(evidence, Evidence)
    assert (evidence.shown, evidence.validity, evidence.have) == (True, "exact at any look", 400)


def test_blocks_of_average_precision() -> None:
    """The mean block average precision of one variant; blocks without a positive do not count."""
    one = ScoreTable(scores=(0.1, 0.4, 0.8), positives=(0, 1, 1), negatives=(1, 1, 0))
    empty = ScoreTable(scores=(0.1,), positives=(0,), negatives=(3,))
    sums = block_scores(asking("one_sample", 0.5), [(one,), (empty,)], average_precision)
    assert sums is not None
    assert sums.n == 1
    assert sums.z == pytest.approx(5 / 6 - 0.5)
    assert block_scores(asking("one_sample", 0.5), [(empty,)]) is None
    assert average_precision(empty) is None
    assert auc(empty) is None


def test_blocks_refused() -> None:
    """Blocks of another design or with another number of tables are refused."""
    one = ScoreTable(scores=(0.1, 0.4), positives=(0, 1), negatives=(1, 0))
    with pytest.raises(DomainError, match="block areas"):
        block_scores(asking("randomised", 0.0), [(one, one)])
    with pytest.raises(DomainError, match="tables"):
        block_scores(asking("paired", 0.0), [(one,)])
