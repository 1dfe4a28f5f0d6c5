"""Does a clock do its duties? And a clock that stands where a test puts it."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from segue.errors import DomainError
from segue.ports.clock import Clock

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ManualClock:
    """Stands still until it is told to go on.

    >>> clock = ManualClock(datetime(2013, 3, 1, tzinfo=UTC))
    >>> clock.advance(hours=1).isoformat()
    '2013-03-01T01:00:00+00:00'
    """

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    @property
    def speed(self) -> float:
        """Stream seconds in one real second, as the port asks; this clock follows no real time."""
        return 1.0

    def now(self) -> datetime:
        """Where it was put."""
        return self._at

    def now_us(self) -> int:
        """The same in microseconds since the epoch."""
        return (self._at - _EPOCH) // _MICROSECOND

    def advance(self, *, seconds: float = 0, hours: float = 0, days: float = 0) -> datetime:
        """Go on by so much stream time; the new time.

        Raises:
            DomainError: that would be backwards.
        """
        return self.put(self._at + timedelta(seconds=seconds, hours=hours, days=days))

    def put(self, at: datetime) -> datetime:
        """Go on to a time.

        Raises:
            DomainError: that would be backwards.
        """
        if at < self._at:
            raise DomainError(f"a clock does not go back from {self._at.isoformat()} to {at.isoformat()}")
        self._at = at.astimezone(UTC)
        return self._at


class ClockSuite:
    """What every clock promises; override `clock`."""

    @pytest.fixture
    def clock(self) -> Clock:
        """The clock under test."""
        raise NotImplementedError

    def test_now_is_aware_and_utc(self, clock: Clock) -> None:
        """A time says its zone, and the zone is UTC."""
        assert clock.now().utcoffset() == timedelta(0)

    def test_both_readings_tell_the_same_time(self, clock: Clock) -> None:
        """A reading as a date lies between two readings in microseconds."""
        before = clock.now_us()
        between = (clock.now() - _EPOCH) // _MICROSECOND
        assert before <= between <= clock.now_us()

    def test_it_never_goes_backwards(self, clock: Clock) -> None:
        """Readings of several threads, in the order in which they were made, only grow."""
        readings: list[int] = []
        order = threading.Lock()

        def read() -> None:
            for _ in range(500):
                with order:
                    readings.append(clock.now_us())

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert readings == sorted(readings)
        assert len(readings) == 1500

    def test_speed_is_positive(self, clock: Clock) -> None:
        """A clock runs forward."""
        assert clock.speed > 0
