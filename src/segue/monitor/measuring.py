"""What do the data say now? From the lake's new segments to evidence.

Only hours that something new touched are counted again, and their summaries replace the kept ones; what is merged and weighed
is always the kept whole. A crash between any two of these writes is harmless: what was not marked as seen is counted again.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from segue import __version__
from segue.decide.machine import LIVE
from segue.decide.preconditions.missing import what_ifs
from segue.decide.questions import asked_gates, questions_of
from segue.decide.walk import alive, released, stage_of
from segue.errors import DomainError, InvariantError, PortError
from segue.evidence.audits.auditing import Counted, audits
from segue.evidence.audits.coverage import Shadowed, Written
from segue.evidence.many.clustering import of_requests, warning
from segue.evidence.many.detectors import surveyed
from segue.evidence.weighing import weigh
from segue.facts.allocation import Allocation
from segue.facts.decision import Inputs, State
from segue.facts.drift.bins import Bins
from segue.facts.evidence import Audit, Health, NotEnough, Weighed
from segue.facts.merging import merge
from segue.facts.question import Question
from segue.facts.summary import Cell, Counts, Moments, Summary, Units
from segue.measure.cube import COVERAGE, FAILURES
from segue.measure.history.audit import COHORTS, DRAWN, LOGGED, OUTCOMES, Audited, draws
from segue.measure.history.clusters import alike
from segue.measure.history.propensity import Exposed
from segue.measure.measurement.plan import Measurement
from segue.measure.measurement.steps import Files
from segue.monitor.carrying import Means, carried_through
from segue.monitor.champion import beside_its_past, latencies
from segue.monitor.drifting import Profiles, is_drift, unprofiled
from segue.monitor.kept import Kept
from segue.monitor.outside import Outside
from segue.monitor.telling.doubting import Asked, Doubts
from segue.ports.lake import Lake, Segment
from segue.ports.store import Loaded, WorkerReport
from segue.spec.metric import KINDS
from segue.spec.rollout import Rollout

Key: TypeAlias = tuple[str, ...]
_NO_MEANS: Final = ("ranking", "quantile", "shown")
"""Shapes of metrics that are no mean of single observations."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the data say about a rollout at one tick; the fields are those of `decide.observed.Observed`."""

    weighed: dict[str, Weighed] = {}
    summaries: dict[str, Summary] = {}
    health: dict[str, Health] = {}
    seen_in_step: int = 0
    baselines: dict[str, tuple[float, float]] = {}
    problems: tuple[str, ...] = ()
    warnings: dict[str, str] = {}
    audits: tuple[Audit, ...] = ()
    inputs: Inputs | None = None


class Remembered(msgspec.Struct, frozen=True):
    """What is known of a rollout from the last tick, and what it was known for."""

    key: Key
    findings: Findings


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured at one tick."""

    spec: Rollout
    state: State
    asked: tuple[Question, ...]
    allocations: tuple[Allocation, ...]
    now: datetime

    @property
    def of_stage(self) -> list[Allocation]:
        """The allocations of this stage and attempt, in order."""
        stage, since = stage_of(self.spec, self.state).name, self.state.since_allocation
        return [it for it in self.allocations if it.stage == stage and it.number >= since]

    @property
    def audited(self) -> tuple[Audited, ...]:
        """Whose draws are audited; none where nobody is drawn in this stage, and after the alias has moved."""
        if released(self.state) or not any(map(draws, self.of_stage)):
            return ()
        scope = Exposed(stage=stage_of(self.spec, self.state).name, since_allocation=self.state.since_allocation)
        return tuple(
            Audited(scope=scope, candidate=name, champion=self.spec.champion, segments=self.spec.segments)
            for name in alive(self.spec, self.state)
        )


class Measuring:
    """Measures the rollouts of one monitor.

    Args:
        outside: lake, engine and stores.
        least_s: stream seconds between two measurements while no segment is new; only age can change anything then.
    """

    def __init__(self, outside: Outside, *, least_s: float = 60.0) -> None:
        self._outside = outside
        self._least = timedelta(seconds=least_s)
        self._last: dict[str, Remembered] = {}
        self._kept: dict[str, Kept] = {}
        self._apart: dict[str, set[str]] = {}
        self._amended: dict[str, str] = {}  # rollout -> digest of the spec that all of its hours were counted for
        self._profiles = Profiles(outside.profiles)
        self._doubts = Doubts(outside, self._profiles)

    def find(self, spec: Rollout, loaded: Loaded, now: datetime, *, anew: bool = True) -> Findings:
        """What the data say; where they could not be measured, that is said in `problems` and nothing else is known.

        Args:
            spec: what is asked.
            loaded: where the rollout stands.
            now: the moment by which outcomes have to be due.
            anew: False: what was found last is enough; where something else is asked since, nothing is known until its turn.

        Raises:
            PortError: the store did not answer.
        """
        state = loaded.state
        gates = asked_gates(spec, state)
        asked = (*questions_of(gates), *(it.question for it in what_ifs(gates, state)))
        if state.phase not in LIVE or "pending" in {state.phase, state.resume_to}:
            return Findings(baselines=_baselines(spec, self._summaries(spec, state.rollout)))
        allocations = tuple(self._outside.allocations.allocations(state.route, rollout=state.rollout))
        standing = (*(question.id for question in asked), str(allocations[-1].number if allocations else 0))
        known = self._last.get(state.rollout)
        if not anew:
            same = known is not None and known.key[:-1] == standing
            return known.findings if known is not None and same else Findings(problems=("others are measured first",))
        subject = Subject(spec=spec, state=state, asked=asked, allocations=allocations, now=now)
        try:
            segments = self._measure(subject)
        except (PortError, InvariantError, DomainError) as error:
            self._kept.pop(state.rollout, None)
            return Findings(problems=(f"the data could not be measured: {error.message}",))
        key = (*standing, segments.digest)
        if known is None or known.key != key:
            known = self._last[state.rollout] = Remembered(key, self._weigh(subject, segments))
        return known.findings

    def forget(self, rollout: str) -> None:
        """Forget what was kept in memory about a rollout that is over."""
        self._last.pop(rollout, None)
        self._kept.pop(rollout, None)
        self._apart.pop(rollout, None)
        self._amended.pop(rollout, None)
        self._doubts.forget(rollout)

    def _summaries(self, spec: Rollout, rollout: str) -> Kept:
        """What was counted so far; read again where another monitor has written in between."""
        kept = self._kept.get(rollout)
        if kept is None or not kept.is_current():
            added = [name for name, metric in spec.metrics.items() if KINDS[metric.kind].shape not in _NO_MEANS]
            metrics = (FAILURES, COVERAGE, *added, *latencies(spec))
            kept = Kept(self._outside.summaries, rollout, metrics=metrics, by_segment=(DRAWN, OUTCOMES, COHORTS, LOGGED))
            self._kept[rollout] = kept
        return kept

    def _measure(self, subject: Subject) -> "Segments":
        outside, state, now = self._outside, subject.state, subject.now
        rollout = state.rollout
        kept = self._summaries(subject.spec, rollout)
        predictions = outside.lake.segments("predictions", state.route)
        outcomes = outside.lake.segments("outcomes", state.route)
        judged_until = kept.judged_until
        apart = {question.id for question in subject.asked if question.apart}
        if apart - self._apart.get(rollout, set()):
            judged_until = None  # of rows that were counted before, some do not count any more
        self._apart[rollout] = apart
        if state.amended and self._amended.get(rollout) != state.spec_digest:
            judged_until = None  # a guardrail that comes back was not asked of the hours that were counted without it
        kept.seen |= _repacked(outside.lake, [*predictions, *outcomes], kept.seen)
        keys = [segment.key for segment in (*predictions, *outcomes)]
        every = Segments(count=len(keys), last=max(keys, default=""))
        fresh = any(key not in kept.seen for key in keys)
        first_here = rollout not in self._last
        if judged_until is not None and first_here and not kept.answers([it.id for it in subject.asked]):
            judged_until = None  # asked by another program, or before a crash: count everything again
        if judged_until is not None and not fresh and now - judged_until < self._least:
            return every.at(judged_until)
        measurement = Measurement(
            spec=subject.spec,
            rollout=rollout,
            began_at=state.created_at,
            questions=subject.asked,
            allocations=subject.allocations,
            audited=subject.audited,
            drifting=self._profiles.drifting(subject.asked),
        )
        seen = kept.seen if judged_until is not None else frozenset()
        files = Files(predictions=predictions, outcomes=outcomes, seen=seen)
        engine = outside.engine
        steps = measurement.steps(files, now=now, judged_until=judged_until, rows_at_once=engine.rows_at_once)
        measured = carried_through(steps, Means(outside.lake, engine, kept.replace))
        kept.mark(measured)
        self._amended[rollout] = state.spec_digest
        return every.at(now, problems=measured.problems)

    def _weigh(self, subject: Subject, segments: "Segments") -> Findings:
        spec, state, asked = subject.spec, subject.state, subject.asked
        kept = self._summaries(spec, state.rollout)
        merged = kept.answers([question.id for question in asked])
        numbers = [it.number for it in subject.of_stage]
        failures, coverage = kept.cells(FAILURES), kept.cells(COVERAGE)
        counting = [it for it in numbers if not any(first <= it <= last for first, last in state.apart)]
        health = {name: _health(name, counting, failures, coverage) for name in spec.variants}
        live = alive(spec, state) or spec.candidates
        reports = self._outside.allocations.reports(state.route)
        drifting = {it.question.id: it for it in self._profiles.drifting(asked)}
        merged |= {name: drifting[name].beside_training(it) for name, it in merged.items() if isinstance(it, Bins)}
        unknown = tuple(f"{q.gate}: {unprofiled(q)}" for q in asked if is_drift(q) and q.id not in drifting)
        doubted = Asked(spec=spec, state=state, questions=asked, health=health, now=subject.now)
        weighed, problems = weighed_all(asked, merged, self._by_hour(state.rollout, asked))
        return Findings(
            weighed=weighed,
            summaries=merged,
            health=health,
            seen_in_step=min(_health(name, numbers[-1:], failures, ()).asked for name in live),
            baselines=_baselines(spec, kept),
            problems=(*segments.problems, *problems, *unknown),
            warnings=_together(_warnings(subject, kept, merged), self._doubts.about(doubted)),
            audits=(
                *(audit for name in live for audit in audits(_dealt(subject, kept, (failures, reports), name))),
                *beside_its_past(spec, state, kept, subject.now),
            ),
            inputs=Inputs(
                segments=segments.count,
                last_segment=segments.last,
                spec_digest=state.spec_digest,
                code=__version__,
                measured_at=segments.measured_at,
            ),
        )

    def _by_hour(self, rollout: str, asked: Sequence[Question]) -> dict[str, dict[int, Summary]]:
        # What a change detector steps by.
        found: dict[str, dict[int, Summary]] = {question.id: {} for question in asked if question.run_length}
        for answer in self._outside.summaries.answers(rollout, list(found)) if found else ():
            found[answer.question][answer.hour] = answer.summary
        return found


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    """What of the lake a measurement includes."""

    count: int
    last: str
    digest: str = ""
    measured_at: datetime | None = None
    problems: tuple[str, ...] = ()

    def at(self, judged_until: datetime, problems: tuple[str, ...] = ()) -> "Segments":
        """The same, judged until a moment."""
        digest = f"{self.count} {judged_until.isoformat()}"
        return msgspec.structs.replace(self, digest=digest, measured_at=judged_until, problems=problems)


def _repacked(lake: Lake, segments: Iterable[Segment], seen: AbstractSet[str]) -> set[str]:
    """Packs that hold nothing but what was seen: rows in another file are no new rows."""
    packs = (segment for segment in segments if segment.packed and segment.key not in seen)
    return {pack.key for pack in packs if all(part.key in seen for part in lake.parts(pack))}


def _warnings(subject: Subject, kept: Kept, merged: dict[str, Summary]) -> dict[str, str]:
    """Where requests of one unit are so alike that a verdict on requests says less about those of others."""
    numbers, found = {it.number for it in subject.of_stage}, {}
    for question in subject.asked:
        counted, name = merged.get(question.id), alike(question)
        if counted is None or not name or subject.spec.unit == ("request",):
            continue
        mine = (it for it in kept.cells(name) if it.variant == question.candidate and it.allocation in numbers)
        units = merge(cell.summary for cell in mine)
        effect = of_requests(units, counted) if isinstance(units, Units) else None
        if isinstance(effect, float) and (said := warning(effect)):
            found[question.id] = said
    return found


def _together(some: dict[str, str], others: dict[str, str]) -> dict[str, str]:
    return {name: "; ".join(text[name] for text in (some, others) if name in text) for name in (*some, *others)}


def weighed_all(
    asked: Sequence[Question], merged: dict[str, Summary], by_hour: dict[str, dict[int, Summary]]
) -> tuple[dict[str, Weighed], tuple[str, ...]]:
    """Question id -> what the data say, and what could not be weighed; `by_hour` is for detectors that step by hours."""
    weighed: dict[str, Weighed] = {}
    problems = []
    for question in asked:
        try:
            hours = by_hour.get(question.id)
            weighed[question.id] = surveyed(question, hours) if hours else weigh(question, merged.get(question.id))
        except DomainError as error:
            problems.append(f"{question.gate} could not be weighed: {error.message}")
            weighed[question.id] = NotEnough(have=0, need=1, unit="summaries that fit", reason=error.message)
    return weighed, tuple(problems)


def _dealt(subject: Subject, kept: Kept, rows: tuple[Sequence[Cell], Sequence[WorkerReport]], candidate: str) -> Counted:
    """How units, outcomes and shadows were dealt out between the champion and one candidate in this stage."""
    spec, numbers = subject.spec, {it.number for it in subject.of_stage}
    failures, reports = rows
    told = [it for report in reports for it in report.captured if it.allocation in numbers]
    written = [
        Written(sum(it.rows for it in told if it.variant == name), sum(_counted(name, tuple(numbers), failures)))
        for name in (candidate, spec.champion)
    ]
    sides = Counted(
        candidate=candidate,
        champion=spec.champion,
        candidates=len(spec.candidates),
        written=(written[0], written[1]) if told else None,
    )
    shadowed = tuple(_shadowed(sides, it, failures) for it in subject.of_stage)
    if not subject.audited:
        return msgspec.structs.replace(sides, shadowed=tuple(it for it in shadowed if it.share))
    drawn, outcomes, cohorts, logged = (
        [cell for cell in kept.cells(name) if cell.allocation in numbers and cell.variant == candidate]
        for name in (DRAWN, OUTCOMES, COHORTS, LOGGED)
    )
    return msgspec.structs.replace(sides, drawn=drawn, outcomes=outcomes, cohorts=cohorts, logged=logged)


def _baselines(spec: Rollout, kept: Kept) -> dict[str, tuple[float, float]]:
    found = {}
    for name in spec.metrics:
        whole = merge(cell.summary for cell in kept.cells(name) if cell.variant == spec.champion)
        moments = None if whole is None else _moments(whole)
        if moments is not None:
            found[name] = moments
    return found


def _health(variant: str, allocations: Sequence[int], failures: Sequence[Cell], coverage: Sequence[Cell]) -> Health:
    failed, fine = _counted(variant, allocations, failures)
    known, unknown = _counted(variant, allocations, coverage)
    return Health(asked=failed + fine, failed=failed, judged=known + unknown, with_outcome=known)


def _shadowed(sides: Counted, allocation: Allocation, failures: Sequence[Cell]) -> Shadowed:
    share = next((it.share for it in allocation.shadows if it.variant == sides.candidate), 0.0)
    numbers = [allocation.number]
    return Shadowed(share, sum(_counted(sides.champion, numbers, failures)), sum(_counted(sides.candidate, numbers, failures)))


def _counted(variant: str, allocations: Sequence[int], cells: Sequence[Cell]) -> tuple[int, int]:
    yes = no = 0
    for cell in cells:
        if cell.variant == variant and cell.allocation in allocations and isinstance(cell.summary, Counts):
            yes, no = yes + cell.summary.yes, no + cell.summary.no
    return yes, no


def _moments(summary: Summary) -> tuple[float, float] | None:
    """Mean and variance of one observation; None where the summary does not say."""
    match summary:
        case Counts(yes=yes, no=no) if yes + no:
            share = yes / (yes + no)
            return share, share * (1 - share)
        case Moments(cells=cells) if sum(cell.n for cell in cells):
            n = sum(cell.n for cell in cells)
            mean = sum(cell.sums[0] for cell in cells) / n
            return mean, max(sum(cell.products[0] for cell in cells) / n - mean**2, 0.0)
        case _:
            return None
