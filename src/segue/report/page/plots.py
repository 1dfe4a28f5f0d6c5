"""How are lines, bands, steps, bars and marks drawn, so that they are sharp at any width?

Shapes lie on a canvas 1000 wide that is stretched to the width of the page, with strokes that do not stretch. Everything that
must not stretch (text, dots) stands outside it, at a percentage of the width. So one picture fits a phone, a wide screen
and paper, without a script.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from markupsafe import Markup

from segue.report.page.scales import WIDTH, Across, Tick, Up

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

_PANEL = Markup('<svg class="panel" y="{top}" width="100%" height="{height}">{under}{canvas}{over}</svg>')
_CANVAS = Markup(
    '<svg class="canvas" viewBox="0 0 {width} {height}" preserveAspectRatio="none" width="100%" height="{height}">'
    "{shapes}</svg>"
)
_PICTURE = Markup(
    '<svg class="picture" role="img" aria-labelledby="{id}-t {id}-d" width="100%" height="{height}">'
    '<title id="{id}-t">{title}</title><desc id="{id}-d">{desc}</desc>{panels}</svg>'
)


class Panel:
    """One pair of axes.

    Args:
        across: the time axis, shared by the panels of a picture.
        up: the other one; its height is the panel's.
    """

    def __init__(self, across: Across, up: Up) -> None:
        self.across, self.up = across, up
        self._under: list[Markup] = []
        self._shapes: list[Markup] = []
        self._over: list[Markup] = []

    def level(self, value: float, kind: str) -> None:
        """A horizontal line at a value, where it lies on the panel."""
        if self.up.holds(value):
            line = Markup('<line class="{}" x1="0" x2="100%" y1="{:.1f}" y2="{:.1f}"/>')
            self._under.append(line.format(kind, self.up(value), self.up(value)))

    def region(self, low: float | None, high: float | None, kind: str) -> None:
        """Everything between two values; None for the edge of the panel."""
        top = max(self.up(high, otherwise=0.0), 0.0)
        bottom = min(self.up(low, otherwise=self.up.height), self.up.height)
        if bottom > top:
            box = Markup('<rect class="{}" x="0" width="100%" y="{:.1f}" height="{:.1f}"/>')
            self._under.append(box.format(kind, top, bottom - top))

    def moment(self, at: datetime, kind: str) -> None:
        """A vertical line over the whole height."""
        place = self.across.percent(at)
        line = Markup('<line class="{}" x1="{}" x2="{}" y1="0" y2="{}"/>')
        self._under.append(line.format(kind, place, place, f"{self.up.height:.0f}"))

    def line(self, points: Sequence[Point], kind: str) -> None:
        """A line through places on the canvas."""
        if len(points) > 1:
            self._shapes.append(Markup('<path class="{}" d="{}"/>').format(kind, _path(points)))

    def area(self, upper: Sequence[Point], lower: Sequence[Point], kind: str) -> None:
        """What lies between two lines."""
        if len(upper) > 1:
            outline = _path([*upper, *reversed(lower)]) + "Z"
            self._shapes.append(Markup('<path class="{}" d="{}"/>').format(kind, outline))

    def dot(self, at: datetime, value: float, kind: str, *, title: str = "", radius: float = 3.0) -> None:
        """A round mark, with what is said when it is pointed at."""
        if self.up.holds(value):
            told = Markup("<title>{}</title>").format(title) if title else ""
            circle = Markup('<circle class="{}" cx="{}" cy="{:.1f}" r="{}">{}</circle>')
            self._over.append(circle.format(kind, self.across.percent(at), self.up(value), radius, told))

    def bar(self, span: tuple[datetime, datetime], rows: tuple[float, float], kind: str, title: str = "") -> None:
        """A bar from one moment to another, between two distances from the top in pixels."""
        begin, end = (self.across(at) / WIDTH * 100 for at in span)
        told = Markup("<title>{}</title>").format(title) if title else ""
        box = Markup('<rect class="{}" x="{:.2f}%" width="{:.2f}%" y="{:.1f}" height="{:.1f}" rx="2">{}</rect>')
        self._over.append(box.format(kind, begin, max(end - begin, 0.1), rows[0], rows[1] - rows[0], told))

    def words(self, place: str, y: float, text: str, kind: str = "", *, anchor: Anchor = "start", dx: float = 0.0) -> None:
        """Text at a percentage from the left and pixels from the top."""
        said = Markup('<text class="{}" x="{}" y="{:.1f}" dx="{}" text-anchor="{}">{}</text>')
        self._over.append(said.format(kind, place, y, dx, anchor, text))

    def badge(self, at: datetime, y: float, text: str, href: str) -> None:
        """A small round label that leads to a place on the page."""
        link = Markup('<a href="{}" class="badge"><circle cx="{}" cy="{}" r="9"/><text x="{}" y="{}" dy="3.5">{}</text></a>')
        place = self.across.percent(at)
        self._over.append(link.format(href, place, y, place, y, text))

    def grid(self, ticks: Sequence[Tick]) -> None:
        """Lines across with what is written at the left."""
        for tick in ticks:
            line = Markup('<line class="grid" x1="0" x2="100%" y1="{:.1f}" y2="{:.1f}"/>')
            self._under.insert(0, line.format(tick.at, tick.at))
            self.words("0", tick.at + 3.5, tick.label, "tick", anchor="end", dx=-8)

    def dates(self, ticks: Sequence[Tick], *, written: bool = True) -> None:
        """Short strokes below the panel with their dates; where there is little room, every other one is written."""
        for number, tick in enumerate(ticks):
            place = f"{tick.at / WIDTH * 100:.2f}%"
            stroke = Markup('<line class="grid" x1="{}" x2="{}" y1="0" y2="{}"/>')
            self._under.insert(0, stroke.format(place, place, f"{self.up.height:.0f}"))
            if written:
                edge: Anchor = "start" if tick.at < 0.02 * WIDTH else "end" if tick.at > 0.95 * WIDTH else "middle"
                kind = "tick other" if number % 2 and len(ticks) > 3 else "tick"
                self.words(place, self.up.height + 15, tick.label, kind, anchor=edge)

    def drawn(self, top: float) -> Markup:
        """The panel at a distance from the top of its picture."""
        height = f"{self.up.height:.0f}"
        canvas = _CANVAS.format(width=f"{WIDTH:.0f}", height=height, shapes=Markup().join(self._shapes))
        under, over = Markup().join(self._under), Markup().join(self._over)
        return _PANEL.format(top=f"{top:.0f}", height=height, under=under, canvas=canvas, over=over)


def picture(name: str, words: tuple[str, str], panels: Sequence[tuple[float, Panel]], height: float) -> Markup:
    """Panels, each at its distance from the top, with a title and a description for those who cannot see them."""
    title, desc = words
    drawn = Markup().join(panel.drawn(top) for top, panel in panels)
    return _PICTURE.format(id=name, height=f"{height:.0f}", title=title, desc=desc, panels=drawn)


def steps(points: Sequence[Point], end: float) -> list[Point]:
    """A line that stays where it is until the next point, and then until the end."""
    found: list[Point] = []
    for index, (x, y) in enumerate(points):
        until = points[index + 1][0] if index + 1 < len(points) else end
        found += [(x, y), (until, y)]
    return found


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
