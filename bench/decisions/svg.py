"""How is a picture drawn that stands in a page by itself?

Plain SVG of fixed size on a white ground: it looks the same wherever the page is shown, and nothing is needed to draw it.
"""

from collections.abc import Callable, Sequence
from html import escape
from math import log10
from typing import Final, Literal, NamedTuple

WIDTH: Final = 860
INK: Final = "#1f2933"
SOFT: Final = "#52606d"
GRID: Final = "#e4e7eb"
Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


class Axis(NamedTuple):
    """Numbers between two places on the page, evenly or by their logarithm."""

    low: float
    high: float
    begin: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Where a value lies.

        >>> Axis(1, 100, 0, 10, logarithmic=True)(10)
        5.0
        """
        low, high, at = (log10(x) if self.logarithmic else x for x in (self.low, self.high, value))
        return self.begin + (at - low) / (high - low) * (self.end - self.begin)


class Page:
    """What is drawn, in order.

    Args:
        height: in pixels.
        title: one line above the picture.
        told: a description for those who cannot see it.
    """

    def __init__(self, height: int, title: str, told: str) -> None:
        self._height, self._title, self._told = height, title, told
        self._parts: list[str] = []
        self.words((20, 28), title, size=16, weight=600)

    def words(
        self, at: Point, text: str, *, size: int = 12, weight: int = 400, colour: str = INK, anchor: Anchor = "start"
    ) -> None:
        """A line of text."""
        place = f'x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}"'
        self._parts.append(f'<text {place} text-anchor="{anchor}">{escape(text)}</text>')

    def stroke(self, points: Sequence[Point], colour: str, *, width: float = 2.0, dashed: bool = False) -> None:
        """A line through places."""
        path = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>')

    def dot(self, at: Point, colour: str, *, radius: float = 4.0, hollow: bool = False) -> None:
        """A round mark."""
        fill, ring = ("#ffffff", colour) if hollow else (colour, "#ffffff")
        place = f'cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}"'
        self._parts.append(f'<circle {place} fill="{fill}" stroke="{ring}" stroke-width="1.5"/>')

    def box(self, at: Point, size: Point, colour: str) -> None:
        """A filled rectangle."""
        place = f'x="{at[0]:.1f}" y="{at[1]:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"'
        self._parts.append(f'<rect {place} rx="3" fill="{colour}"/>')

    def across(self, axis: Axis, ticks: Sequence[float], span: tuple[float, float], say: Callable[[float], str]) -> None:
        """Vertical lines with their numbers below, over the rows of a panel from top to bottom."""
        for tick in ticks:
            self.stroke([(axis(tick), span[0]), (axis(tick), span[1])], GRID, width=1)
            self.words((axis(tick), span[1] + 18), say(tick), colour=SOFT, anchor="middle")

    def up(self, axis: Axis, ticks: Sequence[float], span: tuple[float, float], say: Callable[[float], str]) -> None:
        """Horizontal lines with their numbers at the left."""
        for tick in ticks:
            self.stroke([(span[0], axis(tick)), (span[1], axis(tick))], GRID, width=1)
            self.words((span[0] - 8, axis(tick) + 4), say(tick), colour=SOFT, anchor="end")

    def __str__(self) -> str:
        """The whole file."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" width="{WIDTH}" role="img"'
        font = 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"'
        ground = f'<rect width="{WIDTH}" height="{self._height}" fill="#ffffff"/>'
        about = f"<title>{escape(self._title)}</title><desc>{escape(self._told)}</desc>"
        return "\n".join([f"{head} {font}>", about, ground, *self._parts, "</svg>", ""])
