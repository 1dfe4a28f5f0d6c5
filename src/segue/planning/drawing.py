"""How is a plan drawn: chances over days, stages in a row, strategies side by side?

Plain SVG with classes; the page's style gives the colours. Every picture has a title and a description in words.
"""

from collections.abc import Sequence
from math import floor, log, log10
from typing import Final

import numpy as np
from markupsafe import Markup

from segue.planning.figures import percent, span
from segue.planning.gates import GatePlan
from segue.planning.plan import Alternative, StagePlan

_WIDTH: Final = 640.0
_LEFT: Final = 46.0
_RIGHT: Final = 12.0
_CHANCE: Final = 190.0
_ROW: Final = 34.0
_BAR: Final = 16.0
_NAMES: Final = 108.0
_PICTURE: Final = Markup(
    '<svg class="picture" role="img" viewBox="0 0 {width:.0f} {height:.0f}"><title>{title}</title><desc>{desc}</desc>'
    "{inside}</svg>"
)
_MARKS: Final = (1 / 1440, 10 / 1440, 1 / 24, 6 / 24, 1.0, 10.0, 100.0, 365.25, 3652.5, 36525.0)
"""Days that a logarithmic axis may begin, end and be marked at."""


def chances(gates: Sequence[GatePlan], stage: StagePlan) -> Markup:
    """The chance of having decided, day by day, for each gate of a stage."""
    drawn = [gate for gate in gates if gate.at]
    last = max(1.2 * (gate.days or gate.at[-1]) for gate in drawn)
    if stage.limit_days is not None:
        last = min(max(last, 1.1 * stage.limit_days), 3 * stage.limit_days)
    plot = _Plot(last)
    inside = [plot.grid()]
    for index, gate in enumerate(drawn):
        days = [*(day for day in gate.at if day < last), last]
        points = [(plot.x(day), plot.y(float(np.interp(day, gate.at, gate.chance)))) for day in days]
        inside.append(_line(points, f"line g{index % 6}"))
        if gate.days is not None and gate.days <= last:
            said = f"{gate.text}: {percent(gate.power)} by {span(gate.days)}"
            inside.append(_dot(plot.x(gate.days), plot.y(gate.power), f"dot g{index % 6}", said))
    if stage.limit_days is not None:
        x = plot.x(stage.limit_days)
        inside += [_rule(x, "limit"), _text(x - 6, _CHANCE - 8, f"limit: {stage.then}", "mark", anchor="end")]
    desc = "; ".join(
        f"{gate.text}: half of the cases by {span(gate.days_half)}, {percent(gate.power)} by {span(gate.days)}"
        for gate in drawn
    )
    return _picture(_CHANCE + 32, f"Chance of a decision in stage {stage.name}", desc, inside)


def strategies(found: Sequence[Alternative]) -> Markup:
    """How long one gate takes under each strategy, on a logarithmic axis; a line each."""
    days = [one.days for one in found if one.days]
    low = max((mark for mark in _MARKS if mark < 0.9 * min(days)), default=min(days) / 10)
    high = min((mark for mark in _MARKS if mark > max(days)), default=max(days) * 2)
    width, bottom = _WIDTH - _NAMES - 74, len(found) * _ROW * 0.8

    def x(value: float) -> float:
        return _NAMES + width * log(value / low) / log(high / low)

    inside = []
    for mark in (mark for mark in _MARKS if low <= mark <= high):
        line = Markup('<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1:.0f}"/>')
        inside += [line.format(x(mark), bottom), _text(x(mark), bottom + 15, span(mark), "tick", anchor="middle")]
    for row, one in enumerate(found):
        y = row * _ROW * 0.8 + 5
        inside.append(_text(_NAMES - 10, y + 12, one.strategy, "name", anchor="end"))
        if one.days:
            bar = Markup('<rect class="bar" x="{}" y="{:.1f}" width="{:.1f}" height="{}" rx="2"/>')
            inside.append(bar.format(_NAMES, y, max(x(one.days) - _NAMES, 1.0), _BAR))
            inside.append(_text(x(one.days) + 6, y + 12, span(one.days), "value", anchor="start"))
        else:
            inside.append(_text(_NAMES + 6, y + 12, "cannot answer it" if one.why_not else "never", "quiet", anchor="start"))
    desc = "; ".join(f"{one.strategy}: {span(one.days) if one.days else one.why_not or 'never'}" for one in found)
    return _picture(bottom + 22, f"{found[0].gate}, by strategy", desc, inside)


def stages(found: Sequence[StagePlan]) -> Markup:
    """The stages one after another, each as long as it takes; a limit that comes first cuts it."""
    ends: list[tuple[StagePlan, float, float]] = []
    now = 0.0
    for stage in found:
        length = stage.days or 0.0
        ends.append((stage, now, now + length))
        now += length
    width, inside = _WIDTH - _NAMES - 84, []
    for row, (stage, begin, end) in enumerate(ends):
        y = row * _ROW + 8
        x0, x1 = (_NAMES + width * day / (now or 1.0) for day in (begin, end))
        late = stage.limit_days is not None and stage.days is not None and stage.days > stage.limit_days
        inside.append(_text(_NAMES - 12, y + 13, stage.name, "name", anchor="end"))
        box = Markup('<rect class="stage{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" rx="3"/>')
        inside.append(box.format(" late" if late else "", x0, y, max(x1 - x0, 2.0), _BAR + 2))
        if late and stage.limit_days is not None:
            cut = x0 + (x1 - x0) * stage.limit_days / (end - begin)
            rule = Markup('<line class="limit" x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}"/>')
            inside.append(rule.format(cut, y - 5, y + _BAR + 7))
        inside.append(_text(x1 + 7, y + 13, span(stage.days), "value", anchor="start"))
    desc = "; ".join(f"{stage.name}: {span(stage.days)}" for stage in found)
    return _picture(len(found) * _ROW + 4, "The stages and how long they take", desc, inside)


class _Plot:
    # Days from left to right, chances from 0 to 1 upwards.
    def __init__(self, last: float) -> None:
        self.last = last

    def x(self, days: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * days / self.last

    def y(self, chance: float) -> float:
        return _CHANCE - (_CHANCE - 8) * chance

    def grid(self) -> Markup:
        parts = []
        for chance in (0.0, 0.25, 0.5, 0.8, 1.0):
            line = Markup('<line class="grid{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
            heavy = " aim" if chance == 0.8 else ""
            parts.append(line.format(heavy, _LEFT, _WIDTH - _RIGHT, self.y(chance), self.y(chance)))
            parts.append(_text(_LEFT - 8, self.y(chance) + 4, f"{100 * chance:.0f} %", "tick", anchor="end"))
        unit, length = next(
            (unit, length)
            for unit, length in (("days", 1.0), ("hours", 1 / 24), ("minutes", 1 / 1440))
            if self.last >= 2 * length or unit == "minutes"
        )
        step = _round(self.last / length / 6)
        for index in range(int(self.last / length / step) + 1):
            x = self.x(index * step * length)
            anchor = "start" if index == 0 else "middle"
            parts.append(
                _text(x, _CHANCE + 17, f"{index * step:g}" + (f" {unit}" if index == 0 else ""), "tick", anchor=anchor)
            )
        return Markup().join(parts)


def _round(raw: float) -> float:
    power = 10.0 ** floor(log10(raw))
    return next(nice * power for nice in (1.0, 2.0, 5.0, 10.0) if nice * power >= raw * (1 - 1e-9))


def _picture(height: float, title: str, desc: str, inside: Sequence[Markup]) -> Markup:
    return _PICTURE.format(width=_WIDTH, height=height, title=title, desc=desc, inside=Markup().join(inside))


def _line(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return Markup('<path class="{}" d="{}"/>').format(kind, path)


def _rule(x: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="0" y2="{}"/>').format(kind, x, x, _CHANCE)


def _dot(x: float, y: float, kind: str, title: str) -> Markup:
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(kind, x, y, title)


def _text(x: float, y: float, text: str, kind: str, *, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, text)
