"""What has a rollout shown of its traffic, its champion and its disagreements, so that the plan need not guess?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import correlation
from typing import Final

from segue.assign.expressions import compile_predicate
from segue.errors import SpecError
from segue.facts.allocation import Allocation
from segue.facts.decision import Decision, State, Verdict
from segue.facts.grid import score_grid
from segue.facts.merging import merge
from segue.facts.summary import Cell, Counts, Days, Moments, PairedCounts, ScoreSums
from segue.measure.cube import FAILURES
from segue.planning.assumptions import Assumed
from segue.spec.expression import parse
from segue.spec.gate import MetricGate
from segue.spec.metric import KINDS
from segue.spec.rollout import Rollout

_HOURS_A_DAY: Final = 24.0
_FEWEST_PERIODS, _ALIKE_MOST = 6, 0.99
_LEAST_SHARE: Final = 0.01  # of a segment that is worth a line


def observed(
    spec: Rollout, state: State, *, decisions: Sequence[Decision], cells: Sequence[Cell], allocations: Sequence[Allocation]
) -> Assumed:
    """What is known from a rollout's kept summaries and decisions.

    Args:
        spec: the rollout's, or the one that is planned.
        state: for the champion's baselines, as they were when the stage was entered.
        decisions: their last verdict of each gate has the counts that it rested on.
        cells: of the cube; the champion's give its baselines now, those of `segue.failures` count the requests.
        allocations: of the rollout; say which variants were shadows.
    """
    requests = [cell for cell in cells if cell.metric == FAILURES and _served(cell, allocations)]
    verdicts = _last(decisions)
    return Assumed(
        requests=_per_day([cell for cell in requests if not cell.segment]),
        baselines=state.baselines | _baselines(spec, [cell for cell in cells if not cell.segment]),
        differ=_differ(verdicts),
        counted=_counted(verdicts),
        populations=_populations(spec, requests),
        hourly=_hourly(verdicts),
        alike=_alike(verdicts),
        source=state.rollout,
    )


def _served(cell: Cell, allocations: Sequence[Allocation]) -> bool:
    # Not the copies that shadows were sent.
    shadows = {shadow.variant for it in allocations if it.number == cell.allocation for shadow in it.shadows}
    return cell.variant not in shadows


def _per_day(cells: Sequence[Cell]) -> float | None:
    """Requests over the hours from the first to the last; None before two hours are known, for the last is cut short."""
    hours: defaultdict[int, int] = defaultdict(int)
    for cell in cells:
        hours[cell.hour] += _asked(cell)
    if len(hours) < 2:
        return None
    last = max(hours)
    return _HOURS_A_DAY * sum(n for hour, n in hours.items() if hour != last) / (last - min(hours))


def _asked(cell: Cell) -> int:
    return cell.summary.yes + cell.summary.no if isinstance(cell.summary, Counts) else 0


def _baselines(spec: Rollout, cells: Sequence[Cell]) -> dict[str, tuple[float, float]]:
    """The champion's mean and variance of one observation, by metric."""
    found = {}
    for name, metric in spec.metrics.items():
        mine = [cell.summary for cell in cells if cell.metric == name and cell.variant == spec.champion]
        match merge(mine) if mine and KINDS[metric.kind].shape not in {"ranking", "quantile", "shown"} else None:
            case Counts(yes=yes, no=no) if yes + no:
                share = yes / (yes + no)
                found[name] = share, share * (1 - share)
            case Moments(cells=parts) if n := sum(part.n for part in parts):
                mean = sum(part.sums[0] for part in parts) / n
                found[name] = mean, max(sum(part.products[0] for part in parts) / n - mean**2, 0.0)
            case _:
                pass
    return found


def _last(decisions: Iterable[Decision]) -> list[Verdict]:
    found: dict[tuple[str, str], Verdict] = {}
    for decision in decisions:
        for verdict in decision.verdicts:
            if verdict.question is not None and verdict.summary is not None:
                found[verdict.question.stage, verdict.gate] = verdict
    return list(found.values())


def _differ(verdicts: Iterable[Verdict]) -> dict[str, float]:
    found: dict[str, tuple[int, float]] = {}
    for verdict in verdicts:
        counts, question = verdict.summary, verdict.question
        if question is None or question.where or not isinstance(counts, PairedCounts):
            continue
        n = counts.plus + counts.minus + counts.zero
        if n > found.get(question.metric.name, (0, 0.0))[0]:
            found[question.metric.name] = n, (counts.plus + counts.minus) / n
    return {name: share for name, (_, share) in found.items() if share > 0}


def _counted(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """The part of the rows that a ratio counts, from the moments of numerator and denominator."""
    found: dict[str, float] = {}
    for verdict in verdicts:
        if verdict.question is not None and not verdict.question.where and isinstance(verdict.summary, Moments):
            n = sum(cell.n for cell in verdict.summary.cells)
            counted = sum(cell.sums[1] for cell in verdict.summary.cells)
            if 0 < counted <= n:
                found[verdict.question.metric.name] = counted / n
    return found


def _hourly(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """The variance of one hour's area in a shadow; of drawn units no hour is an observation."""
    found = {}
    for verdict in verdicts:
        question, sums = verdict.question, verdict.summary
        if question is None or question.where or not isinstance(sums, ScoreSums) or sums.n < 2 or question.unit == "unit":
            continue
        if KINDS[question.metric.kind].shape == "ranking":
            scale = score_grid(question).scale
            found[question.metric.name] = scale**2 * max(sums.z2 / sums.n - (sums.z / sums.n) ** 2, 0.0)
    return {name: variance for name, variance in found.items() if variance > 0}


def _alike(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """How both variants' periods go together, from the periods that a stability gate has seen."""
    found = {}
    for verdict in verdicts:
        if verdict.question is None or not isinstance(verdict.summary, Days):
            continue
        days = [
            day for day in verdict.summary.days if day.candidate_yes + day.candidate_no and day.champion_yes + day.champion_no
        ]
        if len(days) > _FEWEST_PERIODS:
            mine = [day.candidate_yes / (day.candidate_yes + day.candidate_no) for day in days]
            theirs = [day.champion_yes / (day.champion_yes + day.champion_no) for day in days]
            if len(set(mine)) > 1 and len(set(theirs)) > 1:
                found[verdict.question.metric.name] = min(max(correlation(mine, theirs), 0.0), _ALIKE_MOST)
    return found


def _populations(spec: Rollout, cells: Sequence[Cell]) -> dict[str, float]:
    """Shares of the segments' values, and of what the gates ask for where the segments tell it."""
    whole = sum(_asked(cell) for cell in cells if not cell.segment)
    if not whole:
        return {}
    counts: defaultdict[tuple[tuple[str, str], ...], int] = defaultdict(int)
    for cell in cells:
        if cell.segment:
            counts[tuple(sorted(cell.segment.items()))] += _asked(cell)
    found = {_expression(segment): n / whole for segment, n in counts.items() if n / whole >= _LEAST_SHARE}
    for where in _asked_for(spec):
        share = _matching(where, spec, counts)
        if share:
            found[where] = share / whole
    return found


def _expression(segment: Iterable[tuple[str, str]]) -> str:
    return " and ".join(f"{name} == '{value}'" for name, value in segment)


def _asked_for(spec: Rollout) -> set[str]:
    gates = [*spec.guardrails, *(gate for stage in spec.stages for gate in stage.promote_when)]
    return {gate.where for gate in gates if isinstance(gate, MetricGate) and gate.where}


def _matching(where: str, spec: Rollout, counts: dict[tuple[tuple[str, str], ...], int]) -> int:
    """Requests that match, summed over the finest segments that know all of the expression's attributes."""
    try:
        tree = parse(where, tuple(spec.context))
    except SpecError:
        return 0
    matches = compile_predicate(tree)
    by_names: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for segment, n in counts.items():
        if matches(dict(segment)):
            by_names[tuple(name for name, _ in segment)] += n
    return max(by_names.values(), default=0)
