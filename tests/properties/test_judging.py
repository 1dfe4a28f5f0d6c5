"""Whatever comes late, twice, corrected or withdrawn, in whatever portions: the numbers are those of a plain count."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.engines.settings import DuckdbSettings
from segue.adapters.lakes.folder import FolderLake
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.facts.summary import ArmCounts, Counts, Moments, PairedCounts, ScoreSums
from segue.measure.measurement.plan import Measurement
from segue.spec.metric import Metric
from segue.testkit.worlds import World, allocation, measurement, metric, outcome, prediction, question, shadow, spec

WINDOW = 1.0
HOURS = st.integers(0, 20).map(lambda quarter: quarter / 4)
NAMES = st.sampled_from(["q1", "q2", "q3", "q4", "q5"])
UNITS = st.sampled_from(["ada", "bob", "request"])
LABELS = st.sampled_from(["0", "1", None])


class Step(NamedTuple):
    """Rows that arrive, and the time of the next measurement."""

    rows: list[Prediction | Outcome]
    hours: float


@st.composite
def arrivals(draw: st.DrawFn) -> Prediction | Outcome:
    """One row: an answer, a shadow's answer, or an outcome of a request or a unit."""
    name, hours, unit = draw(NAMES), draw(HOURS), draw(UNITS)
    kind = draw(st.sampled_from(["served", "shadow", "request", "request", "unit"]))
    label = draw(LABELS)
    if kind in {"served", "shadow"}:
        unit = {"q1": "ada", "q2": "ada", "q3": "bob"}.get(name, name)
        row = {"unit": unit} if unit != name else {}
        made = (prediction if kind == "served" else shadow)(name, hours, label=label, **row)
        return made if draw(st.integers(0, 9)) else prediction(name, hours, role="pinned", **row)
    values = draw(st.sampled_from([{}, {"kpi": 1.0}, {"kpi": 4.0}, {"other": 1.0}]))
    about = {"request_id": name} if kind == "request" else {"unit": unit if unit != "request" else name}
    return outcome(hours, hours + draw(HOURS), label=label, values=values, **about)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Portions of rows with measurements in between, time going on."""
    hours, steps = 0.0, []
    for rows in draw(st.lists(st.lists(arrivals(), max_size=8), min_size=1, max_size=4)):
        hours += draw(HOURS)
        steps.append(Step(rows, hours))
    return steps


METRICS: list[Metric] = [
    metric("accuracy", "accuracy"),
    metric("kpi", "mean", of="outcome.kpi"),
    metric("converted", "mean", of="outcome.kpi", missing="negative"),
]
ASKED = [
    question("accuracy", id="paired"),
    question("accuracy", "one_sample", id="own", champion=""),
    question("agreement", "one_sample", id="agreement"),
]


def measuring() -> Measurement:
    """What is measured."""
    return measurement(ASKED, allocation(1, 0.0, stage="shadow"), spec_of=spec(METRICS))


class Reference:
    """The same numbers, by going over all rows one by one."""

    def __init__(self, rows: list[Prediction | Outcome], now_hours: float) -> None:
        firsts: dict[tuple[str, str, str], Prediction] = {}
        ordered = [row for row in rows if isinstance(row, Prediction) and row.role != "pinned"]
        for row in sorted(ordered, key=lambda row: (row.at, row.label is None, row.label or "")):
            firsts.setdefault((row.request_id, row.variant, row.role), row)
        self.requests: defaultdict[str, dict[str, Prediction]] = defaultdict(dict)
        for (name, variant, _), row in firsts.items():
            self.requests[name][variant] = row
        self.outcomes = [row for row in rows if isinstance(row, Outcome)]
        self.now = outcome(now_hours).at
        self.window = outcome(WINDOW).at - outcome(0).at

    def asked_at(self, name: str) -> object:
        return min(row.at for row in self.requests[name].values())

    def due(self, name: str) -> bool:
        return bool(self.asked_at(name) + self.window <= self.now)  # type: ignore[operator]  # both are datetimes

    def truth(self, name: str, *, within: bool = False) -> Outcome | None:
        """The last revision of a request's outcome."""
        begin = min(row.at for row in self.requests[name].values())
        unit = min(row.unit for row in self.requests[name].values())
        mine = []
        for it in self.outcomes:
            in_time = it.at <= begin + self.window
            if it.request_id == name and (in_time or not within):
                mine.append(it)
            if not it.request_id and it.unit == unit and begin <= it.at and in_time:
                mine.append(it)
        order = sorted(mine, key=lambda it: (it.at, it.received_at, it.label or "", str(it.values)))
        return order[-1] if order else None

    def labels(self, name: str) -> tuple[str | None, str | None, str | None]:
        """Truth, champion's and candidate's label."""
        found = self.truth(name)
        rows = self.requests[name]
        champion, candidate = rows.get("champion"), rows.get("v8")
        return (found.label if found else None), (champion and champion.label), (candidate and candidate.label)  # type: ignore[return-value]  # None or text

    def paired(self) -> PairedCounts | None:
        """Accuracy of pairs."""
        counts = [0, 0, 0]
        for name in self.requests:
            truth, champion, candidate = self.labels(name)
            if self.due(name) and None not in {truth, champion, candidate}:
                counts[[0, 1, -1].index((candidate == truth) - (champion == truth))] += 1
        zero, plus, minus = counts
        return PairedCounts(plus=plus, minus=minus, zero=zero) if any(counts) else None

    def own(self) -> Counts | None:
        """Accuracy of the candidate."""
        pairs = [self.labels(name) for name in self.requests if self.due(name)]
        right = [candidate == truth for truth, _, candidate in pairs if None not in {truth, candidate}]
        return Counts(yes=sum(right), no=len(right) - sum(right)) if right else None

    def agreement(self) -> Counts | None:
        """Same labels."""
        pairs = [self.labels(name)[1:] for name in self.requests]
        same = [champion == candidate for champion, candidate in pairs if champion is not None and candidate is not None]
        return Counts(yes=sum(same), no=len(same) - sum(same)) if same else None

    def mean(self, *, negative: bool) -> tuple[int, float]:
        """How many, and the sum, of the outcome value by assigned variant."""
        values = []
        for name, rows in self.requests.items():
            if not self.due(name) or "champion" not in rows:
                continue
            found = self.truth(name, within=negative)
            value = found.values.get("kpi") if found else None
            if value is not None or negative:
                values.append(value or 0.0)
        return len(values), sum(values)


WHOLE = DuckdbSettings()
NARROW = DuckdbSettings(rows_at_once=2, kept_file_bytes=0)


@pytest.fixture(scope="module", params=[WHOLE, pytest.param(NARROW, marks=pytest.mark.slow)], ids=["whole", "narrow"])
def engine(request: pytest.FixtureRequest) -> Iterator[DuckdbEngine]:
    """One engine for all examples: all files at once and kept, or an hour at a time and read where they lie."""
    with DuckdbEngine(request.param) as opened:
        yield opened


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories())
def test_incremental_is_the_plain_count(engine: DuckdbEngine, history: list[Step]) -> None:
    """Measured in portions, only touched hours each time, everything equals the reference over all rows."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(FolderLake(Path(folder)), engine)
        rows: list[Prediction | Outcome] = []
        for step in history:
            world.put(*step.rows)
            rows += step.rows
            world.measure(measuring(), step.hours)
            check(world, Reference(rows, step.hours))
        in_portions = (dict(world.answers), texts(world))
        world.restart()
        world.measure(measuring(), history[-1].hours)
        assert sorted(world.answers.items()) == sorted(in_portions[0].items())
        assert texts(world) == in_portions[1]


def texts(world: World) -> list[str]:
    """All cells, in an order."""
    return sorted(str(cell) for cells in world.cells.values() for cell in cells)


def check(world: World, reference: Reference) -> None:
    """Answers and cells against the reference."""
    assert world.answer("paired") == reference.paired()
    assert world.answer("own") == reference.own()
    assert world.answer("agreement") == reference.agreement()
    for name, negative in (("kpi", False), ("converted", True)):
        found = world.cell(name, "champion")
        cells = found.cells if isinstance(found, Moments) else ()
        assert (sum(cell.n for cell in cells), sum(cell.sums[0] for cell in cells)) == reference.mean(negative=negative)


@st.composite
def visits(draw: st.DrawFn) -> Prediction:
    """A request of one of a few units in one of two stages under one of four allocations that grow and shrink."""
    unit, hours = draw(st.sampled_from(["ada", "bob", "cy"])), draw(HOURS)
    number = int(hours // 1.5) + 1
    stage = "canary" if number < 3 else "ab"
    assigned = draw(st.sampled_from(["v8", "champion"]))
    return prediction(
        f"{unit}-{hours}",
        hours,
        unit=unit,
        stage=stage,
        allocation=number,
        assigned=assigned,
        variant=assigned,
        comparable=draw(st.integers(0, 5)) > 0,
        label=draw(st.sampled_from(["0", "1"])),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.tuples(st.lists(visits(), max_size=6), st.lists(NAMES, max_size=2), HOURS), min_size=1, max_size=4))
def test_units_in_portions(engine: DuckdbEngine, portions: list[tuple[list[Prediction], list[str], float]]) -> None:
    """First exposures that arrive late, and outcomes of later requests, touch the hours that they change."""
    allocations = [allocation(1, 0.1), allocation(2, 0.3), allocation(3, 0.2, stage="ab"), allocation(4, 0.5, stage="ab")]
    asked = [
        question("accuracy", "randomised", unit="unit", stage=stage, id=f"{unit}{stage}")
        if unit == "unit"
        else question("error_rate", "events", unit="unit", stage=stage, id=f"{unit}{stage}")
        for unit in ("unit", "events")
        for stage in ("canary", "ab")
    ]
    plan = measurement(asked, *allocations)
    with tempfile.TemporaryDirectory() as folder:
        world, hours = World(FolderLake(Path(folder)), engine), 0.0
        known: list[Prediction] = []
        for rows, _, later in portions:
            hours += later
            known += rows
            world.put(*rows, *(outcome(hours, request_id=row.request_id, label="1") for row in known[::2]))
            world.measure(plan, hours)
        in_portions = dict(world.answers)
        world.restart()
        world.measure(plan, hours)
        assert sorted(world.answers) == sorted(in_portions)
        for key, answer in world.answers.items():
            found, before = answer.summary, in_portions[key].summary
            if isinstance(found, ScoreSums) and isinstance(before, ScoreSums):
                assert (found.n, found.n_candidate) == (before.n, before.n_candidate)
                assert found.z == pytest.approx(before.z, abs=1e-12)
            else:
                assert isinstance(found, ArmCounts)
                assert found == before
