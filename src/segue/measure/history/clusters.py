"""What did the requests of each unit say together, where units are drawn and a gate counts by the request?

Requests of one user are alike. A gate that counts requests (a limit on one variant, or a shadow's pairs) is exact about those
that were made, and says less about the requests of other users. How much less is told by the sums of each unit, of a fixed
sample of units by their hashes, so that hours add up.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from segue.facts.evidence import UNKNOWN
from segue.facts.question import Question
from segue.measure.kinds.catalogue import reading_of
from segue.measure.kinds.reading import Reading, Rule, all_of
from segue.measure.questions import form_of
from segue.measure.sql import number

_NAMED: Final = "segue.units"
_FORMS: Final = frozenset({"counts", "paired_counts"})


def alike(question: Question) -> str:
    """The name under which the units of a question's requests are counted; "" where it does not count requests.

    Two gates on one metric and design share the count, which is over all requests, whatever part a gate is about.
    """
    what_if = UNKNOWN in question.metric.parameters or question.sampled > 0 or question.run_length > 0
    if question.unit != "request" or what_if or form_of(question) not in _FORMS:
        return ""
    limit = question.metric.parameters.get("threshold_s", "")
    return f"{_NAMED}:{question.metric.name}:{question.design}:{limit}"


def clusters(questions: Iterable[Question], rules: tuple[Rule, ...]) -> Iterator[tuple[str, Reading]]:
    """Name and reading of each such count, once."""
    named = {name: question for question in questions if (name := alike(question))}
    for name, question in named.items():
        yield name, _by_unit(question, reading_of(question.metric, rules))


def _by_unit(question: Question, reading: Reading) -> Reading:
    value = reading.numerator
    if reading.form == "quantile":
        value = f"({value} > {number(float(question.metric.parameters['threshold_s']))})::INTEGER"
    value = f"CASE WHEN {reading.denominator} = 1 THEN {value} END"
    judged, rows = reading.judged, reading.rows
    if question.design == "paired":
        judged, value, rows = all_of(judged, _shadows(judged)), f"({_shadows(value)}) - ({value})", "pairs"
    return msgspec.structs.replace(
        reading, form="units", rows=rows, judged=judged, numerator=value, denominator="1", other=None
    )


def _shadows(template: str) -> str:
    return template.replace("$r.", "$s.")
