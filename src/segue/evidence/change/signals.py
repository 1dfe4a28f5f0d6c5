"""When did which detector signal, where did the loss change, and how often does the same detector cry wolf?

The change itself is placed in the same way for every detector: among the losses since its last signal, at the split that parts
them best (least squares; Bai 1997). The rate of false alarms is measured on the losses themselves: put in another order they
have no change to find, so each signal in a shuffled copy is a false one.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from segue.evidence.process import Floats
from segue.facts.drift.findings import Change, Detected

Alarms = Callable[[Floats], Sequence[int]]
STREAMS: Final = 10
MOST: Final = 20_000
"""Losses of one drawn stream, at most; no longer than the real one."""


class Watcher(msgspec.Struct, frozen=True, kw_only=True):
    """A detector.

    Args:
        name: with its whole convention.
        guarantee: what is proved of its false alarms, in words.
        alarms: losses -> the places at which it signals.
    """

    name: str
    guarantee: str
    alarms: Alarms


def detected(watcher: Watcher, losses: Floats, rng: np.random.Generator) -> Detected:
    """What a detector says of losses in the order of their time.

    Args:
        watcher: which.
        losses: at least one.
        rng: for the drawn streams.
    """
    places = list(watcher.alarms(losses))
    changes = tuple(_change(losses, begin, end) for begin, end in pairwise([0, *(place + 1 for place in places)]))
    size = min(len(losses), MOST)
    quiet = losses[: changes[0].changed or 1] if changes else losses
    false = [len(watcher.alarms(rng.choice(quiet, size))) for _ in range(STREAMS)]
    return Detected(
        detector=watcher.name,
        guarantee=watcher.guarantee,
        rows=len(losses),
        changes=changes,
        false_per_million=1e6 * sum(false) / (size * STREAMS),
        drawn=size * STREAMS,
    )


def _change(losses: Floats, begin: int, end: int) -> Change:
    """A signal after the losses `begin` to `end`, `end` left out."""
    part = losses[begin:end]
    split = best_split(part)
    before, after = part[:split], part[split:]
    return Change(
        signalled=end - 1,
        changed=begin + split,
        before=float(before.mean()) if len(before) else None,
        after=float(after.mean()),
        rows_before=len(before),
        rows_after=len(after),
    )


def best_split(losses: Floats) -> int:
    """Where the two means are furthest apart, weighted by `n1 n2 / n`: the place of the first loss after; 0 for one loss.

    >>> best_split(np.array([0.0, 0.0, 0.0, 1.0, 1.0]))
    3
    """
    n = len(losses)
    if n < 2:
        return 0
    left = np.arange(1, n)
    sums = np.cumsum(losses)
    apart = sums[:-1] / left - (sums[-1] - sums[:-1]) / (n - left)
    return int(np.argmax(left * (n - left) * apart**2)) + 1
