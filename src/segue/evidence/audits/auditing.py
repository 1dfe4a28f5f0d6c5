"""What do the counts of a stage say about its data, all audits together?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from math import log
from typing import cast

import msgspec

from segue.evidence.audits.alarm import Subject, weights
from segue.evidence.audits.coverage import Shadowed, Written, capture, coverage, shadows
from segue.evidence.audits.propensity import cohorts, logged, worst
from segue.evidence.audits.sample_ratio import Epoch, Table, sample_ratio
from segue.facts.evidence import Audit
from segue.facts.merging import merge
from segue.facts.summary import ArmCounts, Cell


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The units of one stage, each at its first exposure; every summary is an `ArmCounts` by the candidate's chance.

    Args:
        candidate, champion: the two variants.
        drawn: units that are due (yes) and not yet (no), everybody and by segment.
        outcomes: due units with an outcome (yes) and without (no).
        cohorts: as `drawn`, by the allocation under which the unit was first seen, in the cell's segment.
        logged: as `drawn`, by the propensity that was logged, of units of which nothing was known.
        written: what gateways wrote down of the candidate and of the champion, and how much of it is in the record; None where
            none has said so.
        candidates: how many there are: they share the alarm.
        intervals: whether anybody reads more than the verdicts.
        shadowed: what was recorded of the candidate as a shadow, one entry an allocation.
    """

    candidate: str
    champion: str
    drawn: Sequence[Cell] = ()
    outcomes: Sequence[Cell] = ()
    cohorts: Sequence[Cell] = ()
    logged: Sequence[Cell] = ()
    shadowed: Sequence[Shadowed] = ()
    written: tuple[Written, Written] | None = None
    candidates: int = 1
    intervals: bool = True


def audits(counted: Counted) -> tuple[Audit, ...]:
    """Every audit that these counts allow; one that lacks data says so."""
    return tuple(msgspec.structs.replace(audit, candidate=counted.candidate) for audit in _audits(counted))


def _audits(counted: Counted) -> tuple[Audit, ...]:
    weight = 1.0 / counted.candidates
    subject = partial(
        Subject, candidate=counted.candidate, champion=counted.champion, weight=weight, intervals=counted.intervals
    )
    lost = (capture(subject(name="capture"), *counted.written),) if counted.written else ()
    if counted.shadowed:
        return (shadows(subject(name="shadows"), counted.shadowed), *lost)
    everybody = [cell for cell in counted.drawn if not cell.segment]
    known = [Epoch(share, arms[0], arms[2]) for share, arms in _by_chance(counted.outcomes)]
    return (
        sample_ratio(subject(name="sample_ratio"), epochs_of(everybody)),
        segments(subject(name="segments"), [cell for cell in counted.drawn if cell.segment]),
        logged(subject(name="propensity"), epochs_of(counted.logged)),
        cohorts(subject(name="cohorts"), _cohorts(counted.cohorts)),
        sample_ratio(subject(name="outcome_stream"), known),
        coverage(subject(name="coverage", sides=2), _merged(counted.outcomes)),
        *lost,
    )


def segments(subject: Subject, cells: Sequence[Cell]) -> Audit:
    """The sample ratio in the segment where it looks worst; the alarm is shared by the order in which the segments appeared.

    Who lies in a segment is known before the draw, so their order says nothing about it, and new ones may come for ever.
    """
    groups: defaultdict[tuple[tuple[str, str], ...], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[tuple(sorted(cell.segment.items()))].append(cell)
    ordered = sorted(groups, key=lambda place: (min(cell.hour for cell in groups[place]), place))
    parts = [
        (msgspec.structs.replace(subject, part=dict(place), weight=weight * subject.weight), epochs_of(groups[place]))
        for place, weight in zip(ordered, weights(len(ordered)), strict=True)
    ]
    drawn = [(part, epochs) for part, epochs in parts if epochs]
    if not drawn:
        return worst((), subject, 1.0)
    return sample_ratio(*max(drawn, key=_nearness))  # only the worst is settled: an interval costs more than an e-value


def epochs_of(cells: Iterable[Cell]) -> list[Epoch]:
    """Units by allocation and chance, whether due or not; none with a chance of 0 or 1."""
    return [Epoch(share, arms[0] + arms[1], arms[2] + arms[3]) for share, arms in _by_chance(cells)]


def _nearness(part: tuple[Subject, list[Epoch]]) -> float:
    subject, epochs = part
    return Table.of(epochs).log_e("above", 1.0) + log(subject.alpha)


def _by_chance(cells: Iterable[Cell]) -> list[tuple[float, tuple[int, int, int, int]]]:
    by_allocation: defaultdict[int, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_allocation[cell.allocation].append(cell)
    return [
        (it.propensity, (it.candidate_yes, it.candidate_no, it.champion_yes, it.champion_no))
        for _, group in sorted(by_allocation.items())
        for it in _merged(group).cells
        if 0 < it.propensity < 1
    ]


def _merged(cells: Sequence[Cell]) -> ArmCounts:
    whole = merge(cell.summary for cell in cells)
    return ArmCounts(cells=()) if whole is None else cast("ArmCounts", whole)


def _cohorts(cells: Iterable[Cell]) -> dict[str, list[Epoch]]:
    groups: defaultdict[int, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[int(cell.segment["cohort"])].append(cell)
    return {str(cohort): epochs_of(group) for cohort, group in sorted(groups.items())}
