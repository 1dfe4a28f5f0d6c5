"""How completely is each variant's side of a stage known, at every look?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segue.evidence.process import Floats
from segue.facts.evidence import Health
from segue.simulate.worlds.streams import BETTER, BOTH, CANDIDATE, CHAMPION, WORSE, Stretch, at
from segue.simulate.worlds.world import FAILURES
from segue.spec.metric import needs_outcome
from segue.spec.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Side:
    """One variant's side; each of shape (moments,). The words are those of `facts.evidence.Health`."""

    asked: Floats
    failed: Floats
    judged: Floats
    known: Floats

    @classmethod
    def none(cls, moments: int) -> "Side":
        """Nothing was asked yet."""
        return cls(*(np.zeros(moments) for _ in range(4)))

    def plus(self, stretch: Stretch, moments: Floats, lag: float, variant: int) -> "Side":
        """With what came in a stretch; lag: minutes until an answer is judged."""
        asked, failed = asked_of(stretch, moments, variant)
        due, failed_by_then = asked_of(stretch, moments - lag, variant)
        judged = due - failed_by_then
        world = stretch.world
        late = world.late[0 if variant == CHAMPION or stretch.share.paired else 1]
        earlier = np.subtract(*asked_of(stretch, moments - 2 * lag, variant))
        known = np.floor(world.coverage * (judged * (1 - late) + earlier * late))
        return Side(self.asked + asked, self.failed + failed, self.judged + judged, self.known + known)

    def health(self, place: int) -> Health:
        """The side at one moment."""
        return Health(
            asked=int(self.asked[place]),
            failed=int(self.failed[place]),
            judged=int(self.judged[place]),
            with_outcome=int(self.known[place]),
        )


def asked_of(stretch: Stretch, moments: Floats, variant: int) -> tuple[Floats, Floats]:
    """How often the variant was asked by each moment, in its own right or in the shadow, and how often it failed."""
    if stretch.share.paired:
        joint = at(stretch, stretch.joint(FAILURES), moments).sum(axis=(1, 3))
        alone = WORSE if variant == CHAMPION else BETTER
        return joint.sum(axis=1), joint[:, alone] + joint[:, BOTH]
    yes = at(stretch, stretch.yes(FAILURES, "request"), moments)[:, variant].sum(axis=(1, 2))
    no = at(stretch, stretch.no(FAILURES, "request"), moments)[:, variant].sum(axis=(1, 2))
    return yes + no, yes


def sides_of(spec: Rollout, stretches: Sequence[Stretch], moments: Floats) -> tuple[Side, Side]:
    """Candidate's and champion's side of a stage, at these moments."""
    sides = [Side.none(len(moments)) for _ in range(2)]
    lag = max((metric.window_s for metric in spec.metrics.values() if needs_outcome(metric)), default=0.0) / 60
    for stretch in stretches:
        sides = [side.plus(stretch, moments, lag, variant) for side, variant in zip(sides, (CANDIDATE, CHAMPION), strict=True)]
    return sides[0], sides[1]
