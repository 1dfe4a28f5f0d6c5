"""What would the audits of a stage find? The real audits over the counts of a simulated one."""

from collections.abc import Iterator

import msgspec
import numpy as np

from segue.evidence.audits.auditing import Counted, audits
from segue.evidence.audits.coverage import Shadowed
from segue.evidence.process import Floats
from segue.facts.evidence import Audit
from segue.facts.summary import ArmCell, ArmCounts, Cell
from segue.simulate.seen.sides import lag_of
from segue.simulate.seen.view import Glance, View
from segue.simulate.worlds.streams import CANDIDATE, CHAMPION, Share
from segue.spec.rollout import Rollout


def audits_at(spec: Rollout, candidate: str, view: View) -> tuple[Audit, ...]:
    """Every audit of a candidate at the first moment of a view.

    The world deals fairly, so an alarm is a false one, but for outcomes that come unequally.
    """
    sides = Counted(
        candidate=candidate,
        champion=spec.champion,
        candidates=len(spec.candidates),
        intervals=False,  # of a thousand rollouts nobody reads them
    )
    if any(glance.stretch.share.paired for glance in view.glances):
        shadowed = tuple(_shadowed(glance) for glance in view.glances)
        return audits(msgspec.structs.replace(sides, shadowed=shadowed))
    drawn = list(_cells(view, lag_of(spec)))
    everybody = [cell for cell, _ in drawn]
    segments = [
        msgspec.structs.replace(cell, segment=dict.fromkeys(names, "all")) for names in spec.segments for cell in everybody
    ]
    cohorts = [msgspec.structs.replace(cell, segment={"cohort": str(cell.allocation)}) for cell in everybody]
    outcomes = [outcome for _, outcome in drawn]
    return audits(
        msgspec.structs.replace(sides, drawn=[*everybody, *segments], outcomes=outcomes, cohorts=cohorts, logged=everybody)
    )


def _shadowed(glance: Glance) -> Shadowed:
    stretch = glance.stretch
    asked = glance.at(stretch.asked())[0, :, 0]
    return Shadowed(stretch.share.paired, round(int(asked[CHAMPION]) / stretch.share.paired), int(asked[CANDIDATE]))


def _cells(view: View, lag: float) -> Iterator[tuple[Cell, Cell]]:
    """For each stretch the units that were drawn in it, and those of them that are due, with their outcomes."""
    for glance in view.glances:
        stretch, world = glance.stretch, glance.stretch.world
        if not 0 < stretch.share.candidate < 1:
            continue
        come = stretch.came("unit")
        arrived, due, twice = (glance.at(come, windows * lag)[0] for windows in range(3))
        late = np.array([world.late[1], world.late[0]])
        known = np.floor(world.coverage * (due * (1 - late) + twice * late))
        yield _cell(stretch.share, (due, arrived - due)), _cell(stretch.share, (known, due - known))


def _cell(share: Share, counts: tuple[Floats, Floats]) -> Cell:
    yes, no = counts
    arms = ArmCell(
        propensity=share.candidate,
        candidate_yes=int(yes[CANDIDATE]),
        candidate_no=int(no[CANDIDATE]),
        champion_yes=int(yes[CHAMPION]),
        champion_no=int(no[CHAMPION]),
    )
    return Cell(
        metric="",
        variant="",
        version="",
        allocation=share.number,
        segment={},
        hour=0,
        predictions=0,
        summary=ArmCounts(cells=(arms,)),
    )
