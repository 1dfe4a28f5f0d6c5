"""Which rows are judged, and by which outcome?

`judged` is one table for all metrics: the predictions of a rollout in the hours asked for, each once, with the last revision
of its outcome. A few rules hold for every metric, and stand only here:

- A row that came twice, by (request, variant, role), counts once: the earliest.
- A request is as old as its first row; its hour is the hour in which it was made.
- An outcome belongs to a request by its id, or by the unit if it became true within the window after the request.
- Of several outcomes the last by (`at`, `received_at`) counts; one without label and values withdraws them all.
- `missing: negative` is about things that may or may not happen: only what became true within the window counts, and a due
  prediction without it is a 0. `missing: exclude` is about a truth that every prediction has: it counts whenever it is known.
- Pinned answers are never here.
- A refusal that is the caller's own fault is no failure, unless another variant answered the same request.
- `lead` marks the one row of a request that stands for what its unit was assigned: its own answer, or its failure.
"""

from typing import Final

import msgspec

from segue.measure.expressions import quoted
from segue.measure.kinds.reading import Rule
from segue.measure.sql import HOUR_US, TIE, any_of, filled

_JUDGED: Final = """
CREATE TEMP TABLE judged AS
WITH $mine,
requests AS MATERIALIZED (
  SELECT request_id, min(at_us) AS asked_us, min(unit) AS unit, bool_or(error = '') AS answered, min($place) AS leads
  FROM firsts f GROUP BY request_id
),
matches AS MATERIALIZED ($matches)$truths
SELECT f.*, q.asked_us, q.asked_us // $hour_us AS hour, f.error <> '' AND (f.error <> 'caller' OR q.answered) AS failed,
  f.role <> 'shadow' AND $place = q.leads AS lead$columns
FROM firsts f JOIN requests q ON q.request_id = f.request_id$joins
"""
# Of a request's rows the least one stands for what its unit was assigned; a shadow never does.
_PLACE: Final = """{
  'shadow': f.role = 'shadow', 'other': f.variant <> f.assigned, 'unserved': f.role <> 'served', 'at': f.at_us,
  'variant': f.variant, 'role': f.role
}"""
_ROWS: Final = """
  SELECT request_id, epoch_us("at") AS at_us, stage, allocation, unit, unit_source, context, assigned, variant, version, role,
    comparable, status, error, label, score, cost, latency_upstream_s, latency_total_s, request_size_bytes,
    response_size_bytes$copy
  FROM ($rows) WHERE rollout = $rollout AND role <> 'pinned'"""
_COPY: Final = """, row_number() OVER (
      PARTITION BY request_id, variant, role
      ORDER BY "at", allocation, stage, assigned, version, status, error, label, score, unit, comparable, unit_source, cost,
        latency_upstream_s, latency_total_s, request_size_bytes, response_size_bytes
    ) AS copy"""
_ONCE: Final = "firsts AS ($rows\n)"
_FIRST: Final = "copies AS ($rows\n),\nfirsts AS MATERIALIZED (SELECT * EXCLUDE (copy) FROM copies WHERE copy = 1)"
_REPEATED: Final = """
SELECT coalesce(max(n), 0) > 1 FROM (
  SELECT count(*) AS n FROM predictions WHERE rollout = $rollout AND role <> 'pinned' GROUP BY request_id, variant, role
)
"""
# Rows of the hours are wanted as they are. Only of the others has to be asked whether they belong to a request of the hours.
_INSIDE: Final = 'epoch_us("at") // $hour_us IN ($hours)'
_OF_HOURS: Final = """SELECT * FROM predictions WHERE $inside UNION ALL
  SELECT * FROM predictions WHERE NOT ($inside) AND request_id IN (
    SELECT request_id FROM predictions WHERE rollout = $rollout AND $inside AND request_id IN (
      SELECT request_id FROM predictions WHERE rollout = $rollout AND NOT ($inside)
    )
  )"""
_WANTED: Final = "SELECT * FROM predictions WHERE request_id IN ($wanted)"

_ALL: Final = "SELECT DISTINCT request_id FROM predictions WHERE rollout = $rollout"
_SOME: Final = _ALL + ' AND epoch_us("at") // $hour_us IN ($hours)'
_UNITS: Final = 'SELECT unit FROM predictions WHERE rollout = $rollout AND epoch_us("at") // $hour_us IN ($hours)'
_OF_UNITS: Final = """
SELECT request_id FROM ($some) UNION
SELECT request_id FROM predictions WHERE rollout = $rollout AND unit_source <> 'request' AND unit IN ($units)
"""

_MATCHES: Final = """
SELECT q.request_id, q.asked_us, TRUE AS by_request, epoch_us(o."at") AS at_us, epoch_us(o.received_at) AS received_us,
  o.label, o."values"
FROM requests q JOIN outcomes o ON o.request_id = q.request_id WHERE o.request_id <> ''
UNION ALL
SELECT q.request_id, q.asked_us, FALSE, epoch_us(o."at"), epoch_us(o.received_at), o.label, o."values"
FROM requests q JOIN outcomes o ON o.unit = q.unit
WHERE o.request_id = '' AND epoch_us(o."at") BETWEEN q.asked_us AND q.asked_us + $longest_us
"""

_TRUTH: Final = """,
truths$index AS (
  SELECT request_id, arg_max(
    {'label': label, 'values': "values", 'received_us': received_us},
    {
      'a': at_us, 'r': received_us, $tie
    }
  ) AS truth
  FROM matches WHERE $within GROUP BY request_id
)"""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What the judged view is made for.

    Args:
        hours: hours since the epoch that are recomputed; None for all.
        rules: a rule gives the columns `due`, `known`, `truth` and `values`, each with the rule's place behind it.
        whole_units: whether all requests of the units that occur in these hours are needed, not only those of the hours.
    """

    rollout: str
    now_us: int
    hours: tuple[int, ...] | None
    rules: tuple[Rule, ...]
    whole_units: bool = False

    @property
    def touched(self) -> str:
        """The condition for rows that lie in the hours."""
        return "TRUE" if self.hours is None else any_of("hour", self.hours)


def repeated(scope: Scope) -> str:
    """The query whether any row may have come twice, among all that are bound."""
    return filled(_REPEATED, rollout=quoted(scope.rollout))


def judged(scope: Scope, *, repeat: bool = True) -> str:
    """The statement that makes the table `judged`.

    Args:
        scope: what it is made for.
        repeat: whether a row may have come twice.
    """
    rules = list(enumerate(scope.rules))
    longest_us = max((rule.window_us for rule in scope.rules), default=0)
    return filled(
        _JUDGED,
        mine=_mine(scope, repeat=repeat),
        place=_PLACE,
        hour_us=HOUR_US,
        matches=filled(_MATCHES, longest_us=longest_us),
        truths="".join(filled(_TRUTH, index=index, tie=TIE, within=_within(rule)) for index, rule in rules),
        columns="".join(_columns(index, rule, scope.now_us) for index, rule in rules),
        joins="".join(f" LEFT JOIN truths{index} t{index} ON t{index}.request_id = f.request_id" for index, _ in rules),
    )


def _mine(scope: Scope, *, repeat: bool) -> str:
    """The table `firsts`, each row once."""
    rows, parts = "SELECT * FROM predictions", _hours_of(scope)
    if scope.hours is not None and scope.whole_units:
        rows = filled(_WANTED, wanted=wanted(scope))
    elif scope.hours is not None:
        rows = filled(_OF_HOURS, inside=filled(_INSIDE, hour_us=HOUR_US, hours=parts["hours"]), rollout=parts["rollout"])
    rows = filled(_ROWS, rollout=parts["rollout"], rows=rows, copy=_COPY if repeat else "")
    return filled(_FIRST if repeat else _ONCE, rows=rows)


def wanted(scope: Scope) -> str:
    """The query for the requests whose rows are judged."""
    if scope.hours is None:
        return filled(_ALL, rollout=quoted(scope.rollout))
    parts = _hours_of(scope)
    some = filled(_SOME, **parts)
    return filled(_OF_UNITS, some=some, units=wanted_units(scope), **parts) if scope.whole_units else some


def wanted_units(scope: Scope) -> str:
    """The query for the units that occur in the hours."""
    return filled(_UNITS, **_hours_of(scope))


def _hours_of(scope: Scope) -> dict[str, str | int]:
    hours = ", ".join(map(str, scope.hours or ())) or "NULL"
    return {"rollout": quoted(scope.rollout), "hour_us": HOUR_US, "hours": hours}


def _within(rule: Rule) -> str:
    in_time = f"at_us <= asked_us + {rule.window_us}"
    return in_time if rule.missing == "negative" else f"by_request OR {in_time}"


def _columns(index: int, rule: Rule, now_us: int) -> str:
    label, values = f"t{index}.truth['label']", f"t{index}.truth['values']"
    present = f"coalesce({label} IS NOT NULL OR cardinality({values}) > 0, FALSE)"
    negative = rule.missing == "negative"
    truth = f"coalesce({label}, '0')" if negative else label
    return (
        f",\n  q.asked_us + {rule.window_us} <= {now_us} AS due{index}, {truth} AS truth{index}, {values} AS values{index}, "
        f"{'TRUE' if negative else present} AS known{index}, "
        f"CASE WHEN {present} THEN t{index}.truth['received_us'] END AS told{index}"
    )
