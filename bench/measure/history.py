"""What does a tick cost beside a history of any length, and what the first one, which counts everything?

Each size has an installation in a process of its own (`installation`), which lives to the end. Each counts its history from
cold. Then hours of steady traffic follow, and every hour each installation in turn ticks once: what a tick costs is so compared
within seconds, and what else the machine does meanwhile is shared out to all.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Final, NoReturn

import duckdb
import msgspec
from bench.measure.data import DAYS, START, Traffic, ship
from bench.measure.installation import Cost

from segue.facts.allocation import Allocation

TICK_ROWS: Final = 10_000
"""Predictions between two ticks: half of them the champion's, half the shadow's."""
LATE: Final = 1000
"""Outcomes of one hour of the history that come weeks later."""
HOURS: Final = 24
"""So many ticks are compared."""
_BEFORE: Final = 2
"""Ticks before them: by then the history's last hour has come of age, and what a process begins with has been done."""
_END: Final = START + timedelta(days=DAYS)


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one size.

    Args:
        rows: predictions of the history.
        cold: what counts all of it.
        first: the first tick after that, which reads the ids of all requests once.
        ticks: those that are compared, hour by hour.
        late: a tick that finds outcomes of one old hour.
    """

    rows: int
    cold: Cost
    first: Cost
    ticks: tuple[Cost, ...]
    late: Cost

    @property
    def tick_cpu_s(self) -> float:
        """The median of the ticks."""
        return median(tick.cpu_s for tick in self.ticks)


def times_as_much(most: Costs, least: Costs) -> float:
    """The median, over the hours, of what a tick costs beside the one history over what it costs beside the other."""
    return median(one.cpu_s / other.cpu_s for one, other in zip(most.ticks, least.ticks, strict=True))


def costs(folder: Path, sizes: Sequence[int]) -> list[Costs]:
    """Of each size what it costs; all that is made in the folder is gone at the end.

    Raises:
        RuntimeError: an installation could not measure, or has not counted what is there.
    """
    with _terminable(), ExitStack() as stack:
        maker = stack.enter_context(duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": str(folder)}))
        maker.execute("SET TimeZone = 'UTC'")
        made = [_Measured(stack.enter_context(_started(folder / f"{rows}")), maker, folder / f"{rows}", rows) for rows in sizes]
        for measured in made:
            measured.begin()
        print(f"{_BEFORE + HOURS} hours of traffic, a tick each ...", file=sys.stderr, flush=True)
        for hour in range(_BEFORE + HOURS):
            for measured in made:
                measured.follow(hour)
        return [measured.end() for measured in made]


class _Measured:
    """One size, step by step."""

    def __init__(self, process: "subprocess.Popen[str]", maker: duckdb.DuckDBPyConnection, folder: Path, rows: int) -> None:
        self._process, self._maker, self._lake, self._rows = process, maker, folder / "lake", rows
        self._allocation = msgspec.json.decode(self._answer(), type=Allocation)
        self._costs: list[Cost] = []

    def begin(self) -> None:
        """Make the history, and count it."""
        print(f"a history of {self._rows:,} is made ...", file=sys.stderr, flush=True)
        for day in range(DAYS):
            requests = self._rows // 2 // DAYS
            self._ship(
                Traffic(first=day * requests, requests=requests, start=START + timedelta(days=day), hours=24, features=False)
            )
        print("it is counted ...", file=sys.stderr, flush=True)
        self._costs.append(self._tick(_END))

    def follow(self, hour: int) -> None:
        """An hour of traffic, and a tick."""
        start, first = _END + timedelta(hours=hour), 10**11 + hour * TICK_ROWS
        self._ship(Traffic(first=first, requests=TICK_ROWS // 2, start=start, hours=1, features=False))
        self._costs.append(self._tick(start + timedelta(hours=1)))

    def end(self) -> Costs:
        """Other outcomes of an old hour, a tick, and all costs."""
        now = _END + timedelta(hours=_BEFORE + HOURS)
        _correct(self._maker, self._lake, now)
        late = self._tick(now + timedelta(minutes=2))
        cold, first, *ticks = self._costs
        for variant, (counted, _) in sorted(late.health.items()):
            if counted < self._rows // 2:
                raise RuntimeError(f"{variant} has {counted} of {self._rows // 2} predictions")
        return Costs(rows=self._rows, cold=cold, first=first, ticks=tuple(ticks[_BEFORE - 1 :]), late=late)

    def _ship(self, traffic: Traffic) -> None:
        ship(self._maker, self._lake, traffic, self._allocation)

    def _tick(self, now: datetime) -> Cost:
        assert self._process.stdin is not None
        print(msgspec.json.encode(now).decode(), file=self._process.stdin, flush=True)
        return msgspec.json.decode(self._answer(), type=Cost)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("an installation has ended; what it said stands above")
        return line


@contextmanager
def _started(folder: Path) -> "Iterator[subprocess.Popen[str]]":
    """An installation's process. It removes its folder when its input ends, so also when this process is killed.

    What goes wrong here ends it at once: it may be counting for minutes. Then its folder is its parent's to remove.
    """
    command = [sys.executable, "-m", "bench.measure.installation", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process  # leaving closes its input, and waits
        except BaseException:
            process.kill()
            raise


@contextmanager
def _terminable() -> Iterator[None]:
    """A signal that asks to end is an exception, so that what is open is closed."""

    def ends(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {it: signal.signal(it, ends) for it in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _correct(maker: duckdb.DuckDBPyConnection, lake: Path, now: datetime) -> None:
    """Other truths of requests of one hour in the middle of the history, received now."""
    old = f"{lake}/outcomes/route=churn/date={START + timedelta(days=DAYS // 2):%Y-%m-%d}/hour=12/*.parquet"
    target = lake / f"outcomes/route=churn/date={now:%Y-%m-%d}/hour={now:%H}/late.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    at = f"TIMESTAMPTZ '{now + timedelta(minutes=1)}'"
    maker.execute(
        f"""COPY (SELECT * REPLACE ({at} AS "at", {at} AS received_at, '1' AS label)
        FROM read_parquet('{old}', hive_partitioning = false) LIMIT {LATE}) TO '{target}' (FORMAT parquet)"""
    )
