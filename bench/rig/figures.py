"""What was measured, what was wanted, and does it hold?"""

from pathlib import Path

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One row; `holds` is None where nothing was promised."""

    figure: str
    value: float
    unit: str
    goal: str = ""
    holds: bool | None = None


def at_most(figure: str, value: float, limit: float, unit: str = "x") -> Figure:
    """A figure that should not be larger."""
    return Figure(figure, _rounded(value), unit, f"<= {limit:g}", value <= limit)


def at_least(figure: str, value: float, limit: float, unit: str = "x") -> Figure:
    """A figure that should not be smaller."""
    return Figure(figure, _rounded(value), unit, f">= {limit:g}", value >= limit)


def seen(figure: str, value: float, unit: str) -> Figure:
    """A figure that is only told."""
    return Figure(figure, _rounded(value), unit)


def _rounded(value: float) -> float:
    return round(value) if abs(value) >= 1000 else float(f"{value:.3g}")


def table(figures: list[Figure]) -> str:
    """The figures for a person."""
    says = {True: "holds", False: "DOES NOT HOLD", None: ""}
    wide = max(len(figure.figure) for figure in figures)
    return "\n".join(f"{f.figure:{wide}} {f.value:>10,g} {f.unit:12} {f.goal:10} {says[f.holds]}" for f in figures)


def fill(page: Path, figures: list[Figure]) -> None:
    """Replace what stands between a page's markers by these figures, so that it cannot disagree with them."""
    says = {True: "yes", False: "**no**", None: ""}
    lines = ["| figure | measured | goal | holds |", "| --- | --- | --- | --- |"]
    lines += [f"| {f.figure} | {f.value:,g} {f.unit} | {f.goal} | {says[f.holds]} |" for f in figures]
    before, begin, rest = page.read_text().partition("<!-- figures -->")
    _, end, after = rest.partition("<!-- /figures -->")
    if not end:
        raise ValueError(f"{page} has no place for figures")
    page.write_text("\n".join([before + begin, "", *lines, "", end + after]))


def beside_kept(figures: list[Figure], file: Path) -> list[Figure]:
    """What is kept, with these in place of the rows of their names."""
    kept = msgspec.json.decode(file.read_bytes(), type=list[Figure]) if file.exists() else []
    now = {figure.figure: figure for figure in figures}
    again = [now.pop(figure.figure, figure) for figure in kept]
    return again + list(now.values())


def keep(figures: list[Figure], file: Path) -> None:
    """The figures for a program."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
