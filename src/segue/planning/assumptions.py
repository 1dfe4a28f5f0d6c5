"""What is taken for granted before there are data?

Whatever is not said here is guessed on the slow side, and the plan says that it was.
"""

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from segue.errors import DomainError, SpecError, near_miss
from segue.evidence.planning.quantiles import SPREAD
from segue.spec.metric import KINDS, Metric, scale_of
from segue.spec.quantity import level, parse, share
from segue.spec.rollout import Rollout

DAY_S = 86_400.0
_PERIODS = {"day": 1.0, "d": 1.0, "hour": 24.0, "h": 24.0, "minute": 1440.0, "m": 1440.0, "second": DAY_S, "s": DAY_S}


class Assumed(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan starts from.

    Args:
        requests: of the route in a day; None where nobody said, and then the plan has no days.
        units: different units (users) that a day brings for the first time; None for one a request.
        baselines: metric -> (mean, variance) of one observation of the champion.
        differ: metric -> share of pairs in which one variant is right and the other is not.
        counted: metric -> share of the answers that it counts (of a precision: that are predicted positive; of an area: that
            are positive).
        hourly: metric -> variance of one hour's area, of pairs of their difference.
        alike: metric -> correlation of both variants' periods.
        populations: expression -> share of the requests.
        source: the rollout that showed what nobody said, or "".
    """

    requests: float | None = None
    units: float | None = None
    baselines: dict[str, tuple[float, float]] = {}
    differ: dict[str, float] = {}
    counted: dict[str, float] = {}
    populations: dict[str, float] = {}
    hourly: dict[str, float] = {}
    alike: dict[str, float] = {}
    source: str = ""

    def or_else(self, other: "Assumed") -> "Assumed":
        """This, and what the other knows where this says nothing."""
        return Assumed(
            requests=other.requests if self.requests is None else self.requests,
            units=other.units if self.units is None else self.units,
            baselines=other.baselines | self.baselines,
            differ=other.differ | self.differ,
            counted=other.counted | self.counted,
            populations=other.populations | self.populations,
            hourly=other.hourly | self.hourly,
            alike=other.alike | self.alike,
            source=other.source,
        )


def per_day(written: str) -> float:
    """A rate of requests or units, as a number a day.

    >>> per_day("100000/day"), per_day("1000/minute"), per_day("5e5")
    (100000.0, 1440000.0, 500000.0)

    Raises:
        DomainError: no positive number, or no period.
    """
    number, _, period = written.replace("_", "").replace(",", "").partition("/")
    times = _PERIODS.get(period.strip() or "day")
    try:
        rate = float(number)
    except ValueError:
        rate = 0.0
    if times is None or not 0 < rate < float("inf"):
        raise DomainError(f"`{written}` is no rate", hint="such as `100000/day`, `5000/hour`, `20/second`")
    return rate * times


def shares(written: Iterable[str], spec: Rollout | None = None) -> dict[str, float]:
    """`NAME=PERCENT` by name; of metrics of the spec, where one is given.

    >>> shares(["tier == 'vip'=4%"])
    {"tier == 'vip'": 0.04}

    Raises:
        DomainError: no such metric, or no share above 0.
    """
    found = {}
    for text in written:
        name, number = _named(text)
        if spec is not None:
            _metric(spec, name)
        part = _read(text, share, number)
        if part <= 0:
            raise DomainError(f"`{text}`: a share of nothing", hint="above 0%")
        found[name] = part
    return found


def baselines(written: Iterable[str], spec: Rollout) -> dict[str, tuple[float, float]]:
    """`METRIC=VALUE`, or `METRIC=MEAN,SPREAD` for what is no share: the champion's mean, and its variance per observation.

    Of a latency quantile the value is the quantile, and the spread beside it that of the logarithms (0.6 where it is not said).

    Raises:
        DomainError: no such metric, a value that it cannot have, or a mean without its spread.
    """
    found = {}
    for text in written:
        name, number = _named(text)
        metric = _metric(spec, name)
        value, _, spread = number.partition(",")
        mean = _read(text, partial(level, scale=scale_of(metric.kind)), value)
        if metric.kind == "latency_quantile":
            found[name] = mean, (_read(text, _number, spread) / mean if spread else SPREAD) ** 2
        elif spread:
            found[name] = mean, _read(text, _number, spread) ** 2
        elif KINDS[metric.kind].bounded or metric.cap == 1:
            found[name] = mean, mean * (1 - mean)
        else:
            raise DomainError(f"`{text}`: {name} is no share", hint=f"give its standard deviation too: `{name}={value},SPREAD`")
    return found


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals or not name.strip() or name.endswith("="):
        raise DomainError(f"`{text}` is no NAME=VALUE", hint="such as `accuracy=91%`")
    return name.strip(), value.strip()


def _metric(spec: Rollout, name: str) -> Metric:
    metric = spec.metrics.get(name)
    if metric is None:
        raise DomainError(f"the rollout has no metric `{name}`", hint=near_miss(name, spec.metrics) or ", ".join(spec.metrics))
    return metric


def _number(written: str) -> float:
    return parse(written).value


def _read(text: str, read: Callable[[str], float], value: str) -> float:
    try:
        return float(read(value.strip()))
    except SpecError as error:
        raise DomainError(f"`{text}`: {error.message}", hint=error.hint) from error
