"""How are simulated rollouts drawn: where they ended, and when?"""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from segue.planning.figures import percent, span
from segue.simulate.tally import Tally

_WIDTH: Final = 860.0
_NAMES: Final = 92.0
_ROW: Final = 30.0
_BAR: Final = 18.0
_ENDS: Final = ("promoted", "open", "held", "timed_out", "rolled_back")
_SAID: Final = {
    "promoted": "promoted", "open": "still open", "held": "held", "timed_out": "out of time", "rolled_back": "rolled back",
}  # fmt: skip
_PLOT: Final = 190.0
_LEFT: Final = 46.0


def ends(tallies: Sequence[Tally]) -> Markup:
    """A bar a world: how many were promoted, left open, held, out of time and rolled back."""
    inside, width = [], _WIDTH - _NAMES - 8
    for row, tally in enumerate(tallies):
        y, x = row * _ROW + 4, _NAMES
        inside.append(_text(_NAMES - 10, y + 13, tally.world.name, "name", anchor="end"))
        for end in _ENDS:
            share = getattr(tally, end).share
            if share:
                box = Markup('<rect class="end {}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}: {}</title></rect>')
                inside.append(box.format(end, x, y, width * share, _BAR, _SAID[end], percent(share)))
                x += width * share
    desc = "; ".join(f"{it.world.name}: {percent(it.promoted.share)} promoted" for it in tallies)
    return _picture(len(tallies) * _ROW + 6, "Where the rollouts ended", desc, inside)


def over_time(tallies: Sequence[Tally], days: float) -> Markup:
    """The share of rollouts that were promoted by each day, a line a world in which that is right."""
    right = [it for it in tallies if it.world.right == "promote" and it.promoted_at]
    inside = [_grid(days)]
    for index, tally in enumerate(right):
        points, before = [(0.0, 0.0)], 0.0
        for place, day in enumerate(tally.promoted_at, start=1):
            points += [(day, before), (day, place / tally.runs)]
            before = place / tally.runs
        points.append((days, before))
        path = "M" + "L".join(f"{_x(day, days):.1f} {_y(share):.1f}" for day, share in points)
        line = Markup('<path class="line g{}" d="{}"><title>{}</title></path>')
        inside.append(line.format(index % 6, path, tally.world.name))
    desc = "; ".join(f"{it.world.name}: half by {span(it.days)}" for it in right)
    return _picture(_PLOT + 30, "Promoted by which day, where that is right", desc, inside)


def _x(day: float, days: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - 12) * min(day / days, 1.0)


def _y(share: float) -> float:
    return _PLOT - (_PLOT - 8) * share


def _grid(days: float) -> Markup:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        line = Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
        parts.append(line.format(_LEFT, _WIDTH - 12, _y(share), _y(share)))
        parts.append(_text(_LEFT - 8, _y(share) + 4, f"{100 * share:.0f} %", "tick", anchor="end"))
    for part in range(7):
        day = days * part / 6
        parts.append(_text(_x(day, days), _PLOT + 18, f"{day:.3g}" + " days" * (part == 0), "tick", anchor="middle"))
    return Markup().join(parts)


def _picture(height: float, title: str, desc: str, inside: Sequence[Markup]) -> Markup:
    frame = Markup('<svg class="picture" role="img" viewBox="0 0 {:.0f} {:.0f}"><title>{}</title><desc>{}</desc>{}</svg>')
    return frame.format(_WIDTH, height, title, desc, Markup().join(inside))


def _text(x: float, y: float, text: str, kind: str, *, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, text)
