"""What does the record hold, row by row, and is it what the caller counted?"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from segue.ports.engine import Engine
from segue.ports.lake import Lake
from segue.report.gathered import Check, Seen, Told
from segue.report.words import version_name

_ROWS: Final = """
SELECT rollout, version, role, count(*), count(*) FILTER (status = 200) FROM predictions GROUP BY ALL
"""
_DAYS: Final = """
SELECT rollout, epoch("at")::BIGINT // 86400 AS day, allocation, version, count(*), sum(epoch("at")) FROM predictions
WHERE role IN ('served', 'fallback') AND status = 200 GROUP BY ALL
"""
_REQUESTS: Final = """
SELECT count(*), count(*) FILTER (answered), count(*) FILTER (answers > 1), coalesce(sum(answers), 0) FROM (
  SELECT request_id, coalesce(bool_or(role IN ('served', 'fallback') AND status = 200), FALSE) AS answered,
    count(*) FILTER (role IN ('served', 'fallback') AND status = 200) AS answers
  FROM predictions WHERE role <> 'shadow' GROUP BY request_id)
"""
_OUTCOMES: Final = """
SELECT count(*), count(DISTINCT request_id),
  count(DISTINCT request_id) FILTER (request_id IN (SELECT request_id FROM predictions)) FROM outcomes
"""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What the lake holds of a route.

    Args:
        roles: role -> rows.
        answers: version -> answers with a 200 that left; `shadows` and `failures` likewise.
        served: rollout -> version -> answers with a 200 that left.
        days: rollout -> what callers got, by day.
        requests: distinct request ids that were not only asked beside.
        answered: those with an answer; `twice` those with more than one.
    """

    rows: int
    roles: dict[str, int]
    answers: dict[str, int]
    shadows: dict[str, int]
    failures: dict[str, int]
    served: dict[str, dict[str, int]]
    days: dict[str, tuple[Seen, ...]]
    requests: int
    answered: int
    twice: int
    outcomes: int
    outcome_requests: int
    joined: int


def recorded(lake: Lake, engine: Engine, route: str) -> Recorded:
    """Count every row of a route."""
    engine.bind({kind: lake.locations(lake.segments(kind, route)) for kind in ("predictions", "outcomes")})
    roles: Counter[str] = Counter()
    by_role: defaultdict[str, Counter[str]] = defaultdict(Counter)
    served: defaultdict[str, Counter[str]] = defaultdict(Counter)
    row: Any
    for row in engine.run(_ROWS):
        rollout, version, role, rows, good = row
        roles[role] += rows
        answer = role in {"served", "fallback"}
        by_role["answer" if answer else role][version_name(version)] += good if answer else rows
        if answer and good:
            served[rollout][version_name(version)] += good
    requests, answered, twice, _ = _one(engine, _REQUESTS)
    outcomes, outcome_requests, joined = _one(engine, _OUTCOMES)
    return Recorded(
        rows=roles.total(),
        roles=dict(roles),
        answers=dict(by_role["answer"]),
        shadows=dict(by_role["shadow"]),
        failures=dict(by_role["failed"]),
        served={rollout: dict(counts) for rollout, counts in served.items()},
        days=_days(engine),
        requests=requests,
        answered=answered,
        twice=twice,
        outcomes=outcomes,
        outcome_requests=outcome_requests,
        joined=joined,
    )


def _one(engine: Engine, sql: str) -> tuple[int, ...]:
    (row,) = engine.run(sql)
    return tuple(int(str(number)) for number in row)


def _days(engine: Engine) -> dict[str, tuple[Seen, ...]]:
    counts: defaultdict[tuple[str, int, int], Counter[str]] = defaultdict(Counter)
    seconds: Counter[tuple[str, int, int]] = Counter()
    row: Any
    for row in engine.run(_DAYS):
        rollout, day, allocation, version, rows, at_s = row
        counts[rollout, day, allocation][version_name(version)] += rows
        seconds[rollout, day, allocation] += at_s
    days: defaultdict[str, list[Seen]] = defaultdict(list)
    for key, answers in sorted(counts.items()):
        total = answers.total()
        served = {version: count / total for version, count in sorted(answers.items())}
        at = datetime.fromtimestamp(round(seconds[key] / total), UTC)
        days[key[0]].append(Seen(at=at, allocation=key[2], answers=total, served=served))
    return {rollout: tuple(each) for rollout, each in days.items()}


def checks(told: Told, record: Recorded) -> tuple[Check, ...]:
    """The caller's books against the record's, line by line."""
    return tuple(_checks(told, record))


def _checks(told: Told, record: Recorded) -> Iterator[Check]:
    answered, failed = sum(told.answers.values()), sum(told.failures.values())
    yield Check(
        what="requests",
        caller=told.requests,
        record=record.requests,
        note="the record: distinct request ids, rows of shadows left out",
    )
    yield Check(what="answered with a 200", caller=answered, record=record.answered, note="the record: served or fallback")
    yield Check(what="not answered", caller=failed, record=record.requests - record.answered)
    for version in sorted({*told.answers, *record.answers}):
        mine, theirs = told.answers.get(version, 0), record.answers.get(version, 0)
        yield Check(what=f"answered by {version}", caller=mine, record=theirs)
    yield Check(what="outcomes accepted", caller=told.outcomes, record=record.outcomes)
    if told.outcomes_refused:
        yield Check(what="outcomes refused", caller=told.outcomes_refused, record=None)
    yield Check(what="outcomes that found their prediction", caller=None, record=record.joined)
    yield Check(what="requests with more than one answer", caller=None, record=record.twice)
    texts = {
        "served": "the assigned version's answer left",
        "fallback": "the champion answered in a candidate's place",
        "failed": "a version was asked and gave no answer",
        "shadow": "asked beside the answer; no caller waited",
        "pinned": "asked for by name; never judged",
    }
    for role, note in texts.items():
        if role != "pinned" or record.roles.get(role):
            yield Check(what=f"rows: {role}", caller=None, record=record.roles.get(role, 0), note=note)
    yield Check(what="rows in all", caller=None, record=record.rows)
