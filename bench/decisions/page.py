"""How do the numbers get into the page, so that it cannot disagree with them?"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.decisions.rows import HORIZON, SEGUE, Row
from bench.decisions.scenarios import nulls
from bench.decisions.systems import rivals
from bench.rig.figures import Figure

SYSTEMS: Final = {
    SEGUE: "Segue",
    HORIZON: "Segue, horizon",
    rivals.PEEKING: "z at every look",
    rivals.GROWTHBOOK: "GrowthBook",
    rivals.EPPO: "Eppo",
    rivals.STATSIG: "Statsig",
    rivals.TENSORZERO: "TensorZero",
    rivals.SPOTIFY: "Spotify",
    rivals.WELCH: "Welch once",
}
SAYS: Final = {True: "yes", False: "**no**", None: ""}


def fill(page: Path, figures: Sequence[Figure], rows: Sequence[Row]) -> None:
    """Replace what stands between the page's markers by the tables of these numbers."""
    text = page.read_text()
    for name, lines in {"figures": _figures(figures), "worlds": _worlds(rows)}.items():
        before, begin, rest = text.partition(f"<!-- {name} -->")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        assert end, f"{page} has no place for {name}"
        text = before + begin + "\n\n" + "\n".join(lines) + "\n\n" + end + after
    page.write_text(text)


def _figures(figures: Iterable[Figure]) -> list[str]:
    head = ["| figure | measured | goal | holds |", "| --- | --- | --- | --- |"]
    return head + [f"| {f.figure} | {f.value:,g} {f.unit} | {f.goal} | {SAYS[f.holds]} |" for f in figures if f.goal]


def _worlds(rows: Iterable[Row]) -> list[str]:
    worlds: dict[tuple[str, str], dict[str, str]] = {}
    beside: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.what == nulls.WHAT and row.scenario != "S7":
            place, said = (row.scenario, row.world), f"{100 * row.value:.1f}"
            worlds.setdefault(place, {})
            if row.system in SYSTEMS:
                worlds[place][row.system] = said
            else:
                beside.setdefault(place, []).append(f"{row.system.removeprefix(f'{SEGUE}, ')}: {said}")
    head = f"| world | {' | '.join(SYSTEMS.values())} |"
    lines = [head, "| --- |" + " --- |" * len(SYSTEMS)]
    for place, values in worlds.items():
        ours = "; ".join([*([values[SEGUE]] if SEGUE in values else []), *beside.get(place, [])])
        cells = [ours, *(values.get(system, "") for system in SYSTEMS if system != SEGUE)]
        lines.append(f"| {place[0]} {place[1]} | {' | '.join(cells)} |")
    return lines
