"""What is true in a world in which a rollout is simulated?"""

from math import pi, sin
from typing import Final, Literal

import msgspec
import numpy as np

from segue.errors import DomainError
from segue.evidence.process import Floats

DAY_MIN: Final = 1440.0
FAILURES: Final = "segue.failures"
"""The truth about failures, by which every variant's health is known, whether a metric counts them or not."""

Right = Literal["promote", "stay", "unknown"]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric is in truth: an observation is worth `high` with some chance, and else nothing.

    The candidate's chance follows the champion's through day and night: `candidate = factor x champion + shift`.

    Args:
        champion: the champion's chance, in [0, 1]; of a quantile, the share of answers beyond its limit.
        factor, shift: what the candidate makes of it.
        high: what an observation is worth, in the metric's unit; 1 for a share.
        differ: share of pairs in which the two differ; None for as many as the two would by a third of pure chance.
        counted: share of the answers that the metric counts (of a precision: that are predicted positive).

    Raises:
        DomainError: a chance outside [0, 1].
    """

    champion: float
    factor: float = 1.0
    shift: float = 0.0
    high: float = 1.0
    differ: float | None = None
    counted: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.champion <= 1 and -1e-9 <= self.candidate <= 1 + 1e-9 and 0 < self.counted <= 1 and self.high > 0):
            raise DomainError(f"no chances: champion {self.champion}, candidate {self.candidate}, counted {self.counted}")

    @property
    def candidate(self) -> float:
        """The candidate's chance at the same moment."""
        return self.factor * self.champion + self.shift

    def chances(self, swing: Floats) -> tuple[Floats, Floats]:
        """Champion's and candidate's chance at moments at which the world is so far from its mean.

        Args:
            swing: shape (moments,), in [-1, 1]; the room to the nearer of 0 and 1 is what 1 stands for.
        """
        room = min(self.champion, 1 - self.champion)
        champion = self.champion + room * swing
        return champion, np.clip(self.factor * champion + self.shift, 0.0, 1.0)

    def apart(self, champion: Floats, candidate: Floats) -> Floats:
        """Share of pairs in which the two differ: what is said, within what the chances allow."""
        by_chance = champion * (1 - candidate) + candidate * (1 - champion)
        wanted = by_chance / 3 if self.differ is None else np.full_like(champion, self.differ)
        least, most = np.abs(candidate - champion), np.minimum(champion + candidate, 2 - champion - candidate)
        return np.clip(wanted, least, most)


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which every variant fails more often, for a reason that is none of theirs.

    Args:
        after_days, hours: when, and how long.
        failures: chance that an answer fails meanwhile, in addition.
    """

    after_days: float
    hours: float
    failures: float

    def during(self, minutes: Floats) -> Floats:
        """The added chance of a failure at these moments."""
        begin = self.after_days * DAY_MIN
        return np.where((minutes >= begin) & (minutes < begin + self.hours * 60), self.failures, 0.0)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """One world: its traffic, what the variants are worth in it, and what a rollout should come to.

    Args:
        name: short, for tables.
        says: a sentence.
        right: whether this candidate should become the champion; unknown where what was recorded is all that is known.
        harmful: whether a rollback is right; where neither it nor a promotion is, the rollout should stay where it is.
        requests: of the route in a day.
        units: different units that a day brings for the first time; None for one a request.
        truths: metric -> what it is, `FAILURES` among them.
        populations: expression -> share of the requests that it holds for.
        tide: how much more traffic the day has than the mean, and the night less, in [0, 1).
        swing: how far day and night move every chance, as a part of the room that it has.
        coverage: share of the answers whose outcome ever comes.
        late: share of the champion's, and of the candidate's, outcomes that come one window late.
        outage: a time when everybody fails.
        apart: candidate -> what is true of it, where that is not the world's own truth; the champion's side is everybody's.
        bad: candidates that should not become the champion, in a world where another one should.
        replayed: what candidates do is what they did when it was recorded, and whether that is good enough is not known.
    """

    name: str
    says: str
    right: Right
    harmful: bool = False
    requests: float = 100_000.0
    units: float | None = None
    truths: dict[str, Truth]
    populations: dict[str, float] = {}
    tide: float = 0.5
    swing: float = 0.2
    coverage: float = 1.0
    late: tuple[float, float] = (0.0, 0.0)
    outage: Outage | None = None
    apart: dict[str, dict[str, Truth]] = {}
    bad: tuple[str, ...] = ()
    replayed: bool = False

    def of(self, candidate: str) -> "World":
        """The world as it is for one of several candidates."""
        own = self.apart.get(candidate)
        return self if own is None else msgspec.structs.replace(self, truths=self.truths | own)

    def traffic(self, minutes: Floats) -> Floats:
        """How busy the route is at these moments; 1 on average."""
        return 1 + self.tide * np.sin(2 * pi * (minutes / DAY_MIN - 0.25))

    def swung(self, minutes: Floats) -> Floats:
        """How far the chances are from their means, as parts of their room."""
        return self.swing * np.sin(2 * pi * (minutes / DAY_MIN - 0.25 + sin(1.0)))
