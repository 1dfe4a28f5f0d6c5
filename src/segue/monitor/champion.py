"""What do the record and the gateways say about the champion itself?"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from segue.evidence.audits.alarm import Subject
from segue.evidence.audits.champion import errors, latency, past_end
from segue.facts.decision import State
from segue.facts.evidence import Audit
from segue.facts.merging import merge
from segue.facts.summary import Counts, Histogram, Summary
from segue.measure.cube import FAILURES
from segue.monitor.kept import Kept
from segue.ports.store import WorkerReport
from segue.spec.rollout import Rollout

SILENT_AFTER_S: Final = 30.0
"""Real time without a report after which a gateway's worker says nothing any more."""


def latencies(spec: Rollout) -> tuple[str, ...]:
    """The metrics by which the champion's latency is set beside its past."""
    return tuple(name for name, metric in spec.metrics.items() if metric.kind == "latency_quantile")


def beside_its_past(spec: Rollout, state: State, kept: Kept, now: datetime) -> Iterator[Audit]:
    """The champion's failures and latencies of the last hours beside those of all hours before.

    Times in which it was known to be unhealthy are no past; while it is, its past ends where that began.
    """
    says, now_h = spec.unhealthy_champion, _hour(now)
    until_h = now_h if state.unhealthy_since is None else _hour(state.unhealthy_since)
    end = past_end(now_h, until_h)
    failed = {hour: it for hour, it in _hours(_Champion(spec, state, kept, end), FAILURES) if isinstance(it, Counts)}
    subject = Subject(name="champion_errors", candidate="", champion=spec.champion)
    yield errors(subject, failed, now_h=now_h, past_until_h=until_h, rise=says.errors_rise_by)
    for name in latencies(spec):
        took = {hour: it for hour, it in _hours(_Champion(spec, state, kept, end), name) if isinstance(it, Histogram)}
        subject = Subject(name="champion_latency", candidate="", champion=spec.champion, part={"metric": name})
        q = float(spec.metrics[name].parameters["q"])
        yield latency(subject, took, q, now_h=now_h, past_until_h=until_h, rise=says.latency_rises_by)


def ejected(reports: Sequence[WorkerReport], real_now: datetime) -> dict[str, float]:
    """Variant -> the share of the gateways' workers that leave it out now, of those that were heard of lately."""
    since = real_now - timedelta(seconds=SILENT_AFTER_S)
    heard = [report for report in reports if report.at >= since]
    names = {name for report in heard for name in report.ejected}
    return {name: sum(name in report.ejected for report in heard) / len(heard) for name in sorted(names)}


class _Champion(NamedTuple):
    spec: Rollout
    state: State
    kept: Kept
    past_end_h: int

    def counts(self, allocation: int) -> bool:
        return not any(first <= allocation <= last for first, last in self.state.apart)


def _hours(champion: _Champion, metric: str) -> Iterator[tuple[int, Summary]]:
    """Each hour's summary, those of the past together: they are many, and are added up already."""
    found: dict[int, list[Summary]] = {}
    end, name = champion.past_end_h, champion.spec.champion
    for allocation, summary in champion.kept.before(end, metric, name):
        if champion.counts(allocation):
            found.setdefault(end - 1, []).append(summary)
    for allocation, hour, summary in champion.kept.since(end, metric, name):
        if champion.counts(allocation):
            found.setdefault(hour, []).append(summary)
    for hour, summaries in found.items():
        whole = merge(summaries)
        if whole is not None:
            yield hour, whole


def _hour(at: datetime) -> int:
    return int(at.timestamp() // 3600)
