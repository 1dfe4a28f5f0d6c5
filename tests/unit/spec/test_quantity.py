"""One parser for typed quantities."""

import math
from collections.abc import Callable

import pytest

from segue.errors import SpecError
from segue.spec import quantity
from segue.spec.gate import Margin


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("5%", "share", 0.05),
        ("0.1%", "share", 0.001),
        ("0.7%", "share", 0.007),
        ("33.3 %", "share", 0.333),
        ("0.5pp", "difference", 0.005),
        ("1.5x champion", "multiple", 1.5),
        ("1.5x   champion", "multiple", 1.5),
        ("80ms", "duration", 0.08),
        ("1.5h", "duration", 5400.0),
        ("2w", "duration", 1209600.0),
        ("5 MiB", "size", 5242880.0),
        ("1GB", "size", 1e9),
        ("1e3", "plain", 1000.0),
        (".5", "plain", 0.5),
        ("-0", "plain", 0.0),
        (0.25, "plain", 0.25),
    ],
)
def test_quantities(text: str | float, dimension: str, value: float) -> None:
    """A number and a unit are exactly that many of that unit: no rounding on the way."""
    parsed = quantity.parse(text)
    assert (parsed.dimension, parsed.value) == (dimension, value)
    assert math.copysign(1, parsed.value) == (1 if value >= 0 else -1)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("24hours", "did you mean `24h`?"),
        ("24H", "did you mean `24h`?"),
        ("5 percent", "did you mean `5%`?"),
        ("5mib", "did you mean `5MiB`?"),
        ("0.5 points", "did you mean `0.5pp`?"),
        ("2x", "did you mean `2x champion`?"),
        ("2x champoin", "did you mean `x champion`?"),
        ("five", "a number and a unit, such as `5%`, `0.5pp`, `24h`, `80ms` or `5 MiB`"),
        ("", "a number and a unit, such as `5%`, `0.5pp`, `24h`, `80ms` or `5 MiB`"),
        ("1_000s", "units are"),
        ("nan%", "a number and a unit"),
        ("٣%", "a number and a unit"),
        ("9e999", ""),
    ],
)
def test_what_is_no_quantity(text: str, hint: str) -> None:
    """A mistyped unit is answered with the nearest one."""
    with pytest.raises(SpecError) as caught:
        quantity.parse(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("read", "text", "hint"),
    [
        (
            quantity.share,
            "0.05",
            "`5%` for that part of 1, `0.05%` for percent or `0.05pp` for a difference (in",
        ),
        (quantity.share, 50, "`50%` for percent, `50pp` for a difference (in margins only) or `50x champion` for a multiple"),
        (quantity.stream_seconds, "24", "`24h`, `24m` or `24s`?"),
        (quantity.real_seconds, 300, "`300ms`, `300s` or `300m`?"),
        (quantity.size_bytes, "5", "`5 B`, `5 KiB` or `5 MiB`?"),
        (quantity.times_champion, "1.5", "`1.5x champion` for that many times, `2.5x champion` for that much more or `0.015x"),
        (
            lambda text: quantity.margin(text, "proportion"),
            "0.5",
            "`0.5pp` for percentage points, `0.5%` relative to the",
        ),
        (lambda text: quantity.margin(text, "duration"), "80", "`80ms`, `80s` or `80%` relative to the champion's value?"),
        (lambda text: quantity.level(text, "proportion"), "0.95", "`95%` for that part of 1, `0.95%` for percent or `0.95pp`"),
    ],
)
def test_a_bare_number_is_answered_with_three_meanings(read: Callable[[str], object], text: str, hint: str) -> None:
    """Where a unit is needed, a bare number is refused, and the hint shows the three things that it may mean."""
    with pytest.raises(SpecError, match="has no unit") as caught:
        read(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (quantity.share, "5pp"),
        (quantity.share, "101%"),
        (quantity.share, "-1%"),
        (quantity.stream_seconds, "5%"),
        (quantity.stream_seconds, "-1h"),
        (quantity.size_bytes, "0.3B"),
        (quantity.size_bytes, "-1kB"),
        (quantity.times_champion, "0x champion"),
        (lambda text: quantity.margin(text, "proportion"), "80ms"),
        (lambda text: quantity.margin(text, "proportion"), "-1pp"),
        (lambda text: quantity.margin(text, "proportion"), "200pp"),
        (lambda text: quantity.margin(text, "duration"), "1pp"),
        (lambda text: quantity.level(text, "duration"), "95%"),
        (lambda text: quantity.level(text, "loss"), "95%"),
        (lambda text: quantity.level(text, "index"), "1.5"),
    ],
)
def test_the_wrong_unit_or_range_is_refused(read: Callable[[str], object], text: str) -> None:
    """Another dimension than the one that is asked for is an error, never a conversion."""
    with pytest.raises(SpecError):
        read(text)


def test_zero_needs_no_unit() -> None:
    """0 is the same in every unit."""
    assert (quantity.share("0"), quantity.stream_seconds(0), quantity.size_bytes("0")) == (0.0, 0.0, 0)
    assert quantity.margin("0", "proportion") == Margin(value=0.0, relative=False)


@pytest.mark.parametrize("text", ["5%", "0.7%", "99.95%", "100%", "0%"])
def test_shares_are_spelled_as_read(text: str) -> None:
    """A share is shown to people as they wrote it."""
    assert quantity.spell_share(quantity.share(text)) == text


@pytest.mark.parametrize("text", ["1d", "90m", "2w", "80ms", "36h", "0s", "1500ms"])
def test_durations_are_spelled_as_read(text: str) -> None:
    """A duration is shown in the largest unit without a fraction."""
    assert quantity.spell_seconds(quantity.stream_seconds(text)) == text
