"""What do the numbers look like beside each other?"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Final

from bench.decisions.rows import HORIZON, SEGUE, Row
from bench.decisions.scenarios import effects, harm, nulls
from bench.decisions.svg import INK, SOFT, WIDTH, Axis, Page
from bench.decisions.systems import rivals

COLOURS: Final = {
    SEGUE: "#0b5fff", HORIZON: "#0aa3c2", rivals.PEEKING: "#d64545", rivals.GROWTHBOOK: "#d9822b", rivals.EPPO: "#8a6d3b",
    rivals.STATSIG: "#7b61c4", rivals.TENSORZERO: "#b83280", rivals.SPOTIFY: "#2f9e44", rivals.WELCH: "#616e7c",
    harm.AS_ASKED: "#0aa3c2", harm.THRESHOLD: "#d64545", "z-test at every look": "#b83280", effects.SPRT: "#9aa5b1",
    effects.SAFE_ROLLOUT: "#d9822b",
}  # fmt: skip
WORLDS: Final = (
    ("S1", "A/A, rate 0.1, share 0.5", "A/A test"),
    ("S3", "ramp, day and night", "ramp"),
    ("S3", "ramp, day and night, drift", "ramp, drift"),
    ("S4", "delays, not yet counts as no", "late"),
    ("S9", "10 candidates, none better", "10 arms"),
    ("S11", "users with habits", "habits"),
    ("S13", "bandit, two arms alike, day and night", "bandit"),
)
ASKED_RIGHT: Final = {"S4": "delays, outcomes that are due", "S11": f"{SEGUE}, by user"}
"""What Segue does of itself there: it waits for outcomes to be due, and counts users once."""
PEERS: Final = tuple(rivals.RULES)


def draw(rows: Iterable[Row], folder: Path) -> None:
    """All pictures, each a file of its own."""
    kept = list(rows)
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in {
        "false-promotion": _false_promotion(kept),
        "shipped": _shipped(kept),
        "power": _power(kept),
        "time-to-decision": _time(kept),
        "exposure": _exposure(kept),
    }.items():
        (folder / f"evidence-{name}.svg").write_text(str(page))


def _false_promotion(rows: Sequence[Row]) -> Page:
    page = Page(430, "Promotes a candidate that is no better", "A table of shares of rollouts, by system and world.")
    page.words((20, 48), "share of rollouts, looked at every minute; 5 % was allowed", colour=SOFT)
    found = {(row.scenario, row.world, row.system): row.value for row in rows if row.what == nulls.WHAT}
    left, wide, high, top = 276.0, 82.0, 36.0, 84.0
    for column, (_, _, name) in enumerate(WORLDS):
        page.words((left + (column + 0.5) * wide, top - 8), name, colour=SOFT, anchor="middle")
    for line, system in enumerate((SEGUE, HORIZON, *PEERS)):
        y = top + line * high
        page.words((left - 12, y + high / 2 + 3), system.split(" (")[0], anchor="end", weight=600 if system == SEGUE else 400)
        for column, (scenario, world, _) in enumerate(WORLDS):
            value = found.get(_asked(scenario, world, system))
            x = left + column * wide
            page.box((x + 2, y + 2), (wide - 4, high - 4), _heat(value))
            said = "-" if value is None else f"{100 * value:.1f} %" if value < 0.1 else f"{100 * value:.0f} %"
            dark = value is not None and value > 0.3
            page.words((x + wide / 2, y + high / 2 + 4), said, anchor="middle", colour="#ffffff" if dark else INK)
    return page


def _asked(scenario: str, world: str, system: str) -> tuple[str, str, str]:
    if system == SEGUE and scenario == "S4":
        return scenario, ASKED_RIGHT["S4"], system
    if system == SEGUE and scenario == "S11":
        return scenario, world, ASKED_RIGHT["S11"]
    return (scenario, ASKED_RIGHT["S4"], system) if system == HORIZON and scenario == "S4" else (scenario, world, system)


def _heat(value: float | None) -> str:
    if value is None:
        return "#f5f7fa"
    steps = ((0.055, "#d3f9d8"), (0.10, "#fff3bf"), (0.20, "#ffd8a8"), (0.3, "#ffa8a8"), (0.6, "#e8590c"))
    return next((colour for limit, colour in steps if value <= limit), "#c92a2a")


def _shipped(rows: Sequence[Row]) -> Page:
    page = Page(330, "Ships a candidate that is worse by the whole margin", "Shares of rollouts by the length of the rollout.")
    page.words((20, 48), "share of rollouts, by the length of the rollout in fixed samples", colour=SOFT)
    x, y = Axis(0.4, 3.1, 90, 620), Axis(0, 0.8, 280, 70)
    page.up(y, (0, 0.2, 0.4, 0.6, 0.8), (x.begin, x.end), lambda share: f"{100 * share:.0f} %")
    page.across(x, (0.5, 1, 2, 3), (y.end, y.begin), lambda n: f"{n:g} n_fix")
    page.stroke([(x.begin, y(0.05)), (x.end, y(0.05))], SOFT, width=1, dashed=True)
    page.words((x.end + 8, y(0.05) - 8), "5 % allowed", colour=SOFT)
    for system in (effects.SAFE_ROLLOUT, HORIZON, SEGUE):
        line = [(row.at or 0.0, row.value) for row in rows if row.what == "shipped" and row.system == system]
        _line(page, [(x(at), y(value)) for at, value in line], COLOURS[system])
    last = {system: y(0.2) - 18 * place for place, system in enumerate((SEGUE, HORIZON, effects.SAFE_ROLLOUT))}
    _key(page, (x.end + 8, 0.0), last)
    return page


def _power(rows: Sequence[Row]) -> Page:
    page = Page(420, "Promotes within the fixed sample", "Power curves: share of rollouts promoted by the fixed sample.")
    page.words((20, 48), "share of rollouts, by the true effect in planned effects; conversion 10 %, +1 pp", colour=SOFT)
    x, y = Axis(-1, 2, 70, 560), Axis(0, 1, 370, 70)
    page.up(y, (0, 0.25, 0.5, 0.75, 1), (x.begin, x.end), lambda share: f"{100 * share:.0f} %")
    page.across(x, (-1, -0.5, 0, 0.5, 1, 2), (y.end, y.begin), lambda effect: f"{effect:g} x")
    systems = (SEGUE, HORIZON, *PEERS)
    for system in reversed(systems):
        found = [row for row in rows if row.what == "promoted by n_fix" and row.system == system]
        line = sorted((row.at or 0.0, row.value) for row in found if row.world == effects.CONVERSION)
        line = [point for point in line if x.low <= point[0] <= x.high]
        _line(page, [(x(at), y(value)) for at, value in line], COLOURS[system], thick=system in {SEGUE, HORIZON})
    _key(page, (x.end + 12, 0.0), {system: 90.0 + 20 * place for place, system in enumerate(systems)})
    return page


def _time(rows: Sequence[Row]) -> Page:
    systems = (SEGUE, HORIZON, *PEERS, effects.SPRT)
    page = Page(120 + 30 * len(systems), "Median time to a promotion", "Dots: medians at 1, 2 and 4 times the planned effect.")
    page.words((20, 48), "in fixed samples, at 1, 2 and 4 times the planned effect; conversion 10 %, +1 pp", colour=SOFT)
    x, top = Axis(0.01, 2, 300, 820, logarithmic=True), 84.0
    bottom = top + 30 * len(systems)
    page.across(x, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2), (top - 10, bottom - 10), lambda n: f"{n:g}")
    found = {
        (row.system, row.at): row.value for row in rows if row.what == "median n/n_fix" and row.world == effects.CONVERSION
    }
    for place, system in enumerate(systems):
        y = top + 30 * place + 8
        page.words((x.begin - 12, y + 4), system, anchor="end", weight=600 if system == SEGUE else 400)
        points = [(x(found[system, at]), y) for at in (4.0, 2.0, 1.0) if isfinite(found.get((system, at), float("inf")))]
        if len(points) > 1:
            page.stroke(points, COLOURS[system], width=1.5)
        for number, point in enumerate(points):
            page.dot(point, COLOURS[system], radius=5, hollow=number < len(points) - 1)
    page.words((x.begin, bottom + 28), "filled: the planned effect; hollow: 2 and 4 times as much", colour=SOFT)
    return page


def _exposure(rows: Sequence[Row]) -> Page:
    page = Page(
        430, "What a failing canary serves before it is rolled back", "Median requests by the factor on the error rate."
    )
    page.words((20, 48), "median requests of the candidate; 1 % of 1,000 requests a minute at first, 1 % errors", colour=SOFT)
    x, y = Axis(1.2, 5.2, 80, 520, logarithmic=True), Axis(30, 100_000, 370, 70, logarithmic=True)
    page.up(y, (100, 1000, 10_000, 100_000), (x.begin, x.end), lambda n: f"{n:,.0f}")
    page.across(x, (1.25, 1.5, 2, 3, 5), (y.end, y.begin), lambda factor: f"{factor:g} x")
    page.words(
        ((x.begin + x.end) / 2, y.begin + 42),
        "errors of the candidate over those of the champion",
        colour=SOFT,
        anchor="middle",
    )
    systems = (SEGUE, harm.AS_ASKED, rivals.GROWTHBOOK, "z-test at every look", harm.THRESHOLD)
    mine = [row for row in rows if row.scenario == "S8" and row.world == harm.CANARY]
    back = {(row.system, row.at): row.value for row in mine if row.what == "rolled back"}
    page.words((x.end + 12, 78), "rolled back at 1 x and 1.1 x (wrongly)", colour=SOFT)
    for place, system in enumerate(systems):
        found = {row.at or 0.0: row.value for row in mine if row.system == system and row.what != "rolled back"}
        line = [(x(at), y(value)) for at, value in sorted(found.items()) if at > 1.2 and isfinite(value)]
        _line(page, line, COLOURS[system], thick=system == SEGUE)
        top = 104.0 + 44 * place
        page.dot((x.end + 20, top - 4), COLOURS[system])
        page.words((x.end + 32, top), system, weight=600 if system == SEGUE else 400)
        wrong = " and ".join(f"{100 * back[system, at]:.1f} %" for at in (1.0, 1.1) if (system, at) in back)
        page.words((x.end + 32, top + 16), wrong, colour=SOFT)
    return page


def _line(page: Page, points: Sequence[tuple[float, float]], colour: str, *, thick: bool = True) -> None:
    for one, other in pairwise(points):
        page.stroke([one, other], colour, width=2.5 if thick else 1.5)
    for point in points:
        page.dot(point, colour, radius=4 if thick else 3)


def _key(page: Page, at: tuple[float, float], systems: dict[str, float]) -> None:
    for system, y in systems.items():
        page.dot((at[0] + 8, y - 4), COLOURS[system])
        page.words((at[0] + 20, y), system.split(" (")[0], weight=600 if system == SEGUE else 400)
    assert at[0] < WIDTH
