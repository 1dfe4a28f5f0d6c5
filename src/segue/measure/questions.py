"""Which summary answers a question?

One statement answers all questions over all hours: a branch a question, each with the columns
`question, hour, arm, propensity, numbers`. The form depends on the question alone:

```
design       metric                     unit      summary
one_sample   share, precision, recall   request   Counts          (a quantile: how many are over the threshold)
one_sample   f1                         request   Moments (N, D)
one_sample   mean                       request   ScoreSums
paired       share                      request   PairedCounts; ScoreSums where the margin is relative
paired       agreement                  request   Agreements      what it bounds: a difference of accuracies
paired       precision, recall, f1      request   Moments (N_b, D_b, N_a, D_a)
paired       mean                       request   ScoreSums
both         roc_auc                    hour      ScoreSums       of whole hours with positives and negatives
both         latency quantile           request   Spreads         against the champion, paired or drawn
randomised   roc_auc                    request   Ranks           of units, at their first request
days         share, precision, recall   period    Days            of whole periods, both variants
drift        index of features          request   Bins            of the candidate and, beside it, of the champion
groups       a gap of fairness          request   Moments (N, D)  per group; equalized odds (N, D) twice
randomised   share                      request   ArmCounts
randomised   share, mean                unit      ScoreSums
randomised   ratio                      both      Moments (N, D)  per arm and propensity
events       share                      both      ArmCounts       of units, with an event or without
```
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Final, Literal

from segue.errors import DomainError
from segue.facts.grid import Grid, score_grid
from segue.facts.question import Question
from segue.measure.expressions import quoted
from segue.measure.history.propensity import Exposed
from segue.measure.kinds.catalogue import GAP_READINGS, READINGS, reading_of, rule_of
from segue.measure.kinds.reading import Rule
from segue.measure.kinds.service.operational import BASE
from segue.measure.rows import Asking, rows_of, whole_period
from segue.measure.sql import doubles, filled, number
from segue.spec.metric import DRIFT, STEADY, kind_of

Form = Literal[
    "counts", "agreements", "paired_counts", "arm_counts", "score_sums", "moments", "blocks", "spreads", "ranks", "days", "bins"
]

_BRANCH: Final = """
SELECT $question AS question, hour, $arm AS arm, $propensity AS propensity, $numbers AS numbers
FROM ($rows) $where GROUP BY $groups
"""
_SCORED: Final = "SELECT *, $z AS z, $weight AS weight FROM ($rows)"
_SIDES: Final = """
SELECT hour, TRUE AS a, 1::DOUBLE AS propensity, n FROM ($rows) UNION ALL
SELECT hour, FALSE AS a, 1::DOUBLE AS propensity, n_a AS n FROM ($rows)
"""
_BUCKETS: Final = "SELECT *, CASE WHEN n > 0 THEN ceil(ln(n) / ln($base))::INTEGER END AS bucket FROM ($rows)"
_DRAWN: Final = ("randomised", "events")


def unanswerable(question: Question) -> str:
    """Why no summary can answer the question, or ""."""
    kind, design = question.metric.kind, question.design
    if (design == "drift") != (kind == DRIFT):
        return f"{kind} under the design {design}"
    if kind == DRIFT:
        return ""
    if kind not in READINGS and kind not in GAP_READINGS:
        return f"no kind of metric is called {kind!r}"
    said = question.metric.parameters
    if kind_of(kind).shape == "shown" or "threshold" in said or said.get("average", "binary") != "binary":
        return f"{kind} is measured and shown; no evidence is built for it"
    if (design == "groups") != (kind in GAP_READINGS) or (design == "groups") != bool(question.over):
        return f"{kind} over {question.over or 'no attribute'} under the design {design}"
    if design == "days":
        return "" if kind in STEADY and question.every_s > 0 else f"no variance between periods of {kind}"
    if kind == "latency_quantile" and (design == "one_sample") != ("threshold_s" in question.metric.parameters):
        return "a latency quantile needs a limit (threshold_s) for one variant, and none for two"
    if kind == "agreement" and design not in {"one_sample", "paired"}:
        return "agreement is of two answers to one request"
    if design == "events" and kind not in {"error_rate", "accuracy"}:
        return f"{kind} is no count of events"
    return ""


def form_of(question: Question) -> Form:
    """Which summary answers the question.

    Raises:
        DomainError: none can; see `unanswerable`.
    """
    reason = unanswerable(question)
    if reason:
        raise DomainError(reason, question=question.id, metric=question.metric.name)
    if question.design == "drift":
        return "bins"
    form, design = reading_of(question.metric, rules_for((question,))).form, question.design
    if design in {"days", "groups"}:
        return "days" if design == "days" else "moments"
    if form == "quantile" and design != "one_sample":
        return "spreads"
    if form in {"ranking", "mean"}:
        return "score_sums" if form == "mean" else "ranks" if design in _DRAWN else "blocks"
    if form == "ratio" and not (design == "one_sample" and question.metric.kind != "f1"):
        return "moments"
    if design == "one_sample":
        return "counts"
    if design == "paired" and form == "agreement":
        return "agreements"
    if design == "paired":
        return "paired_counts" if question.claim.factor == 1 else "score_sums"
    return "arm_counts" if question.unit == "request" or design == "events" else "score_sums"


def rules_for(questions: Sequence[Question]) -> tuple[Rule, ...]:
    """The different rules by which these questions' rows are judged, in order."""
    return tuple(sorted({rule for rule in (rule_of(question.metric) for question in questions) if rule is not None}))


def exposed_by(questions: Sequence[Question]) -> tuple[Exposed, ...]:
    """The scopes of exposures that drawn questions need."""
    drawn = (question for question in questions if question.design in _DRAWN)
    return tuple(sorted({Exposed(stage=q.stage, since_allocation=q.since_allocation) for q in drawn}))


def statement(questions: Sequence[Question], asking: Asking) -> str:
    """One statement that answers these questions; their places in the sequence stand in the first column."""
    return " UNION ALL ".join(_branch(index, question, asking) for index, question in enumerate(questions))


def _branch(index: int, question: Question, asking: Asking) -> str:
    form = form_of(question)
    parts = {"question": index, "arm": "''", "propensity": "1::DOUBLE", "groups": "hour", "where": ""}
    parts |= {"rows": rows_of(question, asking)}
    match form:
        case "counts" | "agreements":
            parts["numbers"] = doubles(["sum(n)", "sum(d)"])
        case "paired_counts":
            parts["numbers"] = doubles([f"count(*) FILTER (n {sign} n_a)" for sign in (">", "<", "=")])
        case "arm_counts":
            parts["numbers"] = doubles(
                f"count(*) FILTER ({arm} AND n {yes} 0)" for arm in ("a", "NOT a") for yes in ("<>", "=")
            )
            parts |= {"propensity": "propensity", "groups": "hour, propensity"}
        case "moments":
            parts |= _moments(question)
        case "score_sums":
            parts |= _score_sums(question, score_grid(question), str(parts["rows"]))
        case "blocks":
            columns = "n, d, n_a" if question.design == "paired" else "n, d"
            parts["numbers"] = doubles(["count(*)", *columns.split(", ")])
            parts |= {"groups": f"hour, {columns}", "where": f"WHERE {whole_period(question, asking)}"}
        case "days":
            parts["numbers"] = doubles(f"coalesce(sum({x}) FILTER ({arm}), 0)" for arm in ("a", "NOT a") for x in ("n", "d"))
            parts["where"] = f"WHERE {whole_period(question, asking)}"
        case "ranks":
            parts |= {"arm": _arm(question), "propensity": "propensity", "groups": "hour, a, propensity, n, d"}
            parts["numbers"] = doubles(["n", "d", "count(*)"])
        case "spreads":
            parts |= _spreads(question, str(parts["rows"]))
    return filled(_BRANCH, **parts)


def _moments(question: Question) -> dict[str, str]:
    paired = question.design == "paired" or question.metric.kind == "equalized_odds_difference"
    vector = ["n", "d", "n_a", "d_a"] if paired else ["n", "d"]
    products = [f"sum({a} * {b})" for a, b in combinations_with_replacement(vector, 2)]
    parts = {"numbers": doubles(["count(*)", *(f"sum({name})" for name in vector), *products])}
    if question.design == "groups":
        return parts | {"arm": "g", "groups": "hour, g"}
    if question.design in _DRAWN:
        return parts | {"arm": _arm(question), "propensity": "propensity", "groups": "hour, a, propensity"}
    return parts | {"arm": "'paired'" if question.design == "paired" else quoted(question.candidate)}


def _arm(question: Question) -> str:
    return f"CASE WHEN a THEN {quoted(question.candidate)} ELSE {quoted(question.champion)} END"


def _spreads(question: Question, rows: str) -> dict[str, str]:
    if question.design == "paired":
        rows = filled(_SIDES, rows=rows)
    return {
        "rows": filled(_BUCKETS, base=number(BASE), rows=rows),
        "arm": _arm(question),
        "propensity": "propensity",
        "groups": "hour, a, propensity, bucket",
        "numbers": doubles(["(bucket IS NOT NULL)::INTEGER", "coalesce(bucket, 0)", "count(*)"]),
    }


def _score_sums(question: Question, grid: Grid, rows: str) -> dict[str, str]:
    drawn = question.design in _DRAWN
    scored = filled(_SCORED, z=_score(question, grid), weight="propensity * (1 - propensity)" if drawn else "1", rows=rows)
    powers = ["sum(z)", "sum(z * z)", "sum(z * z * z * z)"]
    sums = ["count(*)", "count(*) FILTER (a)" if drawn else "count(*)", *powers, "sum(weight)"]
    return {"numbers": doubles([*sums, *(f"sum(ln(1 + {number(bet)} * z))" for bet in grid.lambdas)]), "rows": scored}


def _score(question: Question, grid: Grid) -> str:
    # The same three scores as `facts.grid.Grid`; a test holds them together.
    sign, bound, factor, x = number(grid.sign), number(grid.bound), number(grid.factor), _scaled("n", grid)
    if question.design == "one_sample":
        return f"{sign} * ({x} - {bound})"
    if question.design == "paired":
        return f"{sign} * ({x} - {factor} * {_scaled('n_a', grid)} - {bound})"
    y = f"{x} * (CASE WHEN a THEN 1 ELSE {factor} END)"
    centre = number(grid.centre)
    if question.expected:  # who has no such number is expected to be like the average
        centre = f"CASE WHEN x IS NULL THEN {centre} ELSE {_scaled('x', grid)} * {number((1 + grid.factor) / 2)} END"
    drawn = f"(a::INTEGER - propensity) * ({y} - {centre})"
    return f"{sign} * ({drawn} - propensity * (1 - propensity) * {bound})"


def _scaled(name: str, grid: Grid) -> str:
    x = f"({name} / {number(grid.scale)})"
    return f"greatest(least({x}, 1.0::DOUBLE), 0.0::DOUBLE)" if grid.bounded else x
