"""How are numbers, spans and moments said to people?

One minus sign (−), no false precision, shares as percent and their differences as percentage points.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

from segue.facts.decision import Command, MoveAlias, SendNotice
from segue.facts.question import Question
from segue.report.gathered import Unit
from segue.spec.metric import KINDS, Metric, scale_of

_SCALE: Final[Mapping[Unit, float]] = {"pp": 100.0, "%": 100.0, "ms": 1000.0, "": 1.0}
_NBSP: Final = "\u00a0"
_NAMES: Final = {
    "auc": "AUC",
    "roc_auc": "AUC",
    "brier": "Brier score",
    "f1": "F1",
    "mae": "MAE",
    "rmse": "RMSE",
    "p99": "p99 latency",
}


def value_unit(kind: str) -> Unit:
    """How a value of a kind of metric is written."""
    scale = scale_of(kind)
    return "%" if scale == "proportion" else "ms" if scale == "duration" else ""


def effect_unit(question: Question) -> Unit:
    """How the effect that a question is about is written; of a latency it is the share of answers over the limit."""
    kind = question.metric.kind
    if kind == "latency_quantile":
        return "%"
    unit = value_unit(kind)
    return "pp" if unit == "%" and question.design != "one_sample" else unit


def scaled(value: float, unit: Unit) -> float:
    """The number as it is written before its unit."""
    return value * _SCALE[unit]


def bare(value: float | None, unit: Unit) -> str:
    """A number without its unit; an end that is nowhere is infinite.

    >>> bare(-0.0612, "pp"), bare(0.8, "%"), bare(0.0312, "ms"), bare(0.71234, ""), bare(-1e-16, "pp")
    ('−6.12', '80.0', '31.2', '0.712', '0.00')
    """
    if value is None or not isfinite(value):
        return "∞"
    shown = scaled(value, unit)
    return f"{shown:z.{_decimals(shown, unit)}f}".replace("-", "−")


def _decimals(shown: float, unit: Unit) -> int:
    size = abs(shown)
    if unit == "":
        return 4 if 0 < size < 0.1 else 3 if size < 10 else 1 if size < 1000 else 0
    if unit == "%":
        return 2 if 0 < size < 1 else 1
    return 2 if size < 10 else 1 if size < 100 else 0


def amount(value: float | None, unit: Unit) -> str:
    r"""A value with its unit; a dash where it is not known.

    >>> amount(0.8, "%").replace("\u00a0", " "), amount(None, "%")
    ('80.0 %', '–')
    """
    return "–" if value is None else _united(bare(value, unit), unit)


def signed(value: float | None, unit: Unit) -> str:
    r"""A difference with its sign.

    >>> signed(0.019, "pp").replace("\u00a0", " ")
    '+1.90 pp'
    """
    if value is None:
        return "–"
    return ("+" if scaled(value, unit) > 0 else "") + _united(bare(value, unit), unit)


def interval(low: float | None, high: float | None, unit: Unit) -> str:
    """Both ends of an interval: "−7.90 to −4.40 pp"."""
    ends = ("−" if low is None else "") + bare(low, unit), bare(high, unit)
    return _united(f"{ends[0]}{_NBSP}to{_NBSP}{ends[1]}", unit)


def _united(text: str, unit: Unit) -> str:
    return f"{text}{_NBSP}{unit}" if unit else text


def percent(share: float, digits: int = 4) -> str:
    r"""A share as percent, to so many digits that count.

    >>> percent(0.999).replace("\u00a0", " ")
    '99.9 %'
    """
    return f"{100 * share:.{digits}g}{_NBSP}%"


def counted(number: int) -> str:
    """A count with its thousands.

    >>> counted(130_561)
    '130,561'
    """
    return f"{number:,}"


def many(number: int, one: str, several: str = "") -> str:
    """A count of things.

    >>> many(1, "request"), many(0, "look")
    ('1 request', '0 looks')
    """
    return f"{counted(number)} {one if number == 1 else several or one + 's'}"


def lasted(span: timedelta) -> str:
    """How long something took.

    >>> lasted(timedelta(days=2.1)), lasted(timedelta(hours=5)), lasted(timedelta(days=41))
    ('2.1 days', '5 hours', '41 days')
    """
    seconds = span.total_seconds()
    for size, unit in ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute")):
        if seconds >= size:
            text = f"{seconds / size:.1f}" if seconds < 10 * size else f"{seconds / size:.0f}"
            text = text.removesuffix(".0")
            return f"{text} {unit}" + ("" if text == "1" else "s")
    return f"{seconds:.0f} seconds"


def moment(at: datetime, of: timedelta = timedelta(days=1)) -> str:
    """A moment of the stream, to the second within a span of less than an hour.

    >>> moment(datetime(2013, 3, 3, 14, 5, 9)), moment(datetime(2013, 3, 3, 14, 5, 9), timedelta(minutes=2))
    ('3 Mar 14:05', '3 Mar 14:05:09')
    """
    return f"{at.day} {at:%b %H:%M:%S}" if of < timedelta(hours=1) else f"{at.day} {at:%b %H:%M}"


def span(begin: datetime, end: datetime) -> str:
    """From one moment to another; a day that both lie in is said once.

    >>> span(datetime(2013, 3, 3, 14, 5, 9), datetime(2013, 3, 3, 14, 7)), span(datetime(2013, 3, 3), datetime(2013, 3, 4))
    ('3 Mar 14:05:09 to 14:07:00', '3 Mar 00:00 to 4 Mar 00:00')
    """
    first, last = moment(begin, end - begin), moment(end, end - begin)
    return f"{first} to {last.rpartition(' ')[2] if begin.date() == end.date() else last}"


def day(at: datetime) -> str:
    """A day of the stream: "3 Mar 2013"."""
    return f"{at.day} {at:%b %Y}"


def days(begin: datetime, end: datetime) -> str:
    """The days from one moment to another: "1 Mar 2013 to 2 Apr 2013", or the one day.

    >>> days(datetime(2013, 3, 1, 5), datetime(2013, 3, 1, 6))
    '1 Mar 2013'
    """
    return day(begin) if day(begin) == day(end) else f"{day(begin)} to {day(end)}"


def version_name(version: str) -> str:
    """A registered version as people say it.

    >>> version_name("8"), version_name("2024-05-lgbm"), version_name("")
    ('v8', '2024-05-lgbm', '?')
    """
    return f"v{version}" if version.isdigit() else version or "?"


def metric_name(name: str, kind: str = "") -> str:
    """A metric as people say it: its name in the spec, well-known ones in their usual letters."""
    if kind == "error_rate":
        return "error rate"
    return _NAMES.get(name, name.replace("_", " "))


def better_side(metric: Metric) -> str:
    """In which direction the metric is better: "above" or "below"."""
    goal = KINDS[metric.kind].goal or metric.goal
    return "above" if goal == "increase" else "below"


def measured(question: Question, candidate: str, champion: str) -> str:
    """What the effect of a question is, in words."""
    name, metric = metric_name(question.metric.name, question.metric.kind), question.metric
    whom = f" where {question.where}" if question.where else ""
    if metric.kind == "latency_quantile":
        limit = amount(float(metric.parameters.get("threshold_s", 0.0)), "ms")
        return f"share of {candidate}'s answers that took longer than {limit}{whom}"
    if question.design == "one_sample":
        return f"{name} of {candidate}{whom}"
    factor = "" if question.claim.factor == 1 else f"{question.claim.factor:.4g} × "
    return f"{name} of {candidate} minus {factor}{champion}{whom}"


def told_command(command: Command, champion: str, candidate: str) -> str:
    """What a decision had to have done, with the versions by name."""
    if isinstance(command, SendNotice):
        return f"tell that it was {command.event.replace('_', ' ')}"
    if isinstance(command, MoveAlias):
        before = version_name(command.expected) if command.expected else "nothing"
        return f"move the alias {command.alias} of {command.model} from {before} to {version_name(command.version)}"
    if command.follow:
        return "the rollout ends: everybody is answered by what the alias champion points at"
    names = {"champion": champion}
    served = _shared(command.shares, names, candidate)
    text = f"serve {served}"
    if command.shadows:
        text += "; in the shadow " + _shared(command.shadows, names, candidate)
    if command.audience:
        text += f"; where {command.audience}: " + _shared(command.audience_shares, names, candidate)
    return text


def _shared(shares: Mapping[str, float], names: Mapping[str, str], candidate: str) -> str:
    return ", ".join(f"{names.get(name, candidate)} {percent(share)}" for name, share in shares.items() if share)
