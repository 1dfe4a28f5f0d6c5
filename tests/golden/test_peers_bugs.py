"""What others got wrong, and was reported to them: here it does not happen.

| whose | what | here |
| --- | --- | --- |
| confseq `conjmix_empbern` | halves alpha twice | `test_evidence_golden.py` |
| TensorZero 4389 | the interval shown contradicts the stopping rule | `test_evidence_golden.py` |
| TensorZero 4163 | a winner that was declared is taken back | `tests/unit/decide/test_judge.py` |
| Statsig | a constant critical value is crossed some day | `test_evidence_golden.py` |
| Kayenta 521, 799 | an empty or errorless baseline cannot be compared with | below |
| Kayenta 780 | Mann-Whitney lets seven times 100 pass beside seven times 1 | below |
| Flagger 1011, 1353, 1689 | without traffic it advances; without values it fails | below |
| GrowthBook 2556 | shares that were changed look like a mismatch | below |
| GrowthBook 68, 1921 | units in progress count as "no" | `tests/unit/measure/`, S4 of `make bench-evidence` |
"""

from typing import Final

import pytest

from segue.evidence.audits.alarm import Subject
from segue.evidence.audits.sample_ratio import Epoch, log_bayes_factor, sample_ratio
from segue.evidence.drift.any_look import TRAINING
from segue.evidence.weighing import METHODS, weigh
from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.grid import score_grid
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import (
    Agreements,
    ArmCell,
    ArmCounts,
    Counts,
    Days,
    Moments,
    PairedCounts,
    Ranks,
    ScoreSums,
    Spreads,
    Summary,
)


def asking(design: Design, bound: float, prior: Prior | None = None) -> Question:
    """A claim above a bound, of a metric that every design can read."""
    metric = MetricRef(name="m", kind="mean", cap=1.0, parameters={"q": 0.5})
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=metric, design=design, candidate="b", champion="a",
        claim=Claim(side="above", bound=bound), alpha=0.05, prior=prior or Prior(),
    )  # fmt: skip


SCORED: Final = asking("randomised", 0.0)
NOTHING: Final[dict[type, Summary]] = {
    Counts: Counts(yes=0, no=0),
    PairedCounts: PairedCounts(plus=0, minus=0, zero=0),
    Agreements: Agreements(same=0, different=0),
    ArmCounts: ArmCounts(cells=(ArmCell(propensity=0.5, candidate_yes=0, candidate_no=0, champion_yes=0, champion_no=0),)),
    ScoreSums: ScoreSums(n=0, n_candidate=0, z=0, z2=0, weight=0, log_growth=(0.0,) * len(score_grid(SCORED).lambdas)),
    Moments: Moments(cells=()),
    Ranks: Ranks(cells=()),
    Spreads: Spreads(cells=()),
    Days: Days(days=()),
    Bins: Bins(profile="p", columns=("x",), arms=(ArmBins(arm=TRAINING, rows=9, counts=((5, 4),)),)),
}


@pytest.mark.parametrize(("kind", "design"), METHODS, ids=lambda it: it if isinstance(it, str) else it.__name__)
def test_nothing_says_nothing(kind: type, design: Design) -> None:
    """Flagger advances without traffic, or fails for want of values: no data are neither good nor bad, by any method."""
    question = asking(design, {"events": 1.1, "days": 0.1, "one_sample": 0.5}.get(design, 0.0))
    for summary in (None, NOTHING[kind]):
        found = weigh(question, summary)
        assert isinstance(found, NotEnough)
        assert found.have < found.need


def test_a_champion_without_an_error() -> None:
    """Kayenta cannot compare with an empty baseline: thirty errors beside none are harm, and none beside none say nothing."""
    arms = ArmCounts(cells=(ArmCell(propensity=0.5, candidate_yes=30, candidate_no=970, champion_yes=0, champion_no=1000),))
    harm = weigh(asking("events", 1.1), arms)
    assert isinstance(harm, Evidence)
    assert harm.shown
    assert harm.low > 1.1
    none = ArmCounts(cells=(ArmCell(propensity=0.5, candidate_yes=0, candidate_no=1000, champion_yes=0, champion_no=1000),))
    assert isinstance(weigh(asking("events", 1.1), none), NotEnough)


def test_a_hundred_times_as_slow() -> None:
    """Seven answers of 100 beside seven of 1, which Kayenta's judge of ranks let pass: the split of slow answers shows it."""
    slow = ArmCounts(cells=(ArmCell(propensity=0.5, candidate_yes=7, candidate_no=0, champion_yes=0, champion_no=7),))
    found = weigh(asking("events", 1.1), slow)
    assert isinstance(found, Evidence)
    assert found.shown


def test_shares_that_changed() -> None:
    """GrowthBook warns of a mismatch after shares were changed: by epoch there is none, pooled there would be."""
    epochs = [Epoch(0.05, 500, 9500), Epoch(0.5, 5000, 5000)]
    audit = sample_ratio(Subject(name="sample_ratio", candidate="b", champion="a"), epochs)
    assert not audit.broken
    assert log_bayes_factor([5500, 14500], [0.5, 0.5], 1e4) > 100
