"""How is a rollout drawn: its stages, its decisions, and who answered which share?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from markupsafe import Markup

from segue.report import words
from segue.report.gathered import Shares, Span, Story
from segue.report.page.plots import Panel, Point, picture, steps
from segue.report.page.scales import WIDTH, Across, Up

_ROW: Final = 28.0
_BADGES: Final = 26.0
_TRAFFIC: Final = 96.0
_DATES: Final = 22.0
_LONGEST: Final = 12
Colours = dict[str, str]
"""Version -> class of its colour."""


def timeline(story: Story, colours: Colours, name: str) -> Markup:
    """Stages as bars, decisions as numbered marks, and below them who answered which share."""
    across = Across(story.began_at, story.ended_at + (story.ended_at - story.began_at) * 0.04)
    stages = list(dict.fromkeys(span.stage for span in story.spans))
    bars = Panel(across, Up(0, 1, _BADGES + _ROW * len(stages)))
    ticks = across.ticks()
    bars.dates(ticks, written=False)
    _stages(bars, story, stages, colours)
    traffic = _traffic(story, across, colours)
    traffic.dates(ticks)
    _marks(bars, traffic, story, name)
    top = bars.up.height + 14
    told = "; ".join(_stage_words(story, stage) for stage in stages)
    desc = f"Stages: {told}. Below: the share of the units that each version answered. The table that follows has the same."
    return picture(name, (f"Timeline of rollout {story.rollout}", desc), [(0.0, bars), (top, traffic)], top + _TRAFFIC + _DATES)


def _stages(bars: Panel, story: Story, stages: Sequence[str], colours: Colours) -> None:
    for row, stage in enumerate(stages):
        top = _BADGES + row * _ROW
        bars.words("0", top + _ROW / 2 + 4, _short(stage), "stage", anchor="end", dx=-8)
        mine = [span for span in story.spans if span.stage == stage]
        for span in mine:
            title = f"{stage}: {span.phase.replace('_', ' ')}, {words.moment(span.began_at)} to {words.moment(span.ended_at)}"
            kind = f"bar {colours.get(story.candidate, '')} is-{span.phase} as-{span.strategy}"
            bars.bar((span.began_at, span.ended_at), (top + 6, top + _ROW - 6), kind, title)
        _length(bars, mine, top + _ROW / 2 + 4)


def _length(bars: Panel, mine: Sequence[Span], y: float) -> None:
    """How long it took, where there is room: behind the bar, before it, or in it."""
    span = (mine[0].began_at, mine[-1].ended_at)
    text = words.lasted(span[1] - span[0])
    if bars.across(span[1]) < 0.72 * WIDTH:
        bars.words(bars.across.percent(span[1]), y, text, "length", dx=7)
    elif bars.across(span[0]) > 0.28 * WIDTH:
        bars.words(bars.across.percent(span[0]), y, text, "length", anchor="end", dx=-7)
    else:
        bars.words(bars.across.percent(span[0]), y, text, f"length inside as-{mine[0].strategy}", dx=8)


def _stage_words(story: Story, stage: str) -> str:
    mine = [span for span in story.spans if span.stage == stage]
    return f"{stage} from {words.moment(mine[0].began_at)} to {words.moment(mine[-1].ended_at)}"


def _marks(bars: Panel, traffic: Panel, story: Story, name: str) -> None:
    """A line through both panels for each decision; numbers that would touch stand together."""
    clusters: list[list[tuple[datetime, int]]] = []
    for one in story.moved:
        kind = f"mark is-{one.kind}"
        bars.moment(one.at, kind)
        traffic.moment(one.at, kind)
        if clusters and bars.across(one.at) - bars.across(clusters[-1][-1][0]) < 0.045 * WIDTH:
            clusters[-1].append((one.at, one.number))
        else:
            clusters.append([(one.at, one.number)])
    for cluster in clusters:
        at = cluster[0][0] + (cluster[-1][0] - cluster[0][0]) / 2
        text = str(cluster[0][1]) if len(cluster) == 1 else "…"
        bars.badge(at, 11, text, f"#{name}-d{cluster[0][1]}")


def _traffic(story: Story, across: Across, colours: Colours) -> Panel:
    panel = Panel(across, Up(0, 1, _TRAFFIC))
    panel.grid(panel.up.ticks(lambda share: f"{100 * share:.0f} %", 2))
    order = [story.candidate, *(name for name in _served(story.shares) if name != story.candidate)]
    floor = [(across(step.at), 0.0) for step in story.shares]
    for name in order:
        top = [(x, below + step.served.get(name, 0.0)) for (x, below), step in zip(floor, story.shares, strict=True)]
        kind = colours.get(name, "")
        upper, lower = _raised(panel, top), _raised(panel, floor)
        panel.area(upper, lower, f"share {kind}")
        if name == story.candidate:
            panel.line(upper, f"line {kind}")
        floor = top
    for seen in story.seen:
        share = seen.served.get(story.candidate, 0.0)
        if share > 0:
            title = f"{words.day(seen.at)}: {story.candidate} gave {words.percent(share, 3)} of {seen.answers:,} answers"
            panel.dot(seen.at, share, f"seen {colours.get(story.candidate, '')}", title=title, radius=2.5)
    return panel


def _served(shares: Sequence[Shares]) -> list[str]:
    return list(dict.fromkeys(name for step in shares for name in step.served))


def _raised(panel: Panel, points: Sequence[Point]) -> list[Point]:
    return steps([(x, panel.up(share)) for x, share in points], WIDTH)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
