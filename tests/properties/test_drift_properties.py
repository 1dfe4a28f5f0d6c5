"""What holds of every histogram: counts add, distances are distances, and every parameter is felt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.evidence.drift.chance import false_discovery
from segue.evidence.drift.columns import coarse, compared
from segue.evidence.drift.distances import Hellinger, JensenShannon, KolmogorovSmirnov, Psi, Wasserstein
from segue.evidence.drift.profiling import numeric, profile_of, profiled
from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.merging import merge

COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=12)
PAIRS = COUNTS.flatmap(
    lambda one: st.tuples(st.just(one), st.lists(st.integers(0, 1000), min_size=len(one), max_size=len(one)))
).filter(lambda pair: sum(pair[0]) > 0 and sum(pair[1]) > 0)
JS = [JensenShannon(), JensenShannon(base="e"), JensenShannon(form="divergence"), JensenShannon(base="e", form="divergence")]
DISTANCES = [Psi(), *JS, Hellinger(), KolmogorovSmirnov()]


@given(PAIRS, st.sampled_from(DISTANCES))
def test_distances(pair: tuple[list[int], list[int]], distance: Psi | JensenShannon | Hellinger | KolmogorovSmirnov) -> None:
    """Never negative, the same from either side, and nothing for the same shares in any number."""
    old, new = pair
    assert distance.between(old, new) >= 0
    assert distance.between(old, new) == pytest.approx(distance.between(new, old), abs=1e-12)
    assert distance.between(old, [7 * count for count in old]) == pytest.approx(0, abs=1e-7)


@given(st.lists(st.lists(st.tuples(*[st.integers(0, 50)] * 3), min_size=2, max_size=2), min_size=1, max_size=6), st.randoms())
def test_counts_add_in_any_order(parts: list[list[tuple[int, int, int]]], random: object) -> None:
    """The bins of hours are the bins of the day, however they are grouped."""
    hours = [
        Bins(profile="p", columns=("a", "b"), arms=(ArmBins(arm="v8", rows=sum(part[0]), counts=tuple(part)),))
        for part in parts
    ]
    whole = merge(hours)
    shuffled = list(hours)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled) == whole
    halves = [merge(hours[:1]), merge(hours[1:])]
    assert merge([half for half in halves if half is not None]) == whole


@settings(max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float), min_size=1, max_size=200))
def test_a_profile_counts_every_row_once(values: list[float]) -> None:
    """Whatever the column; its coarse bins are sums of its fine ones, and its edges rise."""
    made = profiled("x", np.array(values))
    assert made.rows == len(values)
    assert list(made.edges) == sorted(set(made.edges))
    assert sum(coarse(made, made.counts)) == len(values)
    assert coarse(made, made.counts) == made.coarse.counts
    assert len(made.bins) == len(made.counts)


def test_every_parameter_changes_the_result() -> None:
    """Bins, eps, base, form, scale: another value is another number under another name."""
    old, new = [50, 30, 20, 0], [20, 30, 40, 10]
    variants: list[list[Psi | JensenShannon | Wasserstein]] = [
        [Psi(), Psi(eps=1e-6), Psi(eps=0.01)],
        [*JS],
        [Wasserstein(edges=(0.0, 1.0, 2.0)), Wasserstein(edges=(0.0, 1.0, 3.0), bins="others"),
         Wasserstein(edges=(0.0, 1.0, 2.0), scale=2.0, scaled="std(ref)")],
    ]  # fmt: skip
    for family in variants:
        assert len({distance.id for distance in family}) == len(family)
        assert len({distance.between(old, new) for distance in family}) == len(family)
    values = np.random.default_rng(1).normal(size=2000)
    few, fine = numeric("x", values), profile_of({"x": values[:150]}).features[0]
    assert few.edges != fine.edges


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.floats(0, 1), min_size=1, max_size=20))
def test_q_values(p_values: dict[str, float]) -> None:
    """Never below the p-value, in its order, and all at most a level exactly where Benjamini and Hochberg reject at it."""
    found = false_discovery(p_values)
    assert all(found[name] >= chance or found[name] == pytest.approx(chance) for name, chance in p_values.items())
    ranked = sorted(p_values, key=lambda name: p_values[name])
    assert [found[name] for name in ranked] == sorted(found.values())
    for level in (0.01, 0.1, 0.5):
        enough = [place for place, name in enumerate(ranked, 1) if p_values[name] * len(ranked) / place <= level]
        assert {name for name in ranked if found[name] <= level} == set(ranked[: max(enough, default=0)])


def test_the_same_counts_give_the_same_findings() -> None:
    """Counted at once or hour by hour, the statistics are the same bit by bit."""
    rng = np.random.default_rng(2)
    profile = profile_of({"x": rng.normal(size=1000), "c": rng.choice(list("abc"), 1000).tolist()})
    parts = [
        tuple(tuple(rng.multinomial(200, np.ones(len(it.counts)) / len(it.counts)).tolist()) for it in profile.features)
        for _ in range(5)
    ]
    hours = [Bins(profile="p", columns=("x", "c"), arms=(ArmBins(arm="now", rows=200, counts=part),)) for part in parts]
    one, other = merge(hours), merge([merge(hours[:2]) or hours[0], merge(hours[2:]) or hours[0]])
    assert isinstance(one, Bins)
    assert isinstance(other, Bins)
    trained = ArmBins(arm="training", rows=1000, counts=tuple(it.counts for it in profile.features))
    assert compared(profile, trained, one.arms[0]) == compared(profile, trained, other.arms[0])
