"""How are curves drawn: the evidence of a gate look by look, a metric week by week?"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from segue.report import words
from segue.report.gathered import Asked, Bucket, Course, Gate, Look, Unit
from segue.report.page.plots import Panel, picture
from segue.report.page.scales import Across, Tick, Up, apart, padded, round_numbers, thinned
from segue.report.page.timeline import Colours

_BAND: Final = 150.0
_STRENGTH: Final = 48.0
_GAP: Final = 18.0
_NAMES: Final = 18.0
_DATES: Final = 22.0
_COURSE: Final = 132.0
_COUNTS: Final = 26.0
_HOVERS: Final = 60
_THIN: Final = 30
_LETTER: Final = 22.0  # of a stage's name, on the canvas of a narrow picture


def evidence(gate: Gate, colour: str, name: str) -> Markup:
    """The effect with its interval, look by look, over the strength of the evidence; each stage begins anew."""
    asked = [one for one in gate.asked if one.looks]
    across = Across(asked[0].looks[0].at, asked[-1].looks[-1].at)
    ticks = across.ticks(5)
    band = Panel(across, Up(*_effects(asked), _BAND))
    band.dates(ticks, written=False)
    band.grid(_at_axis(band.up, gate.unit, 5))
    strength = Panel(across, Up(*_strengths(asked), _STRENGTH))
    strength.dates(ticks)
    harm = gate.role == "guardrail"
    first = asked[0]
    claimed = (first.bound, None) if first.side == "above" else (None, first.bound)
    band.region(claimed[0], claimed[1], "harm" if harm else "claim")
    if first.zero is not None:
        band.level(first.zero, "zero")
    band.level(first.bound, "bound")
    strength.level(0.0, "zero")
    strength.level(first.threshold, "bound")
    for value, label in ((first.threshold, f"{first.threshold:.1f}"), (0.0, "0")):
        strength.words("0", strength.up(value) + 3.5, label, "tick", anchor="end", dx=-8)
    for one in asked:
        _stretch(band, strength, one, (gate, colour))
        _begun(band, strength, one, alone=len(asked) == 1)
    strength.words("0", -5, "log e", "tick", dx=3)
    told = (
        gate.text,
        f"{gate.measured}, with its interval at each kept look, and the logarithm of the e-value. " + _last(gate),
    )
    return picture(name, told, [(_NAMES, band), (_NAMES + _BAND + _GAP, strength)], _NAMES + _BAND + _GAP + _STRENGTH + _DATES)


def _stretch(band: Panel, strength: Panel, one: Asked, drawn: tuple[Gate, str]) -> None:
    gate, colour = drawn
    x = [band.across(look.at) for look in one.looks]
    high = [(at, band.up(look.high, otherwise=-band.up.height)) for at, look in zip(x, one.looks, strict=True)]
    low = [(at, band.up(look.low, otherwise=2 * band.up.height)) for at, look in zip(x, one.looks, strict=True)]
    band.area(high, low, f"band {colour}")
    band.line(high, f"edge {colour}")
    band.line(low, f"edge {colour}")
    band.line([(at, band.up(look.estimate)) for at, look in zip(x, one.looks, strict=True)], f"line {colour}")
    strength.line([(at, strength.up(look.log_e)) for at, look in zip(x, one.looks, strict=True)], f"line {colour}")
    for index in thinned(len(one.looks), _HOVERS):
        look = one.looks[index]
        said = look_words(look, gate, one)
        band.dot(look.at, look.estimate, "hover", title=said, radius=7)
        if index == len(one.looks) - 1:
            band.dot(look.at, look.estimate, f"end {colour}", title=said)
    if one.shown_at is not None:
        kind = "shown harm" if gate.role == "guardrail" else "shown"
        at = next(look for look in one.looks if look.at == one.shown_at)
        band.moment(one.shown_at, kind)
        strength.moment(one.shown_at, kind)
        strength.dot(one.shown_at, min(at.log_e, strength.up.high), kind, title=f"shown {words.moment(one.shown_at)}", radius=4)


def _begun(band: Panel, strength: Panel, one: Asked, *, alone: bool) -> None:
    """Where a stage's evidence begins, and which stage it is where there is room for its name."""
    begin, end = band.across(one.looks[0].at), band.across(one.looks[-1].at)
    if begin > 0:
        band.moment(one.looks[0].at, "stage-edge")
        strength.moment(one.looks[0].at, "stage-edge")
    if not alone and end - begin > _LETTER * len(one.stage):
        band.words(band.across.percent(one.looks[0].at), -5, one.stage, "tick", dx=1)


def look_words(look: Look, gate: Gate, one: Asked) -> str:
    """One look in a line."""
    n = ", ".join(f"{name} {count:,}" for name, count in look.n.items())
    return (
        f"{words.moment(look.at)}, stage {one.stage}: {words.signed(look.estimate, gate.unit)}, "
        f"{words.interval(look.low, look.high, gate.unit)}; log e {look.log_e:.2f}; n {n}"
    )


def _last(gate: Gate) -> str:
    one = [asked for asked in gate.asked if asked.looks][-1]
    return f"Last look: {look_words(one.looks[-1], gate, one)}."


def _effects(asked: Sequence[Asked]) -> tuple[float, float]:
    """The part of the axis that says something: bound, zero, and the narrowest interval that came of it.

    The first intervals of every stage reach over everything; they are cut at the edge.
    """
    last = [(one, one.looks[-1], (_or(one.looks[-1].high, 1) - _or(one.looks[-1].low, -1))) for one in asked]
    narrow = min(width for _, _, width in last)
    points = [asked[0].bound, *([asked[0].zero] if asked[0].zero is not None else [])]
    for one, look, width in last:
        if width <= 4 * narrow:
            points += [it.estimate for it in one.looks[len(one.looks) // 2 :]]
            points += [look.estimate, *(end for end in (look.low, look.high) if end is not None and width <= 2 * narrow)]
    low, high = padded(points, 0.15)
    room = 0.25 * narrow
    if low < 0 <= min(points):  # a share
        return -0.05 * (high + room), high + room
    return low - room, high + room


def _or(end: float | None, otherwise: float) -> float:
    return otherwise if end is None else end


def _strengths(asked: Sequence[Asked]) -> tuple[float, float]:
    threshold = asked[0].threshold
    found = [look.log_e for one in asked for look in one.looks]
    low = max(min([*found, 0.0]), -0.8 * threshold)
    high = min(max([*found, 1.15 * threshold]), 2.0 * threshold)
    return low - 0.06 * (high - low), high


def course(one: Course, colours: Colours, span: tuple[datetime, datetime], name: str) -> Markup:
    """A metric by version over time, and below how many observations each point rests on."""
    length = timedelta(days=7 if one.bucket == "week" else 1)
    across = Across(span[0], span[1])
    up = Up(*_course_span(one), _COURSE)
    lines, counts = Panel(across, up), Panel(across, Up(0, _most(one), _COUNTS))
    ticks = across.ticks(5)
    lines.dates(ticks, written=False)
    lines.grid(_at_axis(up, one.unit, 4))
    counts.dates(ticks)
    ends: dict[str, tuple[datetime, float]] = {}
    for version, buckets in one.versions.items():
        known = [(_middle(it, length, span), it) for it in buckets]
        for run in _runs(known, length):
            lines.line([(across(at), up(it.value)) for at, it in run], f"line {colours[version]}")
        for at, it in known:
            if it.value is not None:
                thin = " thin" if it.n < _THIN else ""
                title = f"{version}, {one.bucket} of {words.day(it.at)}: {words.amount(it.value, one.unit)} from {it.n:,}"
                lines.dot(at, it.value, f"point {colours[version]}{thin}", title=title)
                ends[version] = (at, up(it.value))
    _stacked(counts, one, colours, length)
    _ends(lines, ends, colours)
    told = (
        f"{one.metric} by {one.bucket}",
        f"One line a version: {', '.join(one.versions)}. The table that follows has the same.",
    )
    return picture(name, told, [(6.0, lines), (6 + _COURSE + 10, counts)], 6 + _COURSE + 10 + _COUNTS + _DATES)


def _ends(lines: Panel, ends: Mapping[str, tuple[datetime, float]], colours: Colours) -> None:
    """The name of each version where its line ends; names that end together are moved apart, and stay in the panel."""
    together: dict[datetime, list[str]] = {}
    for version, (at, _) in ends.items():
        together.setdefault(at, []).append(version)
    for at, versions in together.items():
        places = apart([ends[version][1] for version in versions], 13.0)
        below = max(max(places) - (_COURSE - 5), 0.0)
        for version, y in zip(versions, places, strict=True):
            lines.words(lines.across.percent(at), y - below + 4, version, f"label {colours[version]}", dx=8)


def _at_axis(up: Up, unit: Unit, most: int) -> list[Tick]:
    values = round_numbers(up.low, up.high, most)
    step = words.scaled(min((b - a for a, b in pairwise(values)), default=1.0), unit)
    digits = next((count for count in range(5) if abs(step - round(step, count)) < 1e-9), 5)
    said = [f"{words.scaled(value, unit):.{digits}f}".replace("-", "−") for value in values]
    return [Tick(up(value), f"{text} {unit}".strip()) for value, text in zip(values, said, strict=True)]


def _middle(bucket: Bucket, length: timedelta, span: tuple[datetime, datetime]) -> datetime:
    """The middle of that part of a bucket that lies in the stream."""
    begin, end = max(bucket.at, span[0]), min(bucket.at + length, span[1])
    return begin + (end - begin) / 2


def _runs(known: Sequence[tuple[datetime, Bucket]], length: timedelta) -> list[list[tuple[datetime, Bucket]]]:
    """Stretches without a gap; a line is drawn through each, none from one to the next."""
    runs: list[list[tuple[datetime, Bucket]]] = []
    for at, bucket in known:
        if bucket.value is None:
            continue
        if runs and bucket.at - runs[-1][-1][1].at <= length:
            runs[-1].append((at, bucket))
        else:
            runs.append([(at, bucket)])
    return runs


def _course_span(one: Course) -> tuple[float, float]:
    buckets = [it for each in one.versions.values() for it in each if it.value is not None]
    solid = [it for it in buckets if it.n >= _THIN] or buckets
    values = [it.value for it in solid if it.value is not None] or [0.0]
    if not any(values):
        return 0.0, 0.01 if one.unit == "%" else 1.0
    low, high = padded(values, 0.12)
    return (min(0.0, low), high) if min(values) >= 0 and min(values) < 0.25 * max(values) else (low, high)


def _most(one: Course) -> int:
    return max((sum(it.n for it in group) for group in _together(one).values()), default=1) or 1


def _together(one: Course) -> dict[datetime, list[Bucket]]:
    found: dict[datetime, list[Bucket]] = {}
    for buckets in one.versions.values():
        for it in buckets:
            found.setdefault(it.at, []).append(it)
    return found


def _stacked(counts: Panel, one: Course, colours: Colours, length: timedelta) -> None:
    floor: dict[datetime, int] = {}
    inset = length / 12
    for version, buckets in one.versions.items():
        for it in buckets:
            below = floor.get(it.at, 0)
            rows = (counts.up(below + it.n), counts.up(below))
            title = f"{version}, {one.bucket} of {words.day(it.at)}: {it.n:,} {one.counted}"
            counts.bar((it.at + inset, it.at + length - inset), rows, f"count {colours[version]}", title)
            floor[it.at] = below + it.n
    counts.words("0", _COUNTS, "n", "tick", anchor="end", dx=-8)
