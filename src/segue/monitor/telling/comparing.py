"""What do the records say beside something else: the offline pipeline's values, or each other, segment by segment?"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import msgspec

from segue.errors import DomainError, near_miss
from segue.evidence.drift.skew import Tolerance, skew
from segue.evidence.many.disagreement import disagreements
from segue.evidence.many.weak_segments import LEAST, Sides, weak_segments
from segue.facts.drift.findings import SegmentAgreement, SegmentDifference, Skew
from segue.facts.drift.profile import FeatureProfile
from segue.facts.summary import Cell
from segue.measure.drift.served import of_ids
from segue.measure.measurement.plan import Measurement
from segue.measure.measurement.steps import Files
from segue.monitor.carrying import Means, carried_through
from segue.monitor.outside import Outside
from segue.ports.store import Loaded
from segue.spec.load import load
from segue.spec.metric import AGREEMENT, Metric
from segue.spec.rollout import Rollout

_AT_ONCE: Final = 2000
"""Requests that are looked up in one statement."""
OF_ANSWER: Final = ("label", "score")


class Offline(msgspec.Struct, frozen=True, kw_only=True):
    """What the offline pipeline says.

    Args:
        rows: request -> its values, by column.
        columns: features by their names, and `label` and `score` where it predicted too.
        version: whose predictions these are; "" for those of whoever answered.
    """

    rows: Mapping[str, Mapping[str, object]]
    columns: tuple[str, ...]
    version: str = ""


def skewed(outside: Outside, route: str, offline: Offline, tolerance: Tolerance) -> Skew:
    """Training-serving skew of the requests that the offline pipeline knows.

    Raises:
        DomainError: no column to compare.
        Unavailable: lake or engine did not answer.
    """
    if not offline.columns:
        raise DomainError("nothing to compare", hint="a column for each feature, named as the request names it")
    names = [name for name in offline.columns if name not in OF_ANSWER]
    features = [FeatureProfile(name=name, kind="categorical", counts=(0, 0)) for name in names]
    engine, lake = outside.engine, outside.lake
    engine.bind({"predictions": lake.locations(lake.segments("predictions", route))})
    served: dict[str, dict[str, object]] = {}
    for requests in _parts(sorted(offline.rows)):
        for request, label, score, values in engine.run(of_ids(features, requests, offline.version)):
            texts = values if isinstance(values, list) else [None] * len(names)
            served[str(request)] = {"label": label, "score": score, **dict(zip(names, texts, strict=True))}
    return skew(served, offline.rows, offline.columns, tolerance)


def segments(outside: Outside, loaded: Loaded, metric: str, least: int = LEAST) -> tuple[SegmentDifference, ...]:
    """Where candidate and champion differ in a metric, over all values of all context attributes and their pairs.

    Raises:
        DomainError: the spec has no such metric, or no context.
        Unavailable: lake or engine did not answer.
    """
    spec = load(loaded.source)
    if metric not in spec.metrics:
        hint = near_miss(metric, spec.metrics) or f"metrics: {', '.join(spec.metrics) or 'none'}"
        raise DomainError(f"no metric is called {metric}", hint=hint)
    _require_context(spec)
    cells = _cells(outside, loaded, spec.metrics[metric])
    return weak_segments(cells, Sides(candidate=spec.candidates[0], champion=spec.champion, least=least))


def disagreeing(outside: Outside, loaded: Loaded, least: int = LEAST) -> tuple[SegmentAgreement, ...]:
    """Where candidate and champion answer the same requests differently most often, over the same segments.

    Raises:
        DomainError: the spec has no context.
        Unavailable: lake or engine did not answer.
    """
    spec = load(loaded.source)
    _require_context(spec)
    return disagreements(_cells(outside, loaded, AGREEMENT), spec.candidates[0], least)


def _require_context(spec: Rollout) -> None:
    if not spec.context:
        raise DomainError(
            "the spec declares no context, so there are no segments", hint="such as context: {tier: header:x-tier}"
        )


def _cells(outside: Outside, loaded: Loaded, metric: Metric) -> list[Cell]:
    """The metric's cells by every attribute and every pair of them, counted anew."""
    spec, state = load(loaded.source), loaded.state
    names = tuple((name,) for name in spec.context) + tuple(combinations(spec.context, 2))
    alone = msgspec.structs.replace(spec, metrics={metric.name: metric}, segments=names)
    measurement = Measurement(spec=alone, rollout=state.rollout, began_at=state.created_at, questions=(), allocations=())
    lake, engine = outside.lake, outside.engine
    files = Files(predictions=lake.segments("predictions", state.route), outcomes=lake.segments("outcomes", state.route))
    steps = measurement.steps(files, now=outside.clock.now(), judged_until=None, rows_at_once=engine.rows_at_once)
    cells: list[Cell] = []
    carried_through(steps, Means(lake, engine, lambda kept: cells.extend(it for it in kept.cells if it.metric == metric.name)))
    return cells


def _parts(requests: Sequence[str]) -> Iterator[Sequence[str]]:
    return (requests[start : start + _AT_ONCE] for start in range(0, len(requests), _AT_ONCE))
