"""At which moments does somebody look?

A monitor looks every second or minute, and each look is another chance to be wrong or to be quick. A simulation looks every
minute while a share is new, when harm has to be found fast, every ten minutes for the rest of a day, and then by the hour:
fewer looks than in life decide a little later, and never more wrongly.
"""

from datetime import UTC, datetime
from typing import Final

import numpy as np

from segue.evidence.process import Floats

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When every simulated rollout is begun."""
_FINE: Final = ((120.0, 1.0), (1440.0, 10.0))
_COARSE_MIN: Final = 60.0


def looks(begin: float, end: float, since: float, marks: tuple[float, ...] = ()) -> Floats:
    """The moments in (begin, end] at which there is a look; `end` is the last, and every mark between is one.

    Args:
        begin: minutes since the rollout began.
        end: of the stretch.
        since: when the share in force was new.
        marks: moments at which something is due.

    >>> looks(0, 4, 0).tolist(), looks(1440, 1600, 0).tolist(), looks(1440, 1600, 0, (1530.5,)).tolist()
    ([1.0, 2.0, 3.0, 4.0], [1500.0, 1560.0, 1600.0], [1500.0, 1530.5, 1560.0, 1600.0])
    """
    parts, at = [], begin
    for until, every in (*_FINE, (float("inf"), _COARSE_MIN)):
        stop = min(since + until, end)
        if stop > at:
            parts.append(np.arange(at + every, stop + every / 2, every))
            at = float(parts[-1][-1]) if len(parts[-1]) else at
    found = np.concatenate([*parts, [mark for mark in marks if begin < mark < end], [end]])
    return np.unique(found[(found > begin) & (found <= end)])


def minutes(moment: datetime) -> float:
    """How long a simulated rollout has been on its way at a moment."""
    return (moment - BEGIN).total_seconds() / 60
