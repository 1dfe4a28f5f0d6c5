"""Where two versions disagree most, beside scipy and scikit-learn's convention of nothing at all."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from segue.evidence.many.disagreement import disagreements, wilson
from segue.facts.summary import Cell, Counts


def cell(same: int, different: int, hour: int = 1, variant: str = "v8", **segment: str) -> Cell:
    """Pairs of one hour."""
    summary = Counts(yes=same, no=different)
    return Cell(
        metric="agreement",
        variant=variant,
        version="8",
        allocation=1,
        segment=segment,
        hour=hour,
        predictions=same + different,
        summary=summary,
    )


def test_each_segment_beside_all_others() -> None:
    """Shares inside and outside, added over hours; p of Pearson's chi-square without correction, as scipy's."""
    cells = [cell(900, 100), cell(850, 150, hour=2), cell(300, 100, tier="vip"), cell(280, 120, hour=2, tier="vip")]
    cells += [cell(600, 0, tier="new"), cell(570, 30, hour=2, tier="new"), cell(1, 1, variant="v9", tier="vip")]
    first, second = disagreements(cells, "v8")
    assert (first.segment, first.n, first.different, first.elsewhere) == ({"tier": "vip"}, 800, 220 / 800, 30 / 1200)
    assert first.low < first.different < first.high
    expected = chi2_contingency([[580, 220], [1170, 30]], correction=False).pvalue
    assert first.p_value == pytest.approx(expected)
    assert second.segment == {"tier": "new"}
    assert second.q_value == pytest.approx(max(first.p_value, second.p_value))


def test_false_discoveries_are_held() -> None:
    """A hundred segments that are all alike: hardly ever one with q below 5 %."""
    rng, found = np.random.default_rng(1), 0
    for _ in range(40):
        counts = rng.binomial(200, 0.1, 100)
        cells = [cell(200 - int(k), int(k), place=str(at)) for at, k in enumerate(counts)]
        whole = cell(20_000 - int(counts.sum()), int(counts.sum()))
        found += disagreements([whole, *cells], "v8")[0].q_value < 0.05
    assert found <= 5


def test_what_is_too_small_or_everything() -> None:
    """Few requests are no segment; a segment that is everything has nothing beside it, and is no discovery."""
    assert disagreements([cell(30, 10), cell(30, 10, tier="vip")], "v8") == ()
    (only,) = disagreements([cell(60, 40), cell(60, 40, tier="vip")], "v8")
    assert (only.elsewhere, only.p_value) == (None, 1.0)
    assert wilson(5, 5)[1] == 1.0
