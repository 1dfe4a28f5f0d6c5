"""What would the audits of a stage find? The real audits over the counts of a simulated one."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from segue.evidence.audits.auditing import Counted, audits
from segue.evidence.audits.coverage import Shadowed
from segue.evidence.process import Floats
from segue.facts.evidence import Audit
from segue.facts.summary import ArmCell, ArmCounts, Cell
from segue.simulate.seen.sides import asked_of
from segue.simulate.worlds.streams import CANDIDATE, CHAMPION, Stretch, at
from segue.spec.metric import needs_outcome
from segue.spec.rollout import Rollout


def audits_at(spec: Rollout, candidate: str, stretches: Sequence[Stretch], moment: float) -> tuple[Audit, ...]:
    """Every audit of a candidate; the world deals fairly, so an alarm is a false one, but for outcomes that come unequally."""
    sides = Counted(
        candidate=candidate,
        champion=spec.champion,
        candidates=len(spec.candidates),
        intervals=False,  # of a thousand rollouts nobody reads them
    )
    at_once = np.array([moment])
    if any(stretch.share.paired for stretch in stretches):
        shadowed = tuple(_shadowed(stretch, at_once) for stretch in stretches)
        return audits(msgspec.structs.replace(sides, shadowed=shadowed))
    drawn = list(_cells(stretches, _due(spec), at_once))
    everybody = [cell for cell, _ in drawn]
    segments = [
        msgspec.structs.replace(cell, segment=dict.fromkeys(names, "all")) for names in spec.segments for cell in everybody
    ]
    cohorts = [msgspec.structs.replace(cell, segment={"cohort": str(cell.allocation)}) for cell in everybody]
    outcomes = [outcome for _, outcome in drawn]
    return audits(
        msgspec.structs.replace(sides, drawn=[*everybody, *segments], outcomes=outcomes, cohorts=cohorts, logged=everybody)
    )


def _shadowed(stretch: Stretch, moment: Floats) -> Shadowed:
    champion, candidate = (int(asked_of(stretch, moment, side)[0][0]) for side in (CHAMPION, CANDIDATE))
    return Shadowed(stretch.share.paired, round(champion / stretch.share.paired), candidate)


def _due(spec: Rollout) -> float:
    return max((metric.window_s for metric in spec.metrics.values() if needs_outcome(metric)), default=0.0) / 60


def _cells(stretches: Sequence[Stretch], lag: float, moment: Floats) -> Iterator[tuple[Cell, Cell]]:
    """For each stretch the units that were drawn in it, and those of them that are due, with their outcomes."""
    for stretch in stretches:
        pi, world = stretch.share.candidate, stretch.world
        if not 0 < pi < 1:
            continue
        arrived = at(stretch, stretch.arrivals("unit"), moment)[0].sum(axis=1)
        due = at(stretch, stretch.arrivals("unit"), moment - lag)[0].sum(axis=1)
        twice = at(stretch, stretch.arrivals("unit"), moment - 2 * lag)[0].sum(axis=1)
        late = np.array([world.late[1], world.late[0]])
        known = np.floor(world.coverage * (due * (1 - late) + twice * late))
        yield _cell(stretch, pi, (due, arrived - due)), _cell(stretch, pi, (known, due - known))


def _cell(stretch: Stretch, pi: float, counts: tuple[Floats, Floats]) -> Cell:
    yes, no = counts
    arms = ArmCell(
        propensity=pi,
        candidate_yes=int(yes[CANDIDATE]),
        candidate_no=int(no[CANDIDATE]),
        champion_yes=int(yes[CHAMPION]),
        champion_no=int(no[CHAMPION]),
    )
    return Cell(
        metric="",
        variant="",
        version="",
        allocation=stretch.share.number,
        segment={},
        hour=0,
        predictions=0,
        summary=ArmCounts(cells=(arms,)),
    )
