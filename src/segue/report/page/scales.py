"""Where on a picture does a number or a moment lie, and which of them are written at the axis?"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil, floor, log10
from typing import Final, NamedTuple

WIDTH: Final = 1000.0
"""Paths are drawn on a canvas that is so wide and is stretched to its place; text stands in percent beside it."""

_MINUTE_S, _HOUR_S, _DAY_S, _WEEK_S = 60, 3600, 86_400, 604_800
_STEPS_S: Final = (
    *(5, 10, 15, 30),
    *(minutes * _MINUTE_S for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR_S for hours in (1, 2, 3, 6, 12, 24, 48, 96)),
    *(weeks * _WEEK_S for weeks in (1, 2, 4)),
)
_MONDAY_S: Final = 4 * _DAY_S  # the epoch was a Thursday


class Tick(NamedTuple):
    """A place on an axis with what is written there."""

    at: float
    label: str


class Across:
    """Time from left to right.

    Args:
        begin, end: of the axis; a span of nothing is drawn as ten seconds.
    """

    def __init__(self, begin: datetime, end: datetime) -> None:
        self.begin, self.end = begin, max(end, begin + timedelta(seconds=10))
        self._span_s = (self.end - self.begin).total_seconds()

    def __call__(self, at: datetime) -> float:
        """On the canvas, cut to it."""
        return min(max((at - self.begin).total_seconds() / self._span_s, 0.0), 1.0) * WIDTH

    def percent(self, at: datetime) -> str:
        """The same as a percentage, for text and marks."""
        return f"{self(at) / WIDTH * 100:.2f}%"

    def ticks(self, most: int = 6) -> list[Tick]:
        """Round moments: whole seconds, minutes, hours, days, or Mondays.

        >>> axis = Across(datetime(2013, 3, 1, 5, tzinfo=UTC), datetime(2013, 3, 4, 5, tzinfo=UTC))
        >>> [tick.label for tick in axis.ticks(4)]
        ['2 Mar', '3 Mar', '4 Mar']
        >>> axis = Across(datetime(2013, 3, 1, 5, tzinfo=UTC), datetime(2013, 3, 1, 5, 1, 15, tzinfo=UTC))
        >>> [tick.label for tick in axis.ticks(4)]
        ['05:00:00', '05:00:30', '05:01:00']
        """
        longest = _STEPS_S[-1]
        step = next((each for each in _STEPS_S if self._span_s / each <= most), longest * ceil(self._span_s / longest / most))
        offset = _MONDAY_S if step >= _WEEK_S else 0
        first = ceil((self.begin.timestamp() - offset) / step) * step + offset
        last = floor(self.end.timestamp())
        return [
            Tick(self(at), _label(at, step))
            for at in (datetime.fromtimestamp(second, UTC) for second in range(first, last + 1, step))
        ]


def _label(at: datetime, step_s: int) -> str:
    if step_s >= _DAY_S or not (at.hour or at.minute or at.second):
        return f"{at.day} {at:%b}"
    return f"{at:%H:%M:%S}" if step_s < _MINUTE_S else f"{at:%H:%M}"


class Up:
    """Numbers from the bottom to the top of a panel.

    Args:
        low, high: of the axis.
        height: of the panel in pixels.
    """

    def __init__(self, low: float, high: float, height: float) -> None:
        if high <= low:
            low, high = low - 0.5, low + 0.5
        self.low, self.high, self.height = low, high, height

    def __call__(self, value: float | None, *, otherwise: float = 0.0) -> float:
        """From the top in pixels, at most a panel's height outside; `otherwise` for an end that is nowhere."""
        if value is None:
            return otherwise
        share = (value - self.low) / (self.high - self.low)
        return (1 - min(max(share, -1.0), 2.0)) * self.height

    def holds(self, value: float) -> bool:
        """Whether the value lies on the panel."""
        return self.low <= value <= self.high

    def ticks(self, say: Callable[[float], str], most: int = 5) -> list[Tick]:
        """Round numbers within the axis."""
        return [Tick(self(value), say(value)) for value in round_numbers(self.low, self.high, most)]


def round_numbers(low: float, high: float, most: int = 5) -> list[float]:
    """At most so many round numbers between two.

    >>> round_numbers(-0.07, 0.03, 6)
    [-0.06, -0.04, -0.02, 0.0, 0.02]
    """
    raw = (high - low) / max(most, 1)
    power = 10.0 ** floor(log10(raw))
    step = next(nice * power for nice in (1, 2, 2.5, 5, 10) if nice * power >= raw * (1 - 1e-9))
    digits = max(0, 2 - floor(log10(step)))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(index * step, digits) + 0.0 for index in range(first, last + 1)]


def padded(values: Iterable[float], share: float = 0.08) -> tuple[float, float]:
    """The span of some values with a little room on either side.

    >>> padded([1.0, 2.0], 0.1)
    (0.9, 2.1)
    """
    found = list(values)
    low, high = min(found), max(found)
    room = (high - low or abs(high) or 1.0) * share
    return low - room, high + room


def apart(places: Sequence[float], least: float) -> list[float]:
    """The same places, moved so that neighbours are at least so far apart; the order stays.

    >>> apart([10.0, 12.0, 40.0], 8.0)
    [7.0, 15.0, 40.0]
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for _ in range(len(places)):
        for lower, upper in pairwise(order):
            gap = moved[upper] - moved[lower]
            if gap < least:
                moved[lower] -= (least - gap) / 2
                moved[upper] += (least - gap) / 2
    return moved


def thinned(count: int, most: int) -> list[int]:
    """At most so many indices, evenly, the first and the last among them.

    >>> thinned(10, 4)
    [0, 3, 6, 9]
    """
    if count <= most:
        return list(range(count))
    return sorted({round(index * (count - 1) / (most - 1)) for index in range(most)})
