"""On which days may a variation between days be judged, and with which part of alpha?"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from segue.evidence.process import Floats
from segue.facts.evidence import NotEnough
from segue.facts.question import Side
from segue.facts.summary import Days

LOOKS: Final = (7, 14, 28)
"""After so many whole days; each look may err with a third of alpha, so that all of them together keep it."""
LEAST_ROWS: Final = 20
"""Judged rows of a variant on a day, for its share to count as a number."""


@dataclass(frozen=True, slots=True)
class FixedLook:
    """A p-value at one of the looks as a bet that is settled there: `log E = -log(looks x p)`.

    Args:
        p_value: side, bound -> chance of data as extreme under the null; falls as the bound moves towards the null's inside.
    """

    p_value: Callable[[Side, float], float]

    def log_e(self, side: Side, bound: float) -> float:
        """Logarithm of what the p-value stands for."""
        return -log(len(LOOKS) * max(self.p_value(side, bound), 1e-300))

    def times(self, side: Side, bound: float, threshold: float) -> float | None:  # noqa: ARG002
        """Unknown: another look is another day."""
        return None


def judged_days(days: Days, *, paired: bool) -> Floats | NotEnough:
    """The first 7, 14 or 28 days that have enough rows: shape (days, 4), candidate yes, no, champion yes, no.

    The last look that has been reached counts and no later day, so that looking between the looks changes nothing.
    """
    columns = [(day.candidate_yes, day.candidate_no, day.champion_yes, day.champion_no) for day in days.days]
    rows: Floats = np.array(columns, dtype=float).reshape(-1, 4)
    enough = rows[:, :2].sum(axis=1) >= LEAST_ROWS
    if paired:
        enough &= rows[:, 2:].sum(axis=1) >= LEAST_ROWS
    judged: Floats = rows[enough]
    reached = [look for look in LOOKS if look <= len(judged)]
    if not reached:
        reason = f"a variation between days is judged after {', '.join(map(str, LOOKS))} of them, of {LEAST_ROWS} rows each"
        return NotEnough(have=len(judged), need=LOOKS[0], unit="whole days", reason=reason)
    return judged[: reached[-1]]
