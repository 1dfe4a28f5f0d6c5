"""Which system decides rightly, and how soon? Segue beside GrowthBook, Spotify, Eppo, Statsig, TensorZero, Kayenta and others.

Run by `make bench-evidence`, which installs the peers that are packages in an environment of their own. The same seeded log of
events is replayed into every system. The table of what was promised goes to stdout; `bench/results/evidence.json` keeps every
number, and the tables and pictures of `docs/benchmarks/` are made from it.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec
from bench.decisions.goals import Promises
from bench.decisions.page import fill
from bench.decisions.pictures import draw
from bench.decisions.rows import Row, Scale
from bench.decisions.scenarios.afterwards import aftermaths
from bench.decisions.scenarios.assignment import mismatch
from bench.decisions.scenarios.effects import effect_scenarios
from bench.decisions.scenarios.harm import canary_scenarios
from bench.decisions.scenarios.nulls import null_scenarios
from bench.decisions.scenarios.speed import speeds
from bench.decisions.scenarios.values import value_scenarios
from bench.decisions.systems.referee import compared, replayed
from bench.rig.figures import Figure, seen, table

_HERE: Final = Path(__file__).parent
_RESULTS: Final = _HERE / "results" / "evidence.json"
_PAGES: Final = _HERE.parent / "docs" / "benchmarks"


class Results(msgspec.Struct, frozen=True):
    """Everything that was measured; a median that lies at never is left out."""

    figures: list[Figure]
    rows: list[Row]


def measure(scale: Scale, peers: Path | None) -> Iterator[Row]:
    """Every scenario, one after the other, with progress on stderr."""
    parts: dict[str, Callable[[Scale], Iterator[Row]]] = {
        "promotions without an effect": null_scenarios,
        "the same of values": value_scenarios,
        "effects": effect_scenarios,
        "canaries and guardrails": canary_scenarios,
        "assignment": mismatch,
        "after the promotion": aftermaths,
    }
    if not scale.short:
        parts["speed"] = lambda _: speeds()
    if peers is not None:
        parts["confseq itself"] = lambda scale: replayed(peers, scale)
    for name, part in parts.items():
        began, world = monotonic(), ""
        print(f"{name} ...", file=sys.stderr, flush=True)
        for row in part(scale):
            if row.world != world:
                world = row.world
                print(f"  {monotonic() - began:5.0f} s  {row.scenario} {world}", file=sys.stderr, flush=True)
            yield row


def _tell(results: Results) -> None:
    draw(results.rows, _PAGES)
    fill(_PAGES / "evidence.md", results.figures, results.rows)


def main() -> int:
    """Measure; 1 when a promised figure does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="the worlds with a promise, few runs, three standard errors; keeps nothing"
    )
    parser.add_argument("--runs", type=int, default=2000, help="rollouts of each world")
    parser.add_argument("--peers", type=Path, help="the Python of the environment in which the peers are installed")
    parser.add_argument("--draw", action="store_true", help="draw the pictures and fill the page from the kept results")
    chosen = parser.parse_args()
    if chosen.draw:
        _tell(msgspec.json.decode(_RESULTS.read_bytes(), type=Results))
        return 0
    scale = Scale(runs=300 if chosen.short else chosen.runs, short=chosen.short)
    rows = list(measure(scale, chosen.peers))
    notes = compared(chosen.peers) if chosen.peers else ()
    told = [*Promises(rows, quick=chosen.short).figures(), *notes, seen("rollouts of each world", rows[0].runs, "runs")]
    print(table(told))
    if not chosen.short:
        kept = Results(told, [row for row in rows if isfinite(row.value)])
        _RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
        _tell(kept)
    return int(any(figure.holds is False for figure in told))


if __name__ == "__main__":
    sys.exit(main())
