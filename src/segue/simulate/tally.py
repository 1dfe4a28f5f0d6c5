"""What do many simulated rollouts come to?"""

from collections import Counter
from collections.abc import Sequence
from math import inf
from statistics import median
from typing import Final

import msgspec
import numpy as np
from scipy.stats import beta

from segue.simulate.walk import Run
from segue.simulate.worlds.world import World

_LEVEL: Final = 0.95


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share of the rollouts, with its exact interval (Clopper & Pearson 1934) for how few were simulated.

    >>> Share.of(0, 200).high < 0.019, Share.of(3, 100).share
    (True, 0.03)
    """

    count: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, runs: int) -> "Share":
        """Of `runs` > 0 rollouts."""
        tail = (1 - _LEVEL) / 2
        low = float(beta.ppf(tail, count, runs - count + 1)) if count else 0.0
        high = float(beta.ppf(1 - tail, count + 1, runs - count)) if count < runs else 1.0
        return cls(count=count, share=count / runs, low=low, high=high)


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How one policy fared in one world.

    Args:
        policy: the name of the spec's file.
        wrong: promotions that should not have been, or rollbacks for harm where there was none; None where neither can be.
        promoted, rolled_back, timed_out, held, open: ends; rolled back is for harm, timed out is rolled back for lack of
            evidence, open was not over when the days ended.
        days: median time to the end; `days_most` within which nine in ten had ended; None where they had not.
        exposed: median of the requests that a candidate which should not stay had answered when it was gone.
        promoted_at, gone_at: days at which rollouts were promoted, and rolled back for whatever reason, in order.
    """

    policy: str
    world: World
    runs: int
    promoted: Share
    rolled_back: Share
    timed_out: Share
    held: Share
    open: Share
    wrong_promotion: Share | None
    wrong_rollback: Share | None
    days: float | None
    days_most: float | None
    exposed: float | None
    promoted_at: tuple[float, ...] = ()
    gone_at: tuple[float, ...] = ()


def tally(policy: str, world: World, runs: Sequence[Run]) -> Tally:
    """Count the ends of the runs of one policy in one world; at least one run."""
    n = len(runs)
    ends = Counter(_end(run) for run in runs)
    over = sorted(run.days if _end(run) in {"promoted", "rolled_back", "timed_out"} else inf for run in runs)
    gone = [run for run in runs if _end(run) in {"rolled_back", "timed_out"}]
    return Tally(
        policy=policy,
        world=world,
        runs=n,
        **{name: Share.of(ends[name], n) for name in ("promoted", "rolled_back", "timed_out", "held", "open")},
        wrong_promotion=Share.of(_wrongly(runs, world), n) if world.right == "stay" or world.bad else None,
        wrong_rollback=None if world.harmful or world.right == "unknown" else Share.of(ends["rolled_back"], n),
        days=_finite(median(over)),
        days_most=_finite(float(np.quantile(over, 0.9, method="higher"))),
        exposed=median(run.exposed for run in gone) if gone and world.right == "stay" else None,
        promoted_at=tuple(sorted(run.days for run in runs if _end(run) == "promoted")),
        gone_at=tuple(sorted(run.days for run in gone)),
    )


def _end(run: Run) -> str:
    if run.phase in {"promoted", "watching"} or run.trigger == "watched":
        return "promoted"
    if run.phase == "rolled_back":
        return "timed_out" if run.trigger == "time_out_rollback" else "rolled_back"
    return "held" if run.phase == "held" else "open"


def _wrongly(runs: Sequence[Run], world: World) -> int:
    """How many promoted somebody who should not be."""
    return sum(_end(run) == "promoted" and (world.right == "stay" or run.promoted in world.bad) for run in runs)


def _finite(value: float) -> float | None:
    return value if value < inf else None
