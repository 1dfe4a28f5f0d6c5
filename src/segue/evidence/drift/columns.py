"""How far has each column of a profile moved? All that its bins can tell, in one go."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from msgspec.structs import replace

from segue.errors import DomainError
from segue.evidence.drift.chance import expected, false_discovery, homogeneity, kolmogorov, moved_by_chance, p_value
from segue.evidence.drift.distances import Counted, Hellinger, JensenShannon, KolmogorovSmirnov, Psi, Wasserstein
from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.drift.findings import Moved
from segue.facts.drift.profile import FeatureProfile, Profile

PSI: Final = Psi()
"""The index that `psi_below` and `psi_above` in a rollout file mean."""
CHI_SQUARE: Final = "chi2[homogeneity,ref_deciles]"
CATEGORIES: Final = "categories"
"""What stands for the bins in the name of a category's distances."""


def coarse(column: FeatureProfile, counts: Counted) -> tuple[int, ...]:
    """The counts of one column in its coarse bins: deciles or categories, *elsewhere*, *missing*.

    Raises:
        DomainError: the counts are of other bins.
    """
    if len(counts) != len(column.counts):
        raise DomainError(f"{column.name} has {len(column.counts)} bins, not {len(counts)}")
    if column.kind == "categorical":
        return tuple(int(count) for count in counts)
    groups = np.bincount(column.groups, weights=np.asarray(counts[:-2], dtype=float))
    return (*groups.astype(int).tolist(), int(counts[-2]), int(counts[-1]))


def movements(column: FeatureProfile, reference: Counted, current: Counted) -> Iterator[Moved]:
    """Every statistic of one column, counted in its profile's bins on both sides; nothing where a side has no row."""
    if not sum(reference) or not sum(current):
        return
    old, new = coarse(column, reference), coarse(column, current)
    sizes = {"reference": int(sum(old)), "current": int(sum(new))}
    bins = CATEGORIES if column.kind == "categorical" else PSI.bins
    for distance in (
        replace(PSI, bins=bins),
        JensenShannon(bins=bins),
        JensenShannon(bins=bins, form="divergence"),
        Hellinger(bins=bins),
    ):
        value = distance.between(old, new)
        yield Moved(
            column=column.name,
            statistic=distance.id,
            value=value,
            expected=expected(distance, old, new),
            p_value=p_value(distance, value, old, new),
            **sizes,
        )
    value, degrees, chance = homogeneity(old, new)
    name = CHI_SQUARE.replace(PSI.bins, bins)
    yield Moved(column=column.name, statistic=name, value=value, expected=degrees, p_value=chance, **sizes)
    if column.kind == "numeric":
        yield from _of_values(column, reference[:-2], current[:-2])


def compared(profile: Profile, reference: ArmBins, current: ArmBins) -> tuple[Moved, ...]:
    """Every statistic of every column, with the false discovery rate of each statistic over the columns.

    Args:
        profile: whose bins both sides were counted in.
        reference: what was before: training (`as_trained`), the champion, an earlier window.
        current: what is now.
    """
    found = [
        moved
        for column, old, new in zip(profile.columns, reference.counts, current.counts, strict=True)
        for moved in movements(column, old, new)
    ]
    return discovered(found)


def discovered(found: Iterable[Moved]) -> tuple[Moved, ...]:
    """The same with q-values: each family of statistics over all columns that have one."""
    listed = list(found)
    families: dict[str, dict[str, float]] = {}
    for moved in listed:
        if moved.p_value is not None:
            families.setdefault(_family(moved), {})[moved.column] = moved.p_value
    q_values = {family: false_discovery(p_values) for family, p_values in families.items()}
    return tuple(
        replace(moved, q_value=q_values[_family(moved)][moved.column]) if moved.p_value is not None else moved
        for moved in listed
    )


def as_trained(profile: Profile) -> ArmBins:
    """The training data as a side of a comparison."""
    return ArmBins(arm="training", rows=profile.rows, counts=tuple(column.counts for column in profile.columns))


def side(bins: Bins, arm: str) -> ArmBins:
    """The rows of one side, none counted where it has none."""
    return bins.of(arm) or ArmBins(arm=arm, rows=0, counts=tuple(() for _ in bins.columns))


def _of_values(column: FeatureProfile, reference: Counted, current: Counted) -> Iterator[Moved]:
    """What needs an order: only rows with a value count."""
    n, m = int(sum(reference)), int(sum(current))
    if not n or not m:
        return
    sizes = {"reference": n, "current": m}
    ks = KolmogorovSmirnov()
    distance = ks.between(reference, current)
    mean, chance = kolmogorov(distance, n, m)
    yield Moved(
        column=column.name,
        statistic=ks.id,
        value=distance,
        expected=mean,
        p_value=chance,
        off_by=ks.off_by(reference, current),
        **sizes,
    )
    by_chance = moved_by_chance(column.edges, reference, current)
    earth = Wasserstein(edges=column.edges)
    yield Moved(column=column.name, statistic=earth.id, value=earth.between(reference, current), expected=by_chance, **sizes)
    if column.std:
        scaled = replace(earth, scale=column.std, scaled="std(ref)")
        value = scaled.between(reference, current)
        yield Moved(column=column.name, statistic=scaled.id, value=value, expected=by_chance / column.std, **sizes)


def _family(moved: Moved) -> str:
    return moved.statistic.replace(CATEGORIES, PSI.bins)
