"""How completely is each variant's side of a stage known, at every look?"""

from dataclasses import dataclass

import numpy as np

from segue.evidence.process import Floats
from segue.facts.evidence import Health
from segue.simulate.seen.view import View
from segue.simulate.worlds.streams import CANDIDATE, CHAMPION
from segue.spec.metric import needs_outcome
from segue.spec.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Side:
    """One variant's side; each of shape (moments,). The words are those of `facts.evidence.Health`."""

    asked: Floats
    failed: Floats
    judged: Floats
    known: Floats

    def health(self, place: int) -> Health:
        """The side at one moment."""
        return Health(
            asked=int(self.asked[place]),
            failed=int(self.failed[place]),
            judged=int(self.judged[place]),
            with_outcome=int(self.known[place]),
        )


def lag_of(spec: Rollout) -> float:
    """Minutes until an answer is judged: the longest window of the metrics that wait for an outcome."""
    return max((metric.window_s for metric in spec.metrics.values() if needs_outcome(metric)), default=0.0) / 60


def sides_of(spec: Rollout, view: View) -> tuple[Side, Side]:
    """Candidate's and champion's side of a stage, at these moments."""
    lag, sides = lag_of(spec), np.zeros((4, len(view.moments), 2))
    for glance in view.glances:
        come, world = glance.stretch.asked(), glance.stretch.world
        asked, due, earlier = (glance.at(come, windows * lag) for windows in range(3))
        late = np.array([world.late[0 if glance.stretch.share.paired else 1], world.late[0]])
        judged = due[..., 0] - due[..., 1]
        known = np.floor(world.coverage * (judged * (1 - late) + (earlier[..., 0] - earlier[..., 1]) * late))
        sides += (asked[..., 0], asked[..., 1], judged, known)
    return Side(*sides[..., CANDIDATE]), Side(*sides[..., CHAMPION])
