"""Which system decides rightly, and how soon? Segue beside GrowthBook, Spotify, Eppo, Statsig, TensorZero, Kayenta and others.

Run by `make bench-evidence`, which installs the peers that are packages in an environment of their own. The same seeded log of
events is replayed into every system. The table of what was promised goes to stdout and to `bench/results/evidence.json`;
`evidence-rows.json` beside it keeps every number, and the tables and pictures of `docs/benchmarks/` are made from the two.
"""

import argparse
import sys
from collections.abc import Collection
from math import isfinite
from pathlib import Path
from typing import Final

import msgspec
from bench.decisions.goals import Promises
from bench.decisions.page import fill
from bench.decisions.pictures import draw
from bench.decisions.rows import Row, Scale
from bench.decisions.scenarios.every import played
from bench.decisions.systems.referee import compared
from bench.rig.figures import Figure, keep, seen, table

_HERE: Final = Path(__file__).parent
_FIGURES: Final = _HERE / "results" / "evidence.json"
_ROWS: Final = _HERE / "results" / "evidence-rows.json"
_PAGES: Final = _HERE.parent / "docs" / "benchmarks"


def tell() -> None:
    """Draw the pictures and fill the page from what was kept."""
    rows = msgspec.json.decode(_ROWS.read_bytes(), type=list[Row])
    draw(rows, _PAGES)
    fill(_PAGES / "evidence.md", msgspec.json.decode(_FIGURES.read_bytes(), type=list[Figure]), rows)


def beside_the_kept(rows: list[Row], only: Collection[str]) -> list[Row]:
    """The kept rows of all other scenarios with these in their places."""
    again: dict[str, list[Row]] = {}
    for row in rows:
        if row.scenario in only:
            again.setdefault(row.scenario, []).append(row)
    together: list[Row] = []
    for row in msgspec.json.decode(_ROWS.read_bytes(), type=list[Row]):
        together += again.pop(row.scenario, []) if row.scenario in only else [row]
    return together + [row for of_one in again.values() for row in of_one]


def main() -> int:
    """Measure; 1 when a promised figure does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="the worlds with a promise, few runs, three standard errors; keeps nothing"
    )
    parser.add_argument("--runs", type=int, default=2000, help="rollouts of each world")
    parser.add_argument("--most", type=int, default=20_000, help="of a world in which they leave a promise in doubt")
    parser.add_argument("--only", nargs="*", default=[], help="play these scenarios (S6) again; the rows of others are kept")
    parser.add_argument("--peers", type=Path, help="the Python of the environment in which the peers are installed")
    parser.add_argument("--draw", action="store_true", help="draw the pictures and fill the page from the kept results")
    chosen = parser.parse_args()
    if chosen.draw:
        tell()
        return 0
    scale = Scale(runs=300, short=True) if chosen.short else Scale(runs=chosen.runs, most=chosen.most)
    rows = list(played(scale, chosen.peers, chosen.only))
    if chosen.only:  # seeds are fixed, so that what is played again alone is what it is among all
        rows = beside_the_kept(rows, chosen.only)
    notes = compared(chosen.peers) if chosen.peers else ()
    told = [*Promises(rows, quick=chosen.short).figures(), *notes, seen("rollouts of each world", scale.runs, "runs")]
    print(table(told))
    if not chosen.short:
        keep(told, _FIGURES)
        lines = b",\n".join(msgspec.json.encode(row) for row in rows if isfinite(row.value))
        _ROWS.write_bytes(b"[\n" + lines + b"\n]\n")
        tell()
    return int(any(figure.holds is False for figure in told))


if __name__ == "__main__":
    sys.exit(main())
