"""What else do the data say of a rollout: drift from training, agreement of the versions, segments where they differ?"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from markupsafe import Markup

from segue.decide.allocate import model_of
from segue.errors import DomainError
from segue.evidence.drift.columns import as_trained, compared
from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.drift.profile import Profile
from segue.facts.merging import merge
from segue.facts.summary import ScoreTable, Summary
from segue.measure.drift.served import of_requests
from segue.measure.expressions import quoted
from segue.measure.kinds.models.scores import reliability
from segue.measure.sql import filled
from segue.monitor.carrying import tally
from segue.monitor.outside import Outside
from segue.monitor.telling.comparing import disagreeing, segments
from segue.ports.engine import Engine
from segue.ports.store import Loaded
from segue.report.words import signed, version_name
from segue.spec.load import load
from segue.spec.rollout import Rollout

_DAY: Final = """CAST(epoch_us("at") // 86400000000 AS VARCHAR)"""
_AGREEMENT: Final = """
SELECT epoch_us(r."at") // 86400000000 AS day, count(*), count(*) FILTER (r.label = s.label), corr(r.score, s.score)
FROM predictions r JOIN predictions s ON s.request_id = r.request_id AND s.role = 'shadow' AND s.rollout = $rollout
WHERE r.role = 'served' AND r.rollout = $rollout AND r.label IS NOT NULL AND s.label IS NOT NULL GROUP BY day ORDER BY day
"""
_SHOWN: Final = 12
_BINS: Final = 15
_SCORED: Final = frozenset({"roc_auc", "gini", "average_precision", "ece", "mce", "calibration_bias", "lift", "gain"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LINE: Final = Markup(
    '<svg class="spark" viewBox="0 0 100 22" width="160" height="22" preserveAspectRatio="none" role="img" aria-label="{said}">'
    '<polyline points="{points}" fill="none" stroke="currentColor" vector-effect="non-scaling-stroke"/></svg>'
)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table with pictures.

    Args:
        name: of its place on the page.
        heads: of the columns; `rows` have as many cells, of which some are pictures.
    """

    name: str
    title: str
    note: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str | Markup, ...], ...]

    def numeric(self, column: int) -> bool:
        """Whether a column holds numbers, which stand under one another at their right ends."""
        return column > 0 and not any(isinstance(row[column], Markup) for row in self.rows)


def sections(outside: Outside, loaded: Loaded) -> tuple[Section, ...]:
    """All that can be said; what nothing is known of is left out.

    Raises:
        Unavailable: lake, engine or store did not answer.
    """
    spec = load(loaded.source)
    shown = (_drift(outside, loaded, spec), _agreement(outside, loaded), _apart(outside, loaded))
    made = (*shown, _calibration(outside, loaded, spec), *_segments(outside, loaded, spec))
    return tuple(section for section in made if section is not None and section.rows)


def _drift(outside: Outside, loaded: Loaded, spec: Rollout) -> Section | None:
    state = loaded.state
    model, version = model_of(spec.variants[spec.candidates[0]].version), state.candidate_version
    profile = outside.profiles.profile(model, version) if outside.profiles is not None and version else None
    if profile is None:
        return None
    statement = of_requests(profile, arm=_DAY, where=f"rollout = {quoted(state.rollout)}")
    days: defaultdict[int, list[Bins]] = defaultdict(list)
    for _, arm in statement.read(tally(_bound(outside, state.route), statement.tally)):
        day = msgspec.structs.replace(arm, arm="now")
        days[int(arm.arm)].append(Bins(profile="", columns=statement.columns, arms=(day,)))
    if not days:
        return None
    by_day = {day: _merged(parts) for day, parts in sorted(days.items())}
    whole = _merged([Bins(profile="", columns=statement.columns, arms=(arm,)) for arm in by_day.values()])
    features = msgspec.structs.replace(profile, label=None, score=None)
    daily = [_psi(features, arm) for arm in by_day.values()]
    rows = []
    for moved in sorted(compared(features, as_trained(features), whole), key=lambda it: -it.value):
        if moved.statistic.startswith("psi["):
            course = [values.get(moved.column, 0.0) for values in daily]
            expected = 0.0 if moved.expected is None else moved.expected
            chance = "" if moved.q_value is None else f"{moved.q_value:.2g}"
            rows.append((moved.column, f"{moved.value:.4f}", f"{expected:.4f}", chance, f"{moved.current:,}", line(course)))
    note = f"Features of all requests of the rollout, in the bins of {model}/{version}; the line is the index of each day."
    heads = ("feature", "psi", "with no drift", "q", "requests", "day by day")
    return Section(name="drift", title="Drift from training", note=note, heads=heads, rows=tuple(rows))


def _agreement(outside: Outside, loaded: Loaded) -> Section:
    sql = filled(_AGREEMENT, rollout=quoted(loaded.state.rollout))
    rows_of: Sequence[tuple[Any, ...]] = _bound(outside, loaded.state.route).run(sql)
    found = [(int(day), int(n), int(same), together) for day, n, same, together in rows_of]
    rows = [
        (
            f"{_EPOCH + timedelta(days=day):%d %b %Y}",
            f"{n:,}",
            f"{100 * same / n:.2f} %",
            _bar(same / n),
            "" if together is None or together != together else f"{together:.3f}",  # noqa: PLR0124 - NaN where a score is constant
        )
        for day, n, same, together in found
    ]
    note = "Requests that both versions answered: the same label, and the correlation of their scores."
    heads = ("day", "requests", "same label", "", "correlation")
    return Section(name="agreement", title="Agreement", note=note, heads=heads, rows=tuple(rows))


def _segments(outside: Outside, loaded: Loaded, spec: Rollout) -> list[Section]:
    made = []
    for metric in spec.metrics:
        try:
            found = segments(outside, loaded, metric)
        except DomainError:
            continue  # no context, or a metric that is no mean
        largest = max((abs(it.difference) for it in found), default=0.0) or 1.0
        rows = tuple(
            (
                ", ".join(f"{name} {value}" for name, value in it.segment.items()),
                f"{it.candidate:.4g}",
                f"{it.champion:.4g}",
                f"{it.difference:+.4g}".replace("-", "−"),
                _bar(abs(it.difference) / largest),
                f"{it.q_value:.2g}",
                f"{it.n_candidate:,} and {it.n_champion:,}",
            )
            for it in found[:_SHOWN]
        )
        note = f"{len(found):,} segments were compared: values of the context and their pairs, the surest first."
        heads = ("segment", "candidate", "champion", "difference", "", "q", "rows")
        title = f"Where {metric} differs most"
        made.append(Section(name=f"segments-{metric}", title=title, note=note, heads=heads, rows=rows))
    return made


def _calibration(outside: Outside, loaded: Loaded, spec: Rollout) -> Section | None:
    """Off the scores that are counted for an area or a calibration error; the summaries are there already."""
    rows: list[tuple[str | Markup, ...]] = []
    tables: defaultdict[str, list[Summary]] = defaultdict(list)
    name = next((name for name, metric in spec.metrics.items() if metric.kind in _SCORED), "")
    for cell in outside.summaries.cells(loaded.state.rollout, metric=name) if name else ():
        if not cell.segment:
            tables[cell.version].append(cell.summary)
    for version, parts in sorted(tables.items()):
        table = merge(parts)
        for one in reliability(table, "uniform", _BINS) if isinstance(table, ScoreTable) else ():
            score, share = one.scores / one.n, one.positives / one.n
            told = (f"{score:.3f}", f"{100 * share:.1f} %", _bar(share), signed(score - share, "pp"), f"{one.n:,}")
            rows.append((version_name(version), *told))
    note = f"Scores in {_BINS} bins of equal width: what they say, and how often that came true."
    heads = ("version", "mean score", "came true", "", "too high by", "answers")
    return Section(name="reliability", title="Reliability of the scores", note=note, heads=heads, rows=tuple(rows))


def _apart(outside: Outside, loaded: Loaded) -> Section | None:
    try:
        found = disagreeing(outside, loaded)
    except DomainError:
        return None  # no context
    largest = max((it.different for it in found), default=0.0) or 1.0
    rows = tuple(
        (
            ", ".join(f"{name} {value}" for name, value in it.segment.items()),
            f"{100 * it.different:.2f} %",
            _bar(it.different / largest),
            "" if it.elsewhere is None else f"{100 * it.elsewhere:.2f} %",
            f"{100 * it.low:.2f} to {100 * it.high:.2f} %",
            f"{it.q_value:.2g}",
            f"{it.n:,}",
        )
        for it in found[:_SHOWN]
    )
    note = "Requests that both versions answered, in each segment and outside of it; no outcome is needed."
    heads = ("segment", "different labels", "", "elsewhere", "95 % interval", "q", "requests")
    return Section(name="apart", title="Where the versions disagree most", note=note, heads=heads, rows=rows)


def line(values: Sequence[float]) -> Markup:
    """A small line over the days, from zero to its largest value."""
    top, days = max([*values, 0.25]), len(values)
    values = [*values, *values] if len(values) == 1 else values  # one day is a level
    step = 100 / max(len(values) - 1, 1)
    points = " ".join(f"{index * step:.1f},{20 - 18 * value / top:.1f}" for index, value in enumerate(values))
    return _LINE.format(said=f"{days} days, at most {max(values, default=0.0):.3f}", points=points)


def _bar(share: float) -> Markup:
    box = Markup(
        '<svg class="spark" viewBox="0 0 100 10" width="120" height="10" preserveAspectRatio="none" aria-hidden="true">'
    )
    return box + Markup('<rect width="{}" height="10" fill="currentColor" opacity="0.35"/></svg>').format(f"{100 * share:.1f}")


def _psi(profile: Profile, arm: ArmBins) -> dict[str, float]:
    found = compared(profile, as_trained(profile), arm)
    return {moved.column: moved.value for moved in found if moved.statistic.startswith("psi[")}


def _merged(parts: Sequence[Bins]) -> ArmBins:
    whole = merge(parts)
    assert isinstance(whole, Bins)  # noqa: S101 - merging bins gives bins
    return whole.arms[0]


def _bound(outside: Outside, route: str) -> Engine:
    outside.engine.bind({"predictions": outside.lake.locations(outside.lake.segments("predictions", route))})
    return outside.engine
