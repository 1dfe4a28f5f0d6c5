"""How does a report become one page?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import jinja2
import msgspec
from markupsafe import Markup

from segue.ports.audit import SEGUE
from segue.report import words
from segue.report.gathered import Asked, Course, Gate, Look, Moved, Report, Segments, Story
from segue.report.page.curves import course, evidence
from segue.report.page.scales import thinned
from segue.report.page.timeline import timeline
from segue.report.sections import Section

_HERE: Final = Path(__file__).parent
_COLOURS: Final = 6
_ROWS: Final = 24
_MOVERS: Final = {
    **dict.fromkeys(("harm", "next_stage", "release", "passed", "passed_last"), "the evidence"),
    **dict.fromkeys(("time_out_hold", "time_out_rollback"), "the time limit"),
    **dict.fromkeys(("futile_hold", "futile_rollback"), "evidence that it cannot pass"),
    "superseded": "a move from outside",
}
Gathered = tuple[Report, dict[str, str]]


class Tile(msgspec.Struct, frozen=True):
    """A gate with its picture, and what its last telling look said."""

    gate: Gate
    picture: Markup
    asked: Asked
    look: Look | None


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout with its pictures.

    Args:
        tiles: gates with evidence; `silent` those that never had any.
        ledger: gate and account -> alpha by stage.
    """

    name: str
    story: Story
    timeline: Markup
    tiles: tuple[Tile, ...]
    silent: tuple[Gate, ...]
    ledger: dict[tuple[str, str], dict[str, float]]
    stages: tuple[str, ...]


class Curve(msgspec.Struct, frozen=True):
    """A metric over time with its picture."""

    course: Course
    picture: Markup


def page(report: Report, more: Sequence[Section] = ()) -> str:
    """The page as text, whole: style and pictures are in it."""
    colours = {version.name: f"v{index % _COLOURS}" for index, version in enumerate(report.versions)}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(words=words, rows=_rows, place=_place, width=_width, sign=_sign, outcomes=_outcomes, by=_by)
    style = Markup((_HERE / "page.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    return environment.get_template("page.html.jinja").render(
        report=report,
        style=style,
        colours=colours,
        chapters=[_chapter((report, colours), story, f"r{index}") for index, story in enumerate(report.rollouts, 1)],
        curves=[
            Curve(one, course(one, colours, (report.began_at, report.ended_at), f"m{index}"))
            for index, one in enumerate(report.courses, 1)
        ],
        methods=_methods(report),
        more=more,
        unequal=[check for check in report.checks if check.equal is False],
    )


def _chapter(gathered: Gathered, story: Story, name: str) -> Chapter:
    colours = gathered[1]
    ledger: dict[tuple[str, str], dict[str, float]] = {}
    for line in story.spent:
        ledger.setdefault((line.gate, line.account), {})[line.stage] = line.alpha
    told = [gate for gate in story.gates if any(asked.looks for asked in gate.asked)]
    return Chapter(
        name=name,
        story=story,
        timeline=timeline(story, colours, name),
        tiles=tuple(_tile(gate, colours[story.candidate], f"{name}-g{index}") for index, gate in enumerate(told, 1)),
        silent=tuple(gate for gate in story.gates if gate not in told),
        ledger=ledger,
        stages=tuple(dict.fromkeys(line.stage for line in story.spent)),
    )


def _tile(gate: Gate, colour: str, name: str) -> Tile:
    """The stage that a person asks for first: where the claim was shown, else the last with evidence."""
    seen = [asked for asked in gate.asked if asked.looks]
    telling = next((asked for asked in seen if asked.shown_at is not None), seen[-1])
    return Tile(gate, evidence(gate, colour, name), telling, telling.looks[-1])


def _rows(asked: Asked) -> list[Look]:
    """The looks that the table beside a picture shows."""
    return [asked.looks[index] for index in thinned(len(asked.looks), _ROWS)]


def _place(group: Segments) -> str:
    return " × ".join(group.attributes)


def _width(table: Segments, metric: int) -> float:
    """The largest difference of a column, for the length of its bars."""
    found = [abs(it.compared[metric].difference or 0.0) for it in table.groups if it.compared[metric].enough]
    return max(found, default=0.0) or 1.0


def _sign(difference: float, better: str) -> str:
    """Whether a difference is to the good."""
    if difference == 0:
        return "same"
    return "better" if (difference > 0) == (better == "above") else "worse"


def _outcomes(moved: Moved) -> str:
    """The verdicts of a decision, counted."""
    kinds = {"pass": "passed", "fail": "failed", "not_yet": "not yet"}
    counts = {text: sum(it.outcome == kind for it in moved.verdicts) for kind, text in kinds.items()}
    return ", ".join(f"{count} {text}" for text, count in counts.items() if count)


def _by(moved: Moved) -> str:
    """Who or what moved it."""
    if moved.who != SEGUE:
        return moved.who
    return _MOVERS.get(moved.trigger, "the spec")


def _methods(report: Report) -> Sequence[tuple[str, str, str]]:
    """Every method that was used: its name, when it may be looked at, and what has to hold."""
    found = {
        (asked.method, asked.validity, "; ".join(asked.assumptions))
        for story in report.rollouts
        for gate in story.gates
        for asked in gate.asked
        if asked.method
    }
    return sorted(found)
