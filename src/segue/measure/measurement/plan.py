"""Which statements make one measurement, and in which order?

A plan does nothing itself: `Measurement.steps` is a generator that yields what is to be done (see `steps`), is sent the rows
of each query, and returns what was measured. Whoever has a lake and an engine carries it through.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from segue.facts.allocation import Allocation
from segue.facts.question import MetricRef, Question
from segue.facts.summary import Cell
from segue.measure.answers import answers
from segue.measure.cube import Cube
from segue.measure.drift.asking import Asked as Drifting
from segue.measure.history.audit import Audited
from segue.measure.history.clusters import clusters
from segue.measure.history.propensity import DRAWN, Draws, Exposed, chances, statements
from segue.measure.history.touched import Since, every_hour, touched
from segue.measure.kinds.catalogue import rule_of
from segue.measure.kinds.reading import Rule
from segue.measure.measurement.narrowing import Around, around, changed, stretches
from segue.measure.measurement.steps import Execute, F, Files, Keep, Query, Steps, whole
from segue.measure.questions import exposed_by, form_of, statement, unanswerable
from segue.measure.rows import Asking, period_hours, settled_us
from segue.measure.sql import HOUR_US, micros
from segue.measure.views import Scope, judged, repeated
from segue.spec.metric import needs_outcome, observed_cap
from segue.spec.rollout import Rollout

BACKDATED_H = 7 * 24
"""An outcome that became true so long before the rollout began is not looked at."""

SKEW_H = 1
"""A gateway's clock may be so far behind the monitor's that a rollout's first rows lie in an hour before it began."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What came out, apart from the summaries, which were yielded.

    Args:
        hours: what was counted again.
        seen: keys of the segments that are included now.
        problems: what could not be measured, and why.
    """

    hours: tuple[int, ...]
    seen: tuple[str, ...]
    judged_until: datetime
    problems: tuple[str, ...] = ()


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured for one rollout.

    Args:
        spec: its metrics, segments and context.
        rollout: its id; `began_at` when it was created.
        questions: of this tick.
        allocations: every one of the rollout.
        segmented: whether the cube is counted by segment too.
        audited: whose draws are audited, all in one scope; none where nobody is drawn.
        drifting: those of the questions that are about drift and have a training profile.
    """

    spec: Rollout
    rollout: str
    began_at: datetime
    questions: tuple[Question, ...]
    allocations: tuple[Allocation, ...]
    segmented: bool = True
    audited: tuple[Audited, ...] = ()
    drifting: tuple[Drifting, ...] = ()

    def steps(
        self, files: Files[F], *, now: datetime, judged_until: datetime | None, rows_at_once: int
    ) -> "Steps[F, Measured]":
        """The steps of one measurement.

        Args:
            files: of the route.
            now: of the tick.
            judged_until: the `now` of the last measurement; None to count everything again.
            rows_at_once: about so many predictions are measured at a time.
        """
        began_h = micros(self.began_at) // HOUR_US - SKEW_H
        mine = Files(
            predictions=tuple(file for file in files.predictions if file.hour >= began_h),
            outcomes=tuple(file for file in files.outcomes if file.hour >= began_h - BACKDATED_H),
            seen=files.seen,
        )
        hours = yield from self._hours(mine, self._since(now, judged_until))
        counted: list[int] = []
        for stretch in (yield from stretches(hours, mine, rows_at_once)):
            kept = yield from self._counted(stretch, mine, micros(now), first=judged_until is None)
            if kept.hours:
                yield kept
            counted += kept.hours
        return Measured(
            hours=tuple(counted),
            seen=tuple(file.key for file in (*files.predictions, *files.outcomes) if file.key not in files.seen),
            judged_until=now,
            problems=tuple(f"{q.gate}: {reason}" for q in self.questions if (reason := unanswerable(q))),
        )

    @property
    def metrics(self) -> tuple[MetricRef, ...]:
        """The spec's metrics as plain data."""
        return tuple(
            MetricRef(
                name=metric.name,
                kind=metric.kind,
                of=metric.of,
                parameters=metric.parameters,
                cap=observed_cap(metric),
                window_s=metric.window_s if needs_outcome(metric) else 0.0,
                missing=metric.missing,
            )
            for metric in self.spec.metrics.values()
        )

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The different rules of judging, the spec's own first."""
        outcome = self.spec.outcome
        own = Rule(window_us=round(outcome.window_s * 1_000_000), missing=outcome.missing)
        others = {rule for metric in (*self.metrics, *(q.metric for q in self.questions)) if (rule := rule_of(metric))}
        return (own, *sorted(others - {own}))

    @property
    def _askable(self) -> tuple[Question, ...]:
        asked = (question for question in self.questions if question.design != "drift")
        return tuple(question for question in asked if not unanswerable(question))

    @property
    def _whole_units(self) -> bool:
        return any(question.unit == "unit" for question in self._askable)

    @property
    def _exposed(self) -> tuple[Exposed, ...]:
        return tuple(sorted({*exposed_by(self._askable), *(audited.scope for audited in self.audited)}))

    @property
    def _many_requests(self) -> bool:
        return self._whole_units or (bool(self.audited) and self.spec.unit != ("request",))

    def _since(self, now: datetime, judged_until: datetime | None) -> Since:
        windows = {rule.window_us for rule in self.rules}
        asked = self._askable
        return Since(
            rollout=self.rollout,
            judged_until_us=None if judged_until is None else micros(judged_until),
            now_us=micros(now),
            longest_us=max(windows),
            ages_us=sorted(windows | {settled_us(question) for question in asked if question.unit == "unit"}),
            whole=sorted({(period_hours(q), settled_us(q)) for q in asked if form_of(q) in {"blocks", "days"}}),
            exposed=self._exposed if self._many_requests else (),
        )

    def _hours(self, files: Files[F], since: Since) -> "Steps[F, tuple[int, ...]]":
        """The hours to be counted again; at the first time those that files are named after."""
        if since.judged_until_us is None:
            return tuple(sorted({file.hour for file in files.predictions}))
        if not (yield from changed(files, since)):
            return ()
        return tuple(sorted(whole(row[0]) for row in (yield Query(touched(since)))))

    def _counted(self, hours: tuple[int, ...], files: Files[F], now_us: int, *, first: bool) -> "Steps[F, Keep]":
        asked, rules = self._askable, self.rules
        scope = Scope(rollout=self.rollout, now_us=now_us, hours=hours, rules=rules, whole_units=self._whole_units)
        yield from around(hours, files, Around(scope=scope, histories=self._many_requests and bool(self._exposed)))
        if first:
            every = yield Query(every_hour(self.rollout))
            hours = tuple(sorted({whole(row[0]) for row in every} & set(hours)))
            scope = msgspec.structs.replace(scope, hours=hours)
            if not hours:
                return Keep((), (), ())
        asking = Asking(now_us=now_us, attributes=tuple(self.spec.context), rules=rules, hours=hours, exposed=self._exposed)
        ((repeat,),) = yield Query(repeated(scope))
        yield Execute(judged(scope, repeat=bool(repeat)))
        if asking.exposed:
            yield from self._drawn(asked, asking)
        rows = (yield Query(statement(asked, asking))) if asked else ()
        cube = Cube(
            metrics=self.metrics,
            segments=self.spec.segments if self.segmented else (),
            rules=rules,
            touched=asking.touched,
            also=tuple(clusters(asked, rules)) if self.spec.unit != ("request",) else (),
        )
        cells: list[Cell] = []
        for counting in cube.statements():
            cells.extend(cube.cells(counting, (yield Query(counting.sql))))
        for audited in self.audited:
            scope_at = asking.exposed.index(audited.scope)
            cells.extend(audited.cells((yield Query(audited.statement(scope_at)))))
        found = list(answers(asked, rows))
        for drifting in self.drifting:
            counting_bins = drifting.statement(asking.touched)
            found.extend(drifting.answers(counting_bins, (yield counting_bins.tally)))
        return Keep(hours, tuple(found), tuple(cells))

    def _drawn(self, asked: Sequence[Question], asking: Asking) -> "Steps[F, None]":
        draws = Draws(self.allocations)
        for sql in statements(self.rollout, draws, asking.exposed, asking.touched):
            yield Execute(sql)
        drawn = {(whole(draw), str(history)) for draw, history in (yield Query(DRAWN))}
        drawn |= {(draw, "") for draw, _ in drawn}  # what the chance was of a unit that was never seen before
        pairs = {(q.candidate, q.champion) for q in asked if q.design in {"randomised", "events"}}
        pairs |= {(audited.candidate, audited.champion) for audited in self.audited}
        yield Execute(chances(draws, sorted(drawn), sorted(pairs)))
