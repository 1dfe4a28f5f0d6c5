"""The clocks pass the suite, agree between processes and never go back."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.adapters.clocks import ScaledClock, SystemClock, from_setting, from_us, to_setting, to_us
from segue.errors import DomainError
from segue.ports.clock import Clock
from segue.testkit.clocks import ClockSuite, ManualClock

START = datetime(2013, 3, 1, tzinfo=UTC)


class TestSystemClock(ClockSuite):
    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()

    def test_it_tells_the_machine_s_time(self) -> None:
        """A reading lies between two of the machine's."""
        before = time.time_ns() // 1000
        assert before <= SystemClock().now_us() <= time.time_ns() // 1000


class TestScaledClock(ClockSuite):
    @pytest.fixture
    def clock(self) -> Clock:
        return ScaledClock(START, time.time() - 1, 50_000)


class TestManualClock(ClockSuite):
    @pytest.fixture
    def clock(self) -> Clock:
        return ManualClock(START)


def at_real(clock: Clock, real_s: float, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """What a clock shows when the machine's time is `real_s`."""
    monkeypatch.setattr(time, "time_ns", lambda: round(real_s * 1e9))
    return clock.now()


def test_stream_time_passes_at_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 2.5 real seconds at 3600 it is two and a half hours later."""
    clock = ScaledClock(START, 1000.0, 3600)
    assert at_real(clock, 1002.5, monkeypatch) == START + timedelta(hours=2.5)
    assert clock.speed == 3600


def test_stream_time_waits_for_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its real start a scaled clock shows its stream start."""
    assert at_real(ScaledClock(START, 1000.0, 3600), 990.0, monkeypatch) == START


@pytest.mark.parametrize("make", [SystemClock, lambda: ScaledClock(START, 1000.0, 3600)], ids=["system", "scaled"])
def test_a_machine_set_back_stops_the_clock(make: type[SystemClock], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine's clock goes back, ours stands still, and goes on when it has caught up."""
    clock = make()
    first = at_real(clock, 2000.0, monkeypatch)
    assert at_real(clock, 1500.0, monkeypatch) == first
    assert at_real(clock, 2000.000001, monkeypatch) > first


def test_the_setting_s_text() -> None:
    """The setting reads as start, real start and speed."""
    assert to_setting(ScaledClock(START, 1763757600.25, 50000)) == "2013-03-01T00:00:00Z@1763757600.25*50000"
    assert to_setting(SystemClock()) == "system"
    assert from_setting("").speed == from_setting("system").speed == 1.0


@given(
    start=st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
    real_start=st.floats(min_value=0, max_value=4e9),
    speed=st.floats(min_value=1e-3, max_value=1e6),
    passed_us=st.integers(min_value=0, max_value=10**12),
)
def test_a_clock_made_from_a_setting_is_the_same_clock(
    start: datetime, real_start: float, speed: float, passed_us: int
) -> None:
    """Through its setting a clock keeps every bit: both show the same microsecond at any real time."""
    clock = ScaledClock(start, real_start, speed)
    again = from_setting(to_setting(clock))
    assert isinstance(again, ScaledClock)
    real_us = clock.real_start_us + passed_us
    assert again._stream_us(real_us) == clock._stream_us(real_us)
    assert to_setting(again) == to_setting(clock)


def test_processes_agree() -> None:
    """What another process reads from the same setting lies between two readings of ours."""
    clock = ScaledClock(START, time.time(), 50_000)
    program = "import sys; from segue.adapters.clocks import from_setting; print(from_setting(sys.argv[1]).now_us())"
    before = clock.now_us()
    theirs = subprocess.run([sys.executable, "-c", program, to_setting(clock)], capture_output=True, text=True, check=True)
    assert before < int(theirs.stdout) < clock.now_us()


@pytest.mark.parametrize(
    "text", ["now", "2013-03-01T00:00:00@1*2", "2013-03-01T00:00:00Z@1", "2013-03-01T00:00:00Z@x*2", "2013-03-01T00:00:00Z@1*0"]
)
def test_a_wrong_setting_is_refused(text: str) -> None:
    """No zone, no speed, no number, no motion: each is named with the form that is wanted."""
    with pytest.raises(DomainError, match="stream start @ real start"):
        from_setting(text)


def test_a_clock_without_a_setting_is_not_shared() -> None:
    """A clock that no other process could follow has no setting."""
    with pytest.raises(DomainError):
        to_setting(ManualClock(START))


def test_a_naive_time_is_refused() -> None:
    """A time without zone is nobody's time."""
    with pytest.raises(DomainError):
        to_us(datetime(2013, 3, 1))  # noqa: DTZ001 - the point of the test


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_microseconds_lose_nothing(at: datetime) -> None:
    """A time and its microseconds are the same instant, before the epoch too."""
    assert from_us(to_us(at)) == at


def test_a_manual_clock_goes_forward_only() -> None:
    """It stands, goes on by what it is told, and refuses to go back."""
    clock = ManualClock(START)
    assert clock.now() == clock.now() == START
    assert clock.advance(hours=1, seconds=0.000001) == START + timedelta(hours=1, microseconds=1)
    assert clock.now_us() == to_us(START) + 3_600_000_001
    with pytest.raises(DomainError):
        clock.put(START)
