"""How are numbers, times and chances written, without false precision?"""

from typing import Final

_UNITS: Final = (("year", 365.25), ("day", 1.0), ("hour", 1 / 24), ("minute", 1 / 1440), ("second", 1 / 86_400))


def count(n: float | None) -> str:
    """A number of observations, to two or three digits.

    >>> [count(n) for n in (None, 87, 4110, 40206, 1_234_567)]
    ['never', '87', '4,110', '40,200', '1.23 million']
    """
    if n is None:
        return "never"
    if n >= 1e6:
        return f"{n / 1e6:.3g} million"
    rounded = float(f"{n:.3g}") if n >= 1000 else n
    return f"{rounded:,.0f}"


def span(days: float | None) -> str:
    """A time in the unit that people would use.

    >>> [span(days) for days in (None, 0.0, 0.0002, 0.01, 0.3, 1.04, 12.4, 800)]
    ['-', '0 seconds', '17 seconds', '14 minutes', '7.2 hours', '1 day', '12 days', '2.2 years']
    """
    if days is None:
        return "-"
    for unit, length in _UNITS:
        if days >= (1.5 if unit == "year" else 1.0) * length or unit == "second":
            number = f"{days / length:.2g}" if days / length < 10 else f"{days / length:.0f}"
            return f"{number} {unit}{'s' * (number != '1')}"
    return "-"


def percent(share: float) -> str:
    """A share.

    >>> [percent(share) for share in (0.8, 0.9333, 0.00125, 0.999)]
    ['80 %', '93 %', '0.125 %', '>99 %']
    """
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.3g} %"
