"""What does `5%`, `0.5pp`, `1.5x champion`, `24h`, `80ms` or `5 MiB` mean?

There is one grammar, `NUMBER UNIT`, read by `parse`; the other functions say which units are meant in one place, and turn the
number into what is used inside: shares in [0, 1], seconds, bytes. A number without a unit, where one is needed, is refused
with its likely meanings. Only 0 needs none: it is the same in every unit.

The two kinds of duration have different types: `StreamSeconds` for what happens to the data (windows, ages, ramps), which a
scaled clock speeds up, and `RealSeconds` for the network (timeouts), which it does not.
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal, NewType

import msgspec

from segue.errors import SpecError, near_miss
from segue.spec.gate import Margin

StreamSeconds = NewType("StreamSeconds", float)
RealSeconds = NewType("RealSeconds", float)
Share = NewType("Share", float)
"""A part of a whole, in [0, 1]."""

Dimension = Literal["plain", "share", "difference", "multiple", "duration", "size"]
Scale = Literal["proportion", "index", "value", "loss", "duration"]
"""How a metric's values are written. proportion: `95%`, margins `0.5pp`. index: `0.87` or `87%`, as an AUC is. value: any
number, since the mean of an outcome may also be a rate. loss: a plain number. duration: `80ms`. Any margin may be relative to
the champion: `1%`."""

UNITS: Final[dict[str, tuple[Dimension, Decimal]]] = {
    "%": ("share", Decimal("0.01")),
    "pp": ("difference", Decimal("0.01")),
    "x champion": ("multiple", Decimal(1)),
    "ms": ("duration", Decimal("0.001")),
    "s": ("duration", Decimal(1)),
    "m": ("duration", Decimal(60)),
    "h": ("duration", Decimal(3600)),
    "d": ("duration", Decimal(86400)),
    "w": ("duration", Decimal(604800)),
    "B": ("size", Decimal(1)),
    "kB": ("size", Decimal(1000)),
    "MB": ("size", Decimal(1000**2)),
    "GB": ("size", Decimal(1000**3)),
    "KiB": ("size", Decimal(1024)),
    "MiB": ("size", Decimal(1024**2)),
    "GiB": ("size", Decimal(1024**3)),
}
_WORDS: Final = {
    **dict.fromkeys(("percent", "pct"), "%"),
    **dict.fromkeys(("points", "ppt", "p.p.", "percentage points", "%p"), "pp"),
    **dict.fromkeys(("x", "times", "x the champion", "times champion"), "x champion"),
    **dict.fromkeys(("msec", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("wk", "week", "weeks"), "w"),
    **{unit.lower(): unit for unit in UNITS},
}
_NOUNS: Final[dict[Dimension, tuple[str, str]]] = {
    "plain": ("a plain number", "12.5"),
    "share": ("a percentage", "5%"),
    "difference": ("a difference in percentage points", "0.5pp"),
    "multiple": ("a multiple of the champion's value", "1.5x champion"),
    "duration": ("a duration", "24h"),
    "size": ("a size", "5 MiB"),
}
_LEVELS: Final[dict[Scale, tuple[Dimension, ...]]] = {
    "proportion": ("share",),
    "index": ("plain", "share"),
    "value": ("plain", "share"),
    "loss": ("plain",),
    "duration": ("duration",),
}
_MARGINS: Final[dict[Scale, tuple[Dimension, ...]]] = {
    "proportion": ("difference", "share"),
    "index": ("plain", "difference", "share"),
    "value": ("plain", "difference", "share"),
    "loss": ("plain", "share"),
    "duration": ("duration", "share"),
}
_NUMBER: Final = r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?"
_GRAMMAR: Final = re.compile(rf"({_NUMBER})\s*(\D.*)?", re.ASCII | re.DOTALL)
_FORM: Final = "a number and a unit, such as `5%`, `0.5pp`, `24h`, `80ms` or `5 MiB`"


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its unit, as written, and its value in the unit that is used inside.

    Args:
        number: as written, without the unit.
        unit: an entry of `UNITS`, or "" for a plain number.
        value: number times the unit: shares of 1, seconds, bytes.
    """

    number: str
    unit: str
    dimension: Dimension
    value: float


def parse(written: str | float) -> Quantity:
    """One typed quantity out of its text.

    >>> parse("0.5pp").value, parse("24h").value, parse("5 MiB").dimension, parse("7%").value
    (0.005, 86400.0, 'size', 0.07)

    Raises:
        SpecError: it is no number with a known unit; the hint names the nearest unit.
    """
    text = str(written).strip()
    match = _GRAMMAR.fullmatch(text)
    if match is None or isinstance(written, bool):
        raise SpecError(f"`{text[:60]}` is no quantity", hint=_FORM)
    number, unit = match.group(1), " ".join((match.group(2) or "").split())
    if unit and unit not in UNITS:
        raise SpecError(f"`{unit[:40]}` is no unit", hint=_unit_hint(number, unit))
    dimension, factor = UNITS.get(unit, ("plain", Decimal(1)))
    value = float(Decimal(number) * factor)
    if not math.isfinite(value):
        raise SpecError(f"`{text}` is too large")
    return Quantity(number=number, unit=unit, dimension=dimension, value=value + 0.0)


def share(written: str | float) -> Share:
    """A part of a whole, written in percent.

    >>> share("5%"), share("0.7%")
    (0.05, 0.007)

    Raises:
        SpecError: no percentage, or not in [0%, 100%].
    """
    quantity = _of(written, ("share",), _share_meanings)
    if not 0 <= quantity.value <= 1:
        raise SpecError(f"`{written}` is not a part of a whole", hint="from `0%` to `100%`")
    return Share(quantity.value)


def rise(written: str | float) -> float:
    """By which part of itself something grows, written in percent; more than 100% is more than double.

    >>> rise("50%"), rise("150%")
    (0.5, 1.5)

    Raises:
        SpecError: no percentage, or below 0%.
    """
    quantity = _of(written, ("share",), _share_meanings)
    if quantity.value < 0:
        raise SpecError(f"`{written}` is no rise", hint="above `0%`, such as `50%`")
    return quantity.value


def stream_seconds(written: str | float) -> StreamSeconds:
    """How long in the stream's own time: a window, an age, a ramp.

    >>> stream_seconds("2d")
    172800.0
    """
    return StreamSeconds(_duration(written, ("h", "m", "s")))


def real_seconds(written: str | float) -> RealSeconds:
    """How long on the wall clock: a network timeout.

    >>> real_seconds("300ms")
    0.3
    """
    return RealSeconds(_duration(written, ("ms", "s", "m")))


def size_bytes(written: str | float) -> int:
    """A size in whole bytes; `kB` and `MB` are powers of 1000, `KiB` and `MiB` powers of 1024.

    >>> size_bytes("5 MiB"), size_bytes("1.5kB")
    (5242880, 1500)
    """
    quantity = _of(written, ("size",), lambda number: _either(*(f"`{number} {unit}`" for unit in ("B", "KiB", "MiB"))))
    if quantity.value < 0 or not quantity.value.is_integer():
        raise SpecError(f"`{written}` is not a whole number of bytes")
    return int(quantity.value)


def times_champion(written: str | float) -> float:
    """A multiple of the champion's value.

    >>> times_champion("1.5x champion")
    1.5
    """
    quantity = _of(written, ("multiple",), _multiple_meanings)
    if quantity.value <= 0:
        raise SpecError(f"`{written}` is not a multiple", hint="above 0, such as `1.5x champion`")
    return quantity.value


def margin(written: str | float, scale: Scale) -> Margin:
    """How much better or worse than the champion, in the metric's unit or relative to the champion's value.

    >>> margin("0.5pp", "proportion"), margin("1%", "value")
    (Margin(value=0.005, relative=False), Margin(value=0.01, relative=True))

    Raises:
        SpecError: another unit than the metric's, none where one is needed, or below 0.
    """
    quantity = _of(written, _MARGINS[scale], _duration_margin_meanings if scale == "duration" else _margin_meanings)
    if quantity.value < 0:
        raise SpecError(f"`{written}` is below 0", hint="a margin has no sign: the test's name says the direction")
    relative = quantity.dimension == "share"
    if not relative and scale in ("proportion", "index") and quantity.value > 1:
        raise SpecError(f"`{written}` is more than the metric's whole range", hint="the metric lies between 0 and 1")
    return Margin(value=quantity.value, relative=relative)


def level(written: str | float, scale: Scale) -> float:
    """A value of the metric itself.

    >>> level("95%", "proportion"), level("80ms", "duration"), level(12.5, "value")
    (0.95, 0.08, 12.5)

    Raises:
        SpecError: another unit than the metric's, none where one is needed, or outside the metric's range.
    """
    if scale == "duration":
        return _duration(written, ("ms", "s", "m"))
    quantity = _of(written, _LEVELS[scale], _share_meanings)
    if scale in ("proportion", "index") and not 0 <= quantity.value <= 1:
        raise SpecError(f"`{written}` is outside the metric's range", hint="the metric lies between 0% and 100%")
    return quantity.value


def spell_share(value: float) -> str:
    """A share as people write it.

    >>> spell_share(0.05), spell_share(0.007)
    ('5%', '0.7%')
    """
    return f"{_plain(Decimal(repr(value)) * 100)}%"


def spell_points(value: float) -> str:
    """A difference in percentage points.

    >>> spell_points(0.005)
    '0.5pp'
    """
    return f"{_plain(Decimal(repr(value)) * 100)}pp"


def spell_number(value: float) -> str:
    """A plain number without needless digits.

    >>> spell_number(500.0), spell_number(0.25)
    ('500', '0.25')
    """
    return _plain(Decimal(repr(value)))


def spell_seconds(value: float) -> str:
    """A duration in the largest unit that takes no fraction.

    >>> spell_seconds(86400.0), spell_seconds(0.08), spell_seconds(5400.0)
    ('1d', '80ms', '90m')
    """
    exact = Decimal(repr(value))
    for unit in ("w", "d", "h", "m", "s"):
        if exact and exact % UNITS[unit][1] == 0:
            return f"{_plain(exact / UNITS[unit][1])}{unit}"
    return f"{_plain(exact * 1000)}ms" if exact else "0s"


def _of(written: str | float, accepted: tuple[Dimension, ...], meanings: Callable[[str], str]) -> Quantity:
    quantity = parse(written)
    if quantity.dimension in accepted or (quantity.dimension == "plain" and quantity.value == 0):
        return quantity
    wanted = " or ".join(_NOUNS[dimension][0] for dimension in accepted)
    if quantity.dimension == "plain":
        raise SpecError(f"`{written}` has no unit, where {wanted} is needed", hint=meanings(quantity.number))
    raise SpecError(f"`{written}` is {_NOUNS[quantity.dimension][0]}, not {wanted}", hint=f"such as `{_NOUNS[accepted[0]][1]}`")


def _duration(written: str | float, likely: tuple[str, str, str]) -> float:
    quantity = _of(written, ("duration",), lambda number: _either(*(f"`{number}{unit}`" for unit in likely)))
    if quantity.value < 0:
        raise SpecError(f"`{written}` is below 0", hint="a duration has no sign")
    return quantity.value


def _either(first: str, second: str, third: str) -> str:
    return f"{first}, {second} or {third}?"


def _share_meanings(number: str) -> str:
    exact = Decimal(number)
    difference = f"`{number}pp` for a difference (in margins only)"
    if abs(exact) <= 1:
        return _either(f"`{_plain(exact * 100)}%` for that part of 1", f"`{number}%` for percent", difference)
    return _either(f"`{number}%` for percent", difference, f"`{number}x champion` for a multiple (under `stable` only)")


def _margin_meanings(number: str) -> str:
    points, relative = f"`{number}pp` for percentage points", f"`{number}%` relative to the champion's value"
    return _either(points, relative, f"`{_plain(Decimal(number) * 100)}pp` for that part of 1")


def _duration_margin_meanings(number: str) -> str:
    return _either(f"`{number}ms`", f"`{number}s`", f"`{number}%` relative to the champion's value")


def _multiple_meanings(number: str) -> str:
    exact = Decimal(number)
    more, percent = f"`{_plain(exact + 1)}x champion` for that much more", f"`{_plain(exact / 100)}x champion` for percent"
    return _either(f"`{number}x champion` for that many times", more, percent)


def _unit_hint(number: str, unit: str) -> str:
    meant = _WORDS.get(unit.lower())
    if meant:
        return f"did you mean `{number}{meant}`?"
    return near_miss(unit, UNITS) or f"units are {', '.join(UNITS)}"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
