"""What does measuring cost, and does a tick follow the new data or the history?

Run by `make bench-measure`. Histories of one and ten million predictions (`--full`: a hundred) over thirty days and fifty
segments are made by SQL, counted from cold by the monitor's own measuring, and followed by hours of steady traffic with a tick
each. Then a version's days of a million predictions, from cold, and the numbers that Evidently and NannyML give too beside
theirs. Last, random histories of outcomes beside a brute-force count. Times are CPU seconds of the whole process, which other
work on the machine hardly changes, unless they say wall. The table goes to stdout, into `bench/results/measure.json` and into
`docs/benchmarks/measure.md`.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.measure import beside, history, joins
from bench.measure.history import TICK_ROWS, Costs, times_as_much
from bench.rig.figures import Figure, at_most, beside_kept, fill, keep, seen, table

_RESULTS: Final = Path(__file__).parent / "results" / "measure.json"
_PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks" / "measure.md"
_MILLION: Final = 1_000_000
_MEMORY_GIB: Final = 4.0


def _named(rows: int) -> str:
    return f"{rows / _MILLION:g}M" if rows >= _MILLION else f"{rows / 1000:g}k"


def figures(folder: Path, sizes: Sequence[int]) -> Iterator[Figure]:
    """Each size, then what the longest says beside the shortest."""
    found = history.costs(folder, sizes)
    for cost in found:
        name = _named(cost.rows)
        yield seen(f"{name} predictions counted from cold, 9 metrics, 51 segments, 720 hours, CPU", cost.cold.cpu_s, "s")
        yield at_most(f"{name} counted from cold, peak memory of the process", cost.cold.peak_bytes / 2**30, _MEMORY_GIB, "GiB")
        yield seen(f"the first tick after a start beside {name}, which reads all ids once, CPU", cost.first.cpu_s, "s")
        yield seen(f"a tick after {TICK_ROWS:,} new predictions beside {name}, CPU", cost.tick_cpu_s, "s")
        yield seen(f"a tick that finds 1,000 late corrections in one old hour of {name}, wall", cost.late.wall_s, "s")
    least, most = found[0], found[-1]
    between = f"{_named(most.rows)} over {_named(least.rows)}"
    yield at_most(f"a tick's CPU, {between}", times_as_much(most, least), 1.3)
    yield at_most(f"CPU of a row counted from cold, {between}", _a_row(most) / _a_row(least), 1.1)


def _a_row(cost: Costs) -> float:
    return cost.cold.cpu_s / cost.rows


def main() -> int:
    """Measure; 1 when a promised figure does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="a hundred million as well: half an hour more, 5 GB of disk")
    parser.add_argument("--short", action="store_true", help="a tenth of everything; keeps nothing")
    parser.add_argument("--only", choices=["history", "days", "joins"], help="one part; the others' figures stay as kept")
    parser.add_argument("--peers", default="", help="the Python of the environment that has Evidently and NannyML")
    chosen = parser.parse_args()
    sizes = [_MILLION // 10, _MILLION] if chosen.short else [_MILLION, 10 * _MILLION]
    sizes += [100 * _MILLION] if chosen.full else []
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        found: list[Figure] = []
        if chosen.only in {None, "history"}:
            found += figures(Path(folder) / "history", sizes)
        if chosen.only in {None, "days"}:
            found += beside.figures(Path(folder) / "days", sizes[0], _named(sizes[0]), chosen.peers)
        if chosen.only in {None, "joins"}:
            found += joins.figures()
    print(table(found))
    if not chosen.short:
        found = beside_kept(found, _RESULTS) if chosen.only else found
        keep(found, _RESULTS)
        fill(_PAGE, found)
    return int(any(figure.holds is False for figure in found))


if __name__ == "__main__":
    sys.exit(main())
