"""What did real days bring, hour by hour, so that a simulated one can be like them?

A day of a simulation is a recorded day, drawn with replacement: blocks of a whole day keep what hours of one day have in common
(Künsch 1989, Annals of Statistics 17, the block bootstrap). Inside of an hour, observations of a proportion are drawn with the
hour's own rates, which for single requests is the same as drawing its rows with replacement.

What is known of a candidate is what was asked of it: in a shadow the same requests as the champion's, else those that were
drawn for it; arms are compared inside of an allocation and hour, where everybody had the same chance, and weighted by all that
came there, which is weighting by the inverse of the propensity. Steps for an audience are no draw, and left out.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.facts.summary import Cell, Counts, Moments
from segue.measure.cube import FAILURES as REQUESTS
from segue.simulate.worlds.world import DAY_MIN, FAILURES

_HOURS: Final = 24
_LEAST_HOURS: Final = 20
"""A day with fewer recorded hours is left out; of one with more, an hour that is missing is the mean of that hour."""

Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Real days, each of 24 hours.

    Args:
        days: how many there are, at least one.
        traffic: requests of the route, shape (days, 24).
        rates: (metric, variant) -> mean observation of each hour, shape (days, 24).
    """

    days: int
    traffic: Floats
    rates: dict[tuple[str, str], Floats]

    def drawn(self, seed: tuple[int, ...], days: float) -> "Past":
        """So many days and one, drawn with replacement; the seed alone decides which."""
        rng = np.random.default_rng((*seed, crc32(b"recorded days")))
        return Past(self, rng.integers(self.days, size=int(days) + 2))


@dataclass(frozen=True, slots=True)
class Past:
    """Recorded days in a drawn order: what the days of one simulated rollout are like."""

    recorded: Recorded
    order: NDArray[np.int64]

    def traffic(self, minutes: Floats) -> Floats:
        """How busy the route is at these moments; 1 on average over all recorded days."""
        busy: Floats = self._at(self.recorded.traffic, minutes) / self.recorded.traffic.mean()
        return busy

    def rates(self, metric: str, variant: str, minutes: Floats) -> Floats | None:
        """The variant's mean observation at these moments; None where it is not known."""
        found = self.recorded.rates.get((metric, variant))
        return None if found is None else self._at(found, minutes)

    def _at(self, hours: Floats, minutes: Floats) -> Floats:
        day = np.minimum((minutes // DAY_MIN).astype(int), len(self.order) - 1)
        found: Floats = hours[self.order[day], (minutes % DAY_MIN // 60).astype(int)]
        return found


def recorded(cells: Sequence[Cell], champion: str, *, shadows: Collection[Place], chosen: Collection[int]) -> Recorded:
    """The days that a rollout's cells tell of.

    Args:
        cells: of the cube, measured from the lake.
        champion: by its name in the spec; everything else is a candidate.
        shadows: (allocation, variant) that was asked in the shadow; its copies are no traffic.
        chosen: allocations that gave a candidate to an audience instead of drawing for it.

    Raises:
        DomainError: no day is whole.
    """
    everybody = [cell for cell in cells if not cell.segment]
    came: defaultdict[int, float] = defaultdict(float)
    here: defaultdict[Place, float] = defaultdict(float)  # by hour and allocation
    for cell in everybody:
        if cell.metric == REQUESTS and isinstance(cell.summary, Counts) and (cell.allocation, cell.variant) not in shadows:
            n = cell.summary.yes + cell.summary.no
            came[cell.hour] += n
            here[cell.hour, str(cell.allocation)] += n
    hours: defaultdict[int, set[int]] = defaultdict(set)
    for hour in came:
        hours[hour // _HOURS].add(hour % _HOURS)
    days = sorted(day for day, known in hours.items() if len(known) >= _LEAST_HOURS)
    if not days:
        found = f"{len(came):,} hour{'s' * (len(came) != 1)}"
        hint = f"{_LEAST_HOURS} hours of one day at least; or leave --recorded out"
        raise DomainError(f"no day is recorded whole: there is what came in {found}", hint=hint)
    sums: defaultdict[tuple[str, str], defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for cell in everybody:
        if cell.variant != champion and cell.allocation in chosen:
            continue
        seen = _observed(cell)
        if seen is not None:
            weight = here[cell.hour, str(cell.allocation)] or 1.0
            entry = sums[FAILURES if cell.metric == REQUESTS else cell.metric, cell.variant][cell.hour]
            entry[0] += weight * seen
            entry[1] += weight
    rates = {name: _table({hour: total / n for hour, (total, n) in by_hour.items()}, days) for name, by_hour in sums.items()}
    return Recorded(len(days), _table(came, days), rates)


def _observed(cell: Cell) -> float | None:
    """The mean observation of a cell; None where it has none."""
    match cell.summary:
        case Counts(yes=yes, no=no) if yes + no:
            return yes / (yes + no)
        case Moments(cells=parts) if n := sum(part.n for part in parts):
            return sum(part.sums[0] for part in parts) / n
    return None


def _table(by_hour: "dict[int, float] | defaultdict[int, float]", days: Sequence[int]) -> Floats:
    table = np.full((len(days), _HOURS), np.nan)
    for row, day in enumerate(days):
        for hour in range(_HOURS):
            table[row, hour] = by_hour.get(day * _HOURS + hour, np.nan)
    known = [values[~np.isnan(values)] for values in table.T]
    whole = float(np.nanmean(table)) if not np.isnan(table).all() else float(np.mean(list(by_hour.values())))
    usual = np.array([values.mean() if len(values) else whole for values in known])
    return np.where(np.isnan(table), usual[None, :], table)
