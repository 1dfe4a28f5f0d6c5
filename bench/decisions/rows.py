"""What did one system do in one world, and how sure is that number?"""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from scipy.stats import beta

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SEGUE: Final = "Segue"
HORIZON: Final = f"{SEGUE}, with a horizon"
DOUBTFUL: Final = 0.04
"""Above this share 2,000 runs cannot tell whether a promise of 5 % holds: their standard error is half a per cent."""
SURE: Final = 0.95
"""One-sided confidence of the Monte-Carlo limits."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One number of one system in one world.

    Args:
        scenario: S1 to S17.
        world: which of the scenario's worlds.
        system: who decided.
        what: "false promotion", "shipped", "power at n_fix", "median n/n_fix".
        at: where on a curve it lies (multiple of the planned effect, multiple of the error rate), or None.
        value: the number.
        upper: its upper 95 % Monte-Carlo limit, where it is a share of runs.
        runs: how many rollouts it was counted over.
    """

    scenario: str
    world: str
    system: str
    what: str
    value: float
    at: float | None = None
    upper: float | None = None
    runs: int = 0


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much is simulated.

    Args:
        runs: rollouts of each world.
        chunk: of which so many are held in memory at a time.
        short: leave out what a quick check can do without.
        most: rollouts of a world without an effect whose first `runs` leave a promise in doubt (`DOUBTFUL`).
    """

    runs: int
    chunk: int = 100
    short: bool = False
    most: int = 0

    @property
    def extended(self) -> "Scale":
        """The same with `most` rollouts, the first of which are the same."""
        return structs.replace(self, runs=max(self.runs, self.most))

    def chunks(self, *seed: int) -> Iterator[tuple[np.random.Generator, int]]:
        """Generators that depend on the scenario and the place of the chunk alone, each with how many runs it makes."""
        for number, start in enumerate(range(0, self.runs, self.chunk)):
            yield np.random.default_rng((*seed, number)), min(self.chunk, self.runs - start)


def share(where: tuple[str, str], system: str, what: str, hits: int, runs: int) -> Row:
    """A share of runs as a row, with its upper limit; `where` is scenario and world."""
    value, limit = hits / runs, upper(hits, runs)
    return Row(scenario=where[0], world=where[1], system=system, what=what, value=value, upper=limit, runs=runs)


def upper(hits: int, runs: int) -> float:
    """Clopper & Pearson's upper limit of a share.

    >>> round(upper(0, 2000), 5)
    0.0015
    """
    return 1.0 if hits >= runs else float(beta.ppf(SURE, hits + 1, runs - hits))


def first(crossed: Flags) -> Ints:
    """Index of the first look, along the last axis, at which it was crossed; the number of looks where it never was.

    >>> first(np.array([[False, True, True], [False, False, False]]))
    array([1, 3])
    """
    looks: Ints = np.where(crossed.any(axis=-1), crossed.argmax(axis=-1), crossed.shape[-1])
    return looks


def median(numbers: Floats) -> float:
    """The median where some are infinite (never): infinity if it lies among these."""
    return float(np.sort(numbers)[(len(numbers) - 1) // 2])
