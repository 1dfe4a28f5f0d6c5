"""How does stream time follow from real time?

Both clocks are functions of `time.time()` and a setting, so that all processes of a machine agree without talking. Neither
goes backwards within a process: where the machine's clock is set back, they stand still until it has caught up.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from segue.errors import DomainError
from segue.ports.clock import Clock

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SYSTEM: Final = "system"


def to_us(at: datetime) -> int:
    """Microseconds since the epoch, exactly.

    Args:
        at: aware.

    Raises:
        DomainError: the time is naive.

    >>> to_us(datetime(2013, 3, 1, tzinfo=UTC))
    1362096000000000
    """
    if at.tzinfo is None:
        raise DomainError(f"{at.isoformat()} has no time zone", hint="times are aware, UTC")
    return (at - EPOCH) // _MICROSECOND


def from_us(at_us: int) -> datetime:
    """The UTC time that is so many microseconds after the epoch, exactly.

    >>> from_us(1362096000000001).isoformat()
    '2013-03-01T00:00:00.000001+00:00'
    """
    return EPOCH + timedelta(microseconds=at_us)


class SystemClock:
    """Stream time is real time."""

    def __init__(self) -> None:
        self._latest_us = 0
        self._lock = threading.Lock()

    @property
    def speed(self) -> float:
        """Stream seconds in one real second."""
        return 1.0

    def now(self) -> datetime:
        """Now, aware, UTC."""
        return from_us(self.now_us())

    def now_us(self) -> int:
        """Now in microseconds since the epoch."""
        # Read inside the lock: a time read before another thread's and delivered after it would be a step backwards.
        with self._lock:
            now_us = self._stream_us(time.time_ns() // 1000)
            if now_us > self._latest_us:  # noqa: PLR1730 - `max` costs the request path four times as much
                self._latest_us = now_us
            return self._latest_us

    def _stream_us(self, real_us: int) -> int:
        return real_us

    def __repr__(self) -> str:
        return f"{type(self).__name__}({to_setting(self)!r})"


class ScaledClock(SystemClock):
    """Stream time that began at `stream_start` and passes `speed` times as fast as real time.

    Args:
        stream_start: what the clock shows until `real_start`; aware.
        real_start: real time from which on it runs, seconds since the epoch.
        speed: stream seconds in one real second; > 0.

    Raises:
        DomainError: the speed is not positive and finite, or the start is naive.
    """

    def __init__(self, stream_start: datetime, real_start: float, speed: float) -> None:
        super().__init__()
        if not 0 < speed < float("inf"):
            raise DomainError(f"a clock cannot run at {speed} stream seconds in a second", hint="a number above 0")
        self.stream_start_us = to_us(stream_start)
        self.real_start_us = round(real_start * 1e6)
        self._speed = float(speed)

    @property
    def speed(self) -> float:
        """Stream seconds in one real second."""
        return self._speed

    def _stream_us(self, real_us: int) -> int:
        return self.stream_start_us + max(0, round((real_us - self.real_start_us) * self._speed))


def to_setting(clock: Clock) -> str:
    """The text from which another process makes the same clock.

    Raises:
        DomainError: this kind of clock cannot be shared.

    >>> to_setting(ScaledClock(datetime(2013, 3, 1, tzinfo=UTC), 1763757600.25, 50000))
    '2013-03-01T00:00:00Z@1763757600.25*50000'
    """
    if isinstance(clock, ScaledClock):
        start = from_us(clock.stream_start_us).isoformat().replace("+00:00", "Z")
        whole, rest = divmod(clock.real_start_us, 1_000_000)
        real = f"{whole}.{rest:06}".rstrip("0").rstrip(".")
        return f"{start}@{real}*{repr(clock.speed).removesuffix('.0')}"
    if isinstance(clock, SystemClock):
        return _SYSTEM
    raise DomainError(f"a {type(clock).__name__} has no setting", hint="share a SystemClock or a ScaledClock")


def from_setting(text: str) -> SystemClock:
    """The clock of a setting; that of the machine for "" and "system".

    Raises:
        DomainError: the text is no such setting.

    >>> from_setting("2013-03-01T00:00:00Z@1763757600.25*50000").speed
    50000.0
    """
    if text in {"", _SYSTEM}:
        return SystemClock()
    start, _, rest = text.partition("@")
    real, _, speed = rest.partition("*")
    try:
        return ScaledClock(datetime.fromisoformat(start), float(real), float(speed))
    except ValueError as error:  # a DomainError of the clock itself is a ValueError too
        raise DomainError(
            f"{text!r} is no clock: {error}",
            hint="stream start @ real start in seconds * speed: 2013-03-01T00:00:00Z@1763757600*60",
        ) from error
