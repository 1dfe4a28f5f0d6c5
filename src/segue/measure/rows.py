"""Which rows, each with which numbers, is a question about?

- *one sample*: `hour, n, d` of every judged row of the variant in the stage (pinned ones apart).
- *paired*: `hour, n, d, n_a, d_a`: requests that the champion answered and the candidate as its shadow; `_a` is the champion's.
- *days*: `hour, a, n, d`: the judged rows of both variants, each its own; `a` is whether it is the candidate's.
- *groups*: `hour, g, n, d`, and `n_a, d_a` of a second ratio: the candidate's judged rows that lie in a group.
- *drawn* (randomised, events): `hour, a, propensity, n, d`: units at their first comparable exposure; `a` is whether the
  candidate was assigned.

n and d are the reading's numerator and denominator. Of a drawn unit that makes many requests they are the mean (for a ratio,
the sums; for events, whether there was one) over the requests that it made within one outcome window after its first exposure
under the table that it was drawn by, and the unit counts once the last of these is judged. Model quality is read off the
assigned variant's own answers; errors and outcome values off every request, as assigned.

A question that asks what if (`facts.evidence.UNKNOWN`) is about the same rows and those whose truth is unknown.
"""

from typing import Final

import msgspec

from segue.facts.evidence import UNKNOWN
from segue.facts.question import Question
from segue.measure.expressions import quoted, to_sql
from segue.measure.history.propensity import Exposed
from segue.measure.kinds.catalogue import reading_of, rule_of
from segue.measure.kinds.reading import ANSWERED, ASKED, Reading, Rule, positive
from segue.measure.sql import HOUR_US, any_of, filled, number
from segue.measure.wanted import drawn
from segue.spec.expression import parse

_ONE: Final = """
SELECT r.hour, $n AS n, $d AS d$more FROM judged r
WHERE r.$touched AND $mine AND r.stage = $stage AND r.allocation >= $since AND $population AND $judged
"""
_BOTH: Final = "SELECT *, TRUE AS a FROM ($candidate) UNION ALL SELECT *, FALSE AS a FROM ($champion)"
_PAIRS: Final = """
SELECT r.hour, $n AS n, $d AS d, $n_a AS n_a, $d_a AS d_a FROM judged r JOIN judged s ON s.request_id = r.request_id
WHERE r.$touched AND r.lead AND r.variant = $champion AND s.role = 'shadow' AND s.variant = $candidate
  AND r.stage = $stage AND s.stage = $stage AND r.allocation >= $since AND $population AND $judged
"""
_DRAWN: Final = """
SELECT e.hour, e.assigned = $candidate AS a, c.propensity, $n AS n, $d AS d$before FROM exposures e
JOIN chances c ON c.draw = e.draw AND c.history = e.history AND c.candidate = $candidate AND c.champion = $champion
$requests
WHERE e.scope = $scope AND e.assigned IN ($candidate, $champion) AND $population AND $judged AND $settled$group
"""
_THE_REQUEST: Final = "JOIN judged r ON r.request_id = e.request_id AND r.lead"
_ITS_REQUESTS: Final = """
JOIN sightings h ON h.unit = e.unit AND h.stage = e.stage AND h.draw = e.draw AND h.at_us BETWEEN e.at_us AND e.at_us + $span_us
JOIN judged r ON r.request_id = h.request_id AND r.lead
"""
_SECOND: Final = ("n_a", "d_a")
_AT_FIRST: Final = "arg_min({'x': $attribute}, r.at_us)['x']"  # also where it is NULL, which arg_min would pass over
_A_UNIT: Final = " GROUP BY e.hour, e.unit, e.assigned, c.propensity"


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What all questions of one measurement share.

    Args:
        attributes: what the spec declares under `context`.
        hours: that are counted again; None for all.
        exposed: scopes of the exposures, in order.
    """

    now_us: int
    attributes: tuple[str, ...]
    rules: tuple[Rule, ...]
    hours: tuple[int, ...] | None
    exposed: tuple[Exposed, ...] = ()

    @property
    def touched(self) -> str:
        """The condition on the judged view's `hour`; it begins with that name."""
        return "hour IS NOT NULL" if self.hours is None else any_of("hour", self.hours or (-1,))


def rows_of(question: Question, asking: Asking) -> str:
    """The SELECT of the question's rows."""
    reading = reading_of(question.metric, asking.rules)
    if question.design == "days":
        names = (question.candidate, question.champion)
        sides = [_one(msgspec.structs.replace(question, candidate=name), reading, asking) for name in names]
        return filled(_BOTH, candidate=sides[0], champion=sides[1])
    if question.design in {"randomised", "events"}:
        return _drawn(question, reading, asking)
    if question.design == "paired" or reading.rows == "pairs":
        return _pairs(question, reading, asking)
    return _one(question, reading, asking)


def span_us(question: Question) -> int:
    """How long after its first exposure a unit's requests still count; 0 where the unit is the request."""
    return round(question.metric.window_s * 1_000_000) if question.unit == "unit" else 0


def settled_us(question: Question) -> int:
    """How long after a unit's first exposure its last request is judged."""
    rule = rule_of(question.metric)
    return span_us(question) + (0 if rule is None else rule.window_us)


def _one(question: Question, reading: Reading, asking: Asking) -> str:
    variant = quoted(question.candidate)
    if reading.rows == "requests":
        mine = f"r.lead AND r.assigned = {variant}"
    else:
        roles = any_of("r.role", ANSWERED if reading.rows == "answers" else ASKED)
        mine = f"r.variant = {variant} AND {roles}"
    guess = _guess(question)
    n = _side(reading.numerator, "r", guess)
    if reading.form == "quantile":
        n = f"({n} > {number(float(question.metric.parameters['threshold_s']))})::INTEGER"
    group, more = f"r.context[{quoted(question.over)}]", ""
    if question.over:
        mine += f" AND {group} IS NOT NULL"
        more = f", {group} AS g"
        if reading.other is not None:
            more += "".join(f", {_side(part, 'r', guess)} AS {name}" for part, name in zip(reading.other, _SECOND, strict=True))
    return filled(
        _ONE,
        **_scope(question, asking),
        mine=mine,
        more=more,
        n=n,
        d=_side(reading.denominator, "r", guess),
        judged=_side(reading.judged, "r", guess),
    )


def _pairs(question: Question, reading: Reading, asking: Asking) -> str:
    both = reading.rows == "pairs"
    guess = f"{'s' if question.metric.parameters.get(UNKNOWN) == 'right' else 'r'}.label"
    judged = [_side(reading.judged, side, guess) for side in (("r",) if both else ("r", "s"))]
    if reading.rows == "answers":
        judged.append("r.role = 'served'")
    n, n_a = _side(reading.numerator, "r" if both else "s", guess), _side(reading.numerator, "r", guess)
    if question.sampled:
        apart = f"(r.label <> s.label AND {drawn('r.request_id', question.sampled)})"
        n, n_a = (f"(CASE WHEN {apart} THEN {value} ELSE 0 END)" for value in (n, n_a))
        labelled = f"{_side(reading.due, 'r')} AND r.label IS NOT NULL AND s.label IS NOT NULL"
        judged = [f"r.role = 'served' AND {labelled} AND (NOT {apart} OR ({' AND '.join(judged)}))"]
    return filled(
        _PAIRS,
        **_scope(question, asking),
        n=n,
        d=_side(reading.denominator, "s", guess),
        n_a="NULL" if both else n_a,
        d_a="NULL" if both else _side(reading.denominator, "r", guess),
        candidate=quoted(question.candidate),
        champion=quoted(question.champion),
        judged=" AND ".join(judged),
    )


def _drawn(question: Question, reading: Reading, asking: Asking) -> str:
    n, d, judged = _as_assigned(reading, _guess(question))
    whole = question.unit == "unit"
    if whole:
        over = "max" if question.design == "events" else "sum" if reading.form == "ratio" else "avg"
        n, d = f"{over}({n})", f"sum({d})" if reading.form == "ratio" else "1"
    single = "r.unit_source = 'request' AND e.at_us + {one} <= {now} OR e.at_us + {all} <= {now}"
    delay_us, before = settled_us(question), ""
    if question.expected:
        attribute = f"r.context[{quoted(question.expected.removeprefix('context.'))}]"
        at_first = filled(_AT_FIRST, attribute=attribute) if whole else attribute
        at_first = f"TRY_CAST({at_first} AS DOUBLE)"
        before = f", CASE WHEN isfinite({at_first}) THEN {at_first} END AS x"
    return filled(
        _DRAWN,
        **_scope(question, asking),
        candidate=quoted(question.candidate),
        champion=quoted(question.champion),
        scope=asking.exposed.index(Exposed(stage=question.stage, since_allocation=question.since_allocation)),
        n=n,
        d=d,
        judged=judged,
        before=before,
        requests=filled(_ITS_REQUESTS, span_us=span_us(question)) if whole else _THE_REQUEST,
        settled=f"({single.format(one=delay_us - span_us(question), all=delay_us, now=asking.now_us)})",
        group=_A_UNIT if whole else "",
    )


def _as_assigned(reading: Reading, guess: str) -> tuple[str, str, str]:
    n, d, judged = (_side(part, "r", guess) for part in (reading.numerator, reading.denominator, reading.judged))
    if reading.rows == "answers":
        judged = f"r.role = 'served' AND r.variant = r.assigned AND {judged}"
    elif reading.form == "quantile":
        judged = f"r.variant = r.assigned AND {judged}"
    elif reading.rows == "asked":
        n = f"(r.variant <> r.assigned OR {n} = 1)::INTEGER"  # only somebody else's answer: the assigned one was not asked
    return n, d, judged


def apart(question: Question, allocation: str) -> str:
    """The condition that a row, or a unit's first exposure, lies in none of the times that are left out.

    Args:
        question: says which times.
        allocation: the column.
    """
    return " AND ".join(f"{allocation} NOT BETWEEN {first} AND {last}" for first, last in question.apart)


def _scope(question: Question, asking: Asking) -> dict[str, str | int]:
    conditions = [f"r.context[{quoted(name)}] = {quoted(value)}" for name, value in question.segment.items()]
    if question.where:
        conditions.append(to_sql(parse(question.where, asking.attributes), "r.context"))
    if question.chance_most < 1 and question.design in {"randomised", "events"}:
        conditions.append(f"c.propensity <= {number(question.chance_most)}")
    if question.apart:  # of a drawn unit it is the first exposure that counts, not each of its requests
        conditions.append(apart(question, "e.allocation" if question.design in {"randomised", "events"} else "r.allocation"))
    return {
        "touched": asking.touched,
        "stage": quoted(question.stage),
        "since": question.since_allocation,
        "population": f"coalesce({' AND '.join(conditions)}, FALSE)" if conditions else "TRUE",
    }


def _side(template: str, alias: str, guess: str = "NULL") -> str:
    return filled(template, r=alias, s="s", guess=guess)


def _guess(question: Question) -> str:
    # A truth by which the row's own answer is right, or wrong: another label, the positive one where it can be.
    if question.metric.parameters.get(UNKNOWN) != "wrong":
        return "r.label"
    label = positive(question.metric)
    return f"CASE WHEN r.label = {label} THEN '' ELSE {label} END"


def whole_period(question: Question, asking: Asking) -> str:
    """The condition that everything in a row's hour, or longer period, is judged, so that it can be one observation."""
    rule = rule_of(question.metric)
    hours = period_hours(question)
    end = "hour + 1" if hours == 1 else f"(hour // {hours} + 1) * {hours}"
    return f"({end}) * {HOUR_US} + {0 if rule is None else rule.window_us} <= {asking.now_us}"


def period_hours(question: Question) -> int:
    """How many hours are one observation of a question that is about whole periods."""
    return max(round(question.every_s / 3600), 1)
