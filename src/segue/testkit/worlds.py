"""What would a lake say that holds these rows? A folder lake's rows, an engine, and one measurement after the other."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import msgspec

from segue.facts.allocation import BUCKETS, Allocation, Range, Split
from segue.facts.merging import merge
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.facts.question import Claim, Design, MetricRef, Question
from segue.facts.summary import Answer, Cell, Summary
from segue.measure.measurement.plan import Measured, Measurement
from segue.measure.measurement.steps import Files, Keep
from segue.monitor.carrying import Means, carried_through
from segue.ports.engine import Engine
from segue.ports.lake import Lake, RowKind, Segment
from segue.spec.metric import KINDS, Metric, kind_of
from segue.spec.rollout import OutcomeRule, Rollout

BEGIN: Final = datetime(2013, 3, 1, tzinfo=UTC)
ROUTE: Final = "churn"
ROLLOUT: Final = "r-1"
HOUR: Final = 3600.0
CONTEXT: Final = {"country": "header:x-country", "tier": "header:x-tier"}


def at(hours: float) -> datetime:
    """A moment, in hours after the begin."""
    return BEGIN + timedelta(hours=hours)


def prediction(request_id: str, hours: float, **changes: object) -> Prediction:
    """The champion's served answer in a shadow stage, unless changed."""
    unit = cast("str", changes.get("unit", request_id))
    row = Prediction(
        request_id=request_id,
        route=ROUTE,
        rollout=ROLLOUT,
        stage="shadow",
        allocation=1,
        spec_digest="d",
        at=at(hours),
        unit=unit,
        unit_source="header:x-user-id" if "unit" in changes else "request",
        context={},
        assigned="champion",
        variant="champion",
        version="7",
        role="served",
        propensity=1.0,
        comparable=True,
        status=200,
        error="",
        label="1",
        score=0.5,
        features=None,
        cost=None,
        unread="",
        latency_upstream_s=0.01,
        latency_total_s=0.011,
        request_size_bytes=1,
        response_size_bytes=1,
        request_hash=b"",
        response_hash=b"",
        request_body=None,
        response_body=None,
    )
    return msgspec.structs.replace(row, **changes)


def shadow(request_id: str, hours: float, **changes: object) -> Prediction:
    """The candidate's answer beside it."""
    return prediction(request_id, hours, **{"role": "shadow", "variant": "v8", "version": "8", **changes})


def outcome(hours: float, received: float | None = None, **changes: object) -> Outcome:
    """An outcome that became true at an hour, and was received then or later."""
    fresh = Outcome(route=ROUTE, at=at(hours), received_at=at(hours if received is None else received))
    return msgspec.structs.replace(fresh, **changes)


def metric(name: str, kind: str, **changes: object) -> Metric:
    """A metric of the spec with a window of one hour."""
    fresh = Metric(name=name, kind=kind, goal=KINDS[kind].goal or "increase", window_s=HOUR)
    return msgspec.structs.replace(fresh, **changes)


def spec(metrics: Iterable[Metric] = (), **changes: object) -> Rollout:
    """A spec that has what measuring needs."""
    fresh = Rollout(
        route=ROUTE,
        protocol="v2",
        unit=("request",),
        registry="embedded",
        variants={},
        metrics={it.name: it for it in metrics},
        context=CONTEXT,
        outcome=OutcomeRule(window_s=HOUR),
        stages=(),
    )
    return msgspec.structs.replace(fresh, **changes)


def question(kind: str, design: Design = "paired", **changes: object) -> Question:
    """A question about a metric of a kind; `of`, `parameters`, `window_s`, `missing`, `cap` go to the metric."""
    own = {name: changes.pop(name) for name in ("of", "parameters", "window_s", "missing", "cap") if name in changes}
    window_s, cap = HOUR if kind_of(kind).outcome else 0.0, 1.0 if kind_of(kind).bounded else None
    fresh = Question(
        id="q",
        gate="g",
        rollout=ROLLOUT,
        route=ROUTE,
        stage="shadow",
        metric=msgspec.structs.replace(MetricRef(name=kind, kind=kind, cap=cap, window_s=window_s), **own),
        design=design,
        candidate="v8",
        champion="champion",
        claim=Claim(side="above", bound=-0.01),
        alpha=0.05,
    )
    return msgspec.structs.replace(fresh, **changes)


def allocation(number: int, share: float, *, stage: str = "canary", salt: str = "s1", **changes: object) -> Allocation:
    """The candidate owns the first buckets up to its share, the champion the rest."""
    edge = round(share * BUCKETS)
    parts = (Range(start=0, end=edge, variant="v8"), Range(start=edge, end=BUCKETS, variant="champion"))
    ranges = tuple(part for part in parts if part.start < part.end)
    made = Allocation(
        number=number,
        route=ROUTE,
        rollout=ROLLOUT,
        stage=stage,
        spec_digest="d",
        published_at=BEGIN,
        protocol="v2",
        unit=("header:x-user-id", "request"),
        context=CONTEXT,
        champion="champion",
        variants={},
        split=Split(salt=salt, kind="variant", ranges=ranges),
    )
    return msgspec.structs.replace(made, **changes)


class World:
    """A lake that is filled, and measured again and again as a monitor does."""

    def __init__(self, lake: Lake, engine: Engine) -> None:
        self._lake = lake
        self._engine = engine
        self._segments = 0
        self._rows: list[Prediction | Outcome] = []
        self.restart()

    def restart(self) -> None:
        """Forget what was measured."""
        self.seen: frozenset[str] = frozenset()
        self.judged_until: datetime | None = None
        self.answers: dict[tuple[str, int], Answer] = {}
        self.cells: dict[int, list[Cell]] = {}

    def put(self, *rows: Prediction | Outcome) -> None:
        """Rows that are in the lake at the next measurement, in segments of their own."""
        self._rows += rows

    def measure(self, measurement: Measurement, hours: float) -> Measured:
        """One measurement, so many hours after the begin; the kept summaries are replaced as a store does it."""
        self._flush()
        measured = self._carried_through(measurement, at(hours))
        self.seen |= frozenset(measured.seen)
        self.judged_until = measured.judged_until
        return measured

    def answer(self, question_id: str = "q") -> Summary | None:
        """A question's summary of all hours."""
        return merge(answer.summary for (name, _), answer in self.answers.items() if name == question_id)

    def cell(self, name: str, variant: str, **segment: str) -> Summary | None:
        """A metric's summary of all hours for a variant in a segment."""
        mine = (
            c for cells in self.cells.values() for c in cells if (c.metric, c.variant, c.segment) == (name, variant, segment)
        )
        return merge(cell.summary for cell in mine)

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        self._segments += 1
        predictions: defaultdict[int, list[Prediction]] = defaultdict(list)
        outcomes: defaultdict[int, list[Outcome]] = defaultdict(list)
        for row in rows:
            hour = int(row.at.timestamp() // HOUR)
            predictions[hour].append(row) if isinstance(row, Prediction) else outcomes[hour].append(row)
        for hour, group in predictions.items():
            self._lake.put_predictions(self._segment("predictions", hour), group)
        for hour, those in outcomes.items():
            self._lake.put_outcomes(self._segment("outcomes", hour), those)

    def _segment(self, kind: RowKind, hour: int) -> Segment:
        return Segment(kind=kind, route=ROUTE, hour=hour, name=f"j-{self._segments:04}")

    def _carried_through(self, measurement: Measurement, now: datetime) -> Measured:
        predictions, outcomes = self._lake.segments("predictions", ROUTE), self._lake.segments("outcomes", ROUTE)
        files = Files(predictions=predictions, outcomes=outcomes, seen=self.seen)
        steps = measurement.steps(files, now=now, judged_until=self.judged_until, rows_at_once=self._engine.rows_at_once)
        return carried_through(steps, Means(self._lake, self._engine, self._keep))

    def _keep(self, counted: Keep) -> None:
        gone = set(counted.hours)
        self.answers = {key: kept for key, kept in self.answers.items() if key[1] not in gone}
        self.answers |= {(answer.question, answer.hour): answer for answer in counted.answers}
        self.cells = {hour: kept for hour, kept in self.cells.items() if hour not in gone}
        for cell in counted.cells:
            self.cells.setdefault(cell.hour, []).append(cell)


def measurement(asked: Sequence[Question] = (), *allocations: Allocation, spec_of: Rollout | None = None) -> Measurement:
    """What is measured; the rollout began at the begin."""
    return Measurement(
        spec=spec() if spec_of is None else spec_of,
        rollout=ROLLOUT,
        began_at=BEGIN,
        questions=tuple(asked),
        allocations=allocations,
    )
