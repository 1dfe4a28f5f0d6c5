"""What did rollouts show? One page for people, the same content as JSON for programs.

`gather` reads store, registry and lake and computes nothing anew; `to_html` and `to_json` only say what it found. The page is
one file: no script, no font, no picture from elsewhere.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from segue import __version__
from segue.decide.allocate import model_of
from segue.monitor.outside import Outside
from segue.report import headline, words
from segue.report.counts import Recorded, checks, recorded
from segue.report.gates import gates
from segue.report.gathered import AliasMoved, Report, Story, Told, Version
from segue.report.metrics import Sides, Tally, courses, segments, tallies
from segue.report.page.page import page
from segue.report.sections import Section
from segue.report.walks import Walk, moved, shares, spans, spent
from segue.spec.load import load

HTML: Final = "report.html"
JSON: Final = "report.json"


def gather(outside: Outside, rollouts: Sequence[str], told: Told) -> Report:
    """Everything that a report says.

    Args:
        outside: where it is read; the record whole: what is still in a journal is missing from it.
        rollouts: ids in the order that they began, at least one; all of one route.
        told: what the caller counted, by version as people say it (`v8`).

    Raises:
        NotFound: no such rollout.
        PortError: store, registry or lake did not answer.
    """
    walks = [_walk(outside, rollout, told.ended_at) for rollout in rollouts]
    return _gathered(outside, walks, told, recorded(outside.lake, outside.engine, walks[0].spec.route))


def _gathered(outside: Outside, walks: Sequence[Walk], told: Told, record: Recorded) -> Report:
    tallied = [tallies(outside.summaries, _sides(walk)) for walk in walks]
    stories = tuple(_story(walk, parts, record) for walk, parts in zip(walks, tallied, strict=True))
    versions = _versions(outside, walks, record)
    books = checks(told, record)
    names = tuple(version.name for version in versions)
    kept = sum(len(walk.decisions) for walk in walks)
    return Report(
        route=walks[0].spec.route,
        headline=tuple(story.sentence for story in stories),
        service=headline.service(told, len(stories), agreed=all(check.equal is not False for check in books)),
        began_at=told.began_at,
        ended_at=told.ended_at,
        told=told,
        numbers=headline.numbers(
            told, (record.rows, record.outcomes, record.joined), (kept, sum(len(story.moved) for story in stories))
        ),
        versions=versions,
        rollouts=stories,
        courses=courses([tally for parts in tallied for tally in parts], names, told.ended_at - told.began_at),
        checks=books,
        aliases=tuple(
            AliasMoved(
                at=it.at,
                alias=it.alias,
                before=words.version_name(it.before) if it.before else "",
                after=words.version_name(it.after),
                who=it.who,
                why=it.why,
            )
            for it in walks[-1].moves
        ),
        program=__version__,
    )


def of_rollout(outside: Outside, rollout: str) -> Report:
    """What the record says of one rollout, where no caller counted beside it.

    Raises:
        NotFound: no such rollout.
        PortError: store, registry or lake did not answer.
    """
    walk = _walk(outside, rollout, outside.clock.now())
    walk = msgspec.structs.replace(walk, until=walk.ended_at)
    began_at, ended_at = walk.state.created_at, walk.ended_at
    told = Told(requests=0, answers={}, outcomes=0, failures={}, wall_s=0.0, began_at=began_at, ended_at=ended_at)
    record = recorded(outside.lake, outside.engine, walk.spec.route)
    found = _gathered(outside, [walk], told, record)
    alone = msgspec.structs.replace(told, requests=record.requests, answers=record.answers, outcomes=record.outcomes)
    asked, answered = words.many(record.requests, "request"), words.counted(record.answered)
    return msgspec.structs.replace(
        found,
        told=alone,
        checks=(),
        service=f"{asked} of the route were recorded, {answered} of them answered with a 200.",
        numbers=tuple(it for it in found.numbers if it.label not in {"requests answered", "requests failed", "streamed"}),
    )


def to_json(report: Report) -> bytes:
    """The report as JSON, in the shape of `reporting.gathered.Report`."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"


def to_html(report: Report, more: Sequence[Section] = ()) -> str:
    """The report as one page, with further sections behind its own."""
    return page(report, more)


def write(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write `report.html` and `report.json`; where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    html, json = folder / HTML, folder / JSON
    html.write_text(to_html(report), encoding="utf-8")
    json.write_bytes(to_json(report))
    return html, json


def _walk(outside: Outside, rollout: str, until: datetime) -> Walk:
    loaded = outside.rollouts.load(rollout)
    spec = load(loaded.source)
    model = model_of(spec.variants[spec.candidates[0]].version)
    return Walk(
        spec=spec,
        state=loaded.state,
        decisions=tuple(outside.rollouts.decisions(rollout)),
        allocations=tuple(outside.allocations.allocations(spec.route)),
        moves=tuple(outside.registry.moves(model)),
        until=until,
    )


def _sides(walk: Walk) -> Sides:
    stages = {it.number: it.stage for it in walk.allocations if it.rollout == walk.state.rollout}
    return Sides(rollout=walk.state.rollout, spec=walk.spec, versions=walk.versions, stages=stages)


def _story(walk: Walk, tallied: Sequence[Tally], record: Recorded) -> Story:
    rollout = walk.state.rollout
    served = record.served.get(rollout, {}).get(walk.candidate, 0)
    budget = walk.spec.error_budget
    return Story(
        rollout=rollout,
        candidate=walk.candidate,
        champion=walk.champion,
        phase=walk.state.phase,
        sentence=headline.sentence(walk, served),
        began_at=walk.state.created_at,
        ended_at=walk.ended_at,
        attempt=walk.state.attempt,
        looks=len(walk.decisions),
        served=served,
        spans=spans(walk),
        shares=shares(walk),
        seen=record.days.get(rollout, ()),
        moved=moved(walk),
        gates=gates(walk),
        segments=segments(tallied, _sides(walk)),
        budget={"false_promotion": budget.false_promotion, "false_rollback": budget.false_rollback},
        spent=spent(walk.state.ledger),
    )


def _versions(outside: Outside, walks: Sequence[Walk], record: Recorded) -> tuple[Version, ...]:
    model = model_of(walks[0].spec.variants[walks[0].spec.candidates[0]].version)
    about = {words.version_name(it.version): it.tags.get("about", "") for it in outside.registry.versions(model)}
    names = dict.fromkeys(name for walk in walks for name in (walk.champion, walk.candidate))
    return tuple(
        Version(
            name=name,
            about=about.get(name, ""),
            answers=record.answers.get(name, 0),
            shadows=record.shadows.get(name, 0),
            failures=record.failures.get(name, 0),
        )
        for name in names
    )
