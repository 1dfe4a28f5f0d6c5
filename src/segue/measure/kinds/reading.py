"""What does a metric read off one row?"""

from typing import Final, Literal

import msgspec

from segue.facts.question import MetricRef
from segue.measure.expressions import quoted
from segue.measure.sql import number
from segue.spec.metric import parameter

Form = Literal["share", "ratio", "mean", "quantile", "ranking", "agreement", "sums", "table", "units"]
Rows = Literal["answers", "asked", "requests", "pairs"]

OUTCOME: Final = "outcome."
"""What a value of the outcome begins with, where a spec names one."""
ANSWERED: Final = ("served", "shadow", "fallback")
ASKED: Final = ("served", "shadow", "fallback", "failed")


class Rule(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """When a prediction is judged, and what a missing outcome means; one pair of columns a rule."""

    window_us: int
    missing: Literal["exclude", "negative"]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A metric as SQL over a row `$r` of the judged view.

    Args:
        form: share: numerator 0 or 1. ratio: two counts. mean: numerator is the value. quantile: numerator is the value.
            ranking: numerator is the score, denominator 1 for a positive and 0 for a negative. agreement: of a pair `$r`, `$s`.
            sums: `values`, whose sums and products are kept. table: rows are counted by `keys`, or by what `each` lists.
            units: the numerator is added up by unit.
        rows: which rows it is about: *answers* of the variant that answered, *asked* also those that failed, *requests* by
            assigned variant (intention to treat), *pairs* of a served and a shadow answer.
        due: the row is old enough.
        judged: the row is due and has all that the metric needs; never NULL.
        other: numerator and denominator of a second ratio of the same rows; empty for none.
        values: numbers; none is NULL in a judged row.
        keys: texts; none is NULL in a judged row.
        each: a list of lists of `width` texts, each of which is counted; the first is a list of empty texts and counts rows.
        daily: whether days are kept apart.
    """

    form: Form
    rows: Rows
    due: str
    judged: str
    numerator: str = "NULL"
    denominator: str = "1"
    other: tuple[str, str] | None = None
    values: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    each: str = ""
    width: int = 0
    daily: bool = False


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of one rule in the judged view.

    Args:
        index: of the rule; -1 for a metric that needs no outcome.
        missing: what a judged prediction without an outcome counts as.
        guessed: whether an unknown truth is replaced by a guess, the template's `$guess`: what if it were known?
    """

    index: int
    missing: Literal["exclude", "negative"]
    guessed: bool = False

    @property
    def due(self) -> str:
        """Whether the row is older than the window."""
        return f"$r.due{self.index}" if self.index >= 0 else "TRUE"

    @property
    def truth(self) -> str:
        """The outcome's label; "0" for a missing one that counts as negative."""
        truth = f"$r.truth{self.index}"
        return f"coalesce({truth}, $guess)" if self.guessed else truth

    @property
    def told(self) -> str:
        """When the outcome was received, microseconds; NULL for none."""
        return f"$r.told{self.index}"

    def value(self, name: str) -> str:
        """A named value of the outcome; 0 for a missing one that counts as negative."""
        value = f"$r.values{self.index}[{quoted(name)}]"
        return f"coalesce({value}, 0)" if self.missing == "negative" else value


def all_of(*conditions: str) -> str:
    """All conditions hold; unknown is no."""
    return f"coalesce({' AND '.join(f'({condition})' for condition in conditions)}, FALSE)"


def positive(metric: MetricRef) -> str:
    """The positive label as an SQL literal."""
    return quoted(str(metric.parameters.get("positive", "1")))


def said(metric: MetricRef, name: str) -> float:
    """A number among the metric's parameters, or what holds where the spec does not say it."""
    return float(parameter(metric.kind, metric.parameters, name))


def word(metric: MetricRef, name: str) -> str:
    """A word among the metric's parameters, or what holds where the spec does not say it."""
    return str(parameter(metric.kind, metric.parameters, name))


def capped(value: str, metric: MetricRef) -> str:
    """A value cut to the metric's cap."""
    return value if metric.cap is None else f"least({value}, {number(metric.cap)})"
