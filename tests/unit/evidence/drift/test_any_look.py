"""Evidence of drift that may be looked at as often as one likes."""

import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.drift import any_look
from segue.evidence.drift.columns import PSI
from segue.evidence.weighing import weigh
from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.question import Claim, MetricRef, Prior, Question, Side

SHARES = np.array([0.1] * 9 + [0.08, 0.02])


def question(side: Side, bound: float, *, champion: str = "", alpha: float = 0.05) -> Question:
    """A gate on drift."""
    return Question(
        id="q",
        gate="g",
        rollout="r",
        route="r",
        stage="s",
        metric=MetricRef(name="drift", kind="psi"),
        design="drift",
        candidate="v8",
        champion=champion,
        claim=Claim(side=side, bound=bound),
        alpha=alpha,
        prior=Prior(effect=0.0),
    )


def bins(*arms: tuple[str, list[list[int]]]) -> Bins:
    """Counts of each side, one list a feature; training is added."""
    training = [(SHARES * 10_000).astype(int).tolist()] * len(arms[0][1])
    sides = sorted([*arms, ("training", training)])
    columns = tuple(f"f{place}" for place in range(len(arms[0][1])))
    made = (ArmBins(arm=arm, rows=sum(counts[0]), counts=tuple(map(tuple, counts))) for arm, counts in sides)
    return Bins(profile="p", columns=columns, arms=tuple(made))


def expected(n: int, shares: "np.ndarray[tuple[int], np.dtype[np.float64]]" = SHARES) -> list[int]:
    """Counts that lie exactly where they are expected."""
    return [round(share * n) for share in shares.tolist()]


def weighed(side: Side, bound: float, summary: Bins, champion: str = "") -> Evidence:
    """The evidence, which is there."""
    found = weigh(question(side, bound, champion=champion), summary)
    assert isinstance(found, Evidence)
    return found


def test_no_drift_is_shown_with_enough_requests() -> None:
    """At a thousand or so, not at a hundred; the estimate of what it takes is right within a tenth."""
    few, many = (weighed("below", 0.2, bins(("v8", [expected(n)] * 20))) for n in (100, 3000))
    assert (few.shown, many.shown) == (False, True)
    assert few.low == 0.0
    assert few.high > 0.2 > many.high
    need = few.need
    assert need is not None
    assert not weighed("below", 0.2, bins(("v8", [expected(round(0.9 * need))] * 20))).shown
    assert weighed("below", 0.2, bins(("v8", [expected(round(1.1 * need))] * 20))).shown


def test_one_feature_that_moves_is_enough() -> None:
    """It is named, its index is the estimate, and "below" can never be shown."""
    moved = np.array([0.3, 0.2] + [0.05] * 8 + [0.1])
    summary = bins(("v8", [expected(2000), expected(2000, moved), expected(2000)]))
    above = weighed("above", 0.2, summary)
    assert above.shown
    assert "largest at f1" in above.method
    assert above.estimate == pytest.approx(PSI.between(summary.arms[0].counts[1], expected(2000, moved)))
    assert above.low > 0.2
    below = weighed("below", 0.2, summary)
    assert (below.shown, below.need) == (False, None)


def test_a_million_rows_do_not_make_drift_out_of_little() -> None:
    """A difference that is certain and small is below the bound; it is not above it."""
    little = SHARES.copy()
    little[:2] += [0.01, -0.01]
    summary = bins(("v8", [expected(1_000_000, little)]))
    assert weighed("below", 0.2, summary).shown
    assert not weighed("above", 0.2, summary).shown
    assert weighed("above", 0.001, summary).shown


def test_beside_the_champion_both_sides_are_uncertain() -> None:
    """The same features in front of both are shown alike, with more requests than beside a training that is known."""
    same = [expected(6000)] * 3
    one = weighed("below", 0.2, bins(("v8", same)))
    two = weighed("below", 0.2, bins(("champion", same), ("v8", same)), "champion")
    assert two.shown
    assert one.high < two.high
    assert two.n == {"champion": 6000, "v8": 6000}


def test_too_little_is_a_value() -> None:
    """No request of a side, and no training."""
    assert isinstance(weigh(question("below", 0.2, champion="champion"), bins(("v8", [expected(10)]))), NotEnough)
    assert isinstance(weigh(question("below", 0.2), bins(("other", [expected(10)]))), NotEnough)
    with pytest.raises(DomainError):
        weigh(question("below", 0.2), Bins(profile="p", columns=("f",), arms=()))


@pytest.mark.parametrize(("champion", "side"), [("", "above"), ("champion", "above"), ("", "below")])
def test_looked_at_all_the_time(champion: str, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the claim is false, just at its bound, it is shown in at most alpha of 60 rollouts that look twenty times."""
    monkeypatch.setattr(any_look, "_LEVELS", any_look._LEVELS[:1])  # the level of alpha itself is always among them
    rng = np.random.default_rng(5)
    moved = SHARES.copy()
    moved[:2] += [0.08, -0.08]
    asked, wrong = question(side, PSI.between(expected(10_000), moved), champion=champion), 0
    for _ in range(60):
        current, reference = rng.multinomial(120, moved, 20).cumsum(axis=0), rng.multinomial(120, SHARES, 20).cumsum(axis=0)
        for now, other in zip(current, reference, strict=True):
            arms = [("v8", [now.tolist()])] + ([("champion", [other.tolist()])] if champion else [])
            process = any_look.drift(asked, bins(*arms))
            assert not isinstance(process, NotEnough)
            if process.bets.log_e(side, asked.claim.bound) >= -np.log(asked.alpha):
                wrong += 1
                break
    assert wrong <= 3 + 3 * 3**0.5
