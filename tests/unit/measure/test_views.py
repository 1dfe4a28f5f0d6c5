"""Which rows are judged, and by which outcome: one rule a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.facts.outcome import Outcome
from segue.facts.summary import Counts, Moments
from segue.measure.cube import COVERAGE, FAILURES
from segue.testkit.worlds import World, measurement, metric, outcome, prediction, shadow, spec

METRICS = [
    metric("accuracy", "accuracy"),
    metric("kpi", "mean", of="outcome.kpi", window_s=7200.0),
    metric("converted", "mean", of="outcome.kpi", missing="negative"),
    metric("cost", "mean", of="prediction.cost_usd", cap=2.0),
    metric("errors", "error_rate"),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty lake and an engine."""
    with DuckdbEngine() as engine:
        yield World(FolderLake(tmp_path), engine)


def measured(world: World, hours: float = 50) -> None:
    """Measure the metrics once."""
    world.measure(measurement(spec_of=spec(METRICS)), hours)


def mean(world: World, name: str, variant: str = "champion") -> list[float]:
    """How many observations, and their sum."""
    found = world.cell(name, variant)
    cells = found.cells if isinstance(found, Moments) else ()
    return [sum(cell.n for cell in cells), sum(cell.sums[0] for cell in cells)]


@pytest.mark.parametrize(
    ("outcomes", "right"),
    [
        ([outcome(2, label="0"), outcome(3, label="1")], True),
        ([outcome(3, label="1"), outcome(2, label="0")], True),
        ([outcome(2, 9, label="0"), outcome(3, 4, label="1")], True),  # what became true last, whenever it came
        ([outcome(2, 4, label="0"), outcome(2, 5, label="1")], True),  # of one moment, what came last
        ([outcome(2, 5, label="1"), outcome(2, 4, label="0")], True),
        ([outcome(2, label="1"), outcome(2, label="1")], True),
        ([outcome(2, label="1"), outcome(3)], None),  # withdrawn
        ([outcome(2, label="1"), outcome(3), outcome(4, label="0")], False),
        ([outcome(2, label="1"), outcome(3, values={"kpi": 1.0})], None),  # the last revision has no label
        ([outcome(-3, label="1")], True),  # true before it was asked
    ],
)
def test_the_last_revision_counts(world: World, outcomes: list[Outcome], right: bool | None) -> None:
    """By when it became true, then by when it came; without label and values it withdraws."""
    world.put(prediction("a", 0.5), *(outcome_of("a", it) for it in outcomes))
    measured(world)
    expected = Counts(yes=0, no=0) if right is None else Counts(yes=int(right), no=int(not right))
    assert world.cell("accuracy", "champion") == expected


@pytest.mark.parametrize("at_once", [True, False])
def test_a_gateway_whose_clock_is_behind(world: World, *, at_once: bool) -> None:
    """What a gateway that is seconds behind writes into the hour before the rollout began counts."""
    world.put(prediction("a", -5 / 3600), outcome_of("a", outcome(1, label="1")))
    if not at_once:
        measured(world, hours=0.1)
    world.put(prediction("b", 0.1), outcome_of("b", outcome(1, label="1")))
    measured(world)
    assert world.cell("accuracy", "champion") == Counts(yes=2, no=0)


def outcome_of(request_id: str, given: Outcome) -> Outcome:
    """The same outcome of a request."""
    return Outcome(
        route=given.route,
        request_id=request_id,
        at=given.at,
        received_at=given.received_at,
        label=given.label,
        values=given.values,
    )


def test_nothing_is_judged_before_it_is_due(world: World) -> None:
    """Not even where the outcome is known; each metric by its own window."""
    world.put(prediction("a", 0.5), outcome(0.6, request_id="a", label="1", values={"kpi": 2.0}))
    measured(world, 1.49)
    assert world.cell("accuracy", "champion") is None
    measured(world, 1.5)
    assert world.cell("accuracy", "champion") == Counts(yes=1, no=0)
    assert mean(world, "kpi") == [0, 0]
    measured(world, 2.5)
    assert mean(world, "kpi") == [1, 2.0]


def test_outcomes_of_a_unit(world: World) -> None:
    """They belong to the requests that it made within the window before."""
    world.put(*(prediction(f"q{when}", when, unit="ada") for when in (0.0, 0.5, 1.2, 2.0)))
    world.put(outcome(1.5, unit="ada", values={"kpi": 4.0}))
    measured(world)
    assert mean(world, "converted") == [4, 8.0]
    assert mean(world, "kpi") == [3, 12.0]


def test_missing_counts_as_nothing_or_as_a_zero(world: World) -> None:
    """A conversion counts within the window only; a truth whenever it is known."""
    world.put(*(prediction(name, 0.5) for name in "abc"))
    world.put(outcome(1.4, request_id="a", values={"kpi": 1.0}), outcome(3, request_id="b", values={"kpi": 1.0}))
    world.put(outcome(1.0, request_id="c", label="1"))
    measured(world)
    assert mean(world, "converted") == [3, 1.0]
    assert mean(world, "kpi") == [2, 2.0]


def test_a_row_that_came_twice_is_one(world: World) -> None:
    """The earliest, by request, variant and role."""
    world.put(prediction("a", 2.5, label="0"), prediction("a", 0.5, label="1"), prediction("a", 0.5, label="1"))
    world.put(shadow("a", 0.5), outcome(1, request_id="a", label="1"))
    measured(world)
    assert world.cell("accuracy", "champion") == Counts(yes=1, no=0)
    assert world.cell("accuracy", "v8") == Counts(yes=1, no=0)


def test_pinned_answers_are_nowhere(world: World) -> None:
    """Neither as an answer nor as a request."""
    world.put(prediction("a", 0.5, role="pinned"), outcome(1, request_id="a", label="1", values={"kpi": 1.0}))
    measured(world)
    assert world.cells == {}


def test_other_rollouts_are_others(world: World) -> None:
    """Rows of the route at rest, or of another rollout, are not counted."""
    world.put(prediction("a", 0.5, rollout=""), prediction("b", 0.5, rollout="r-2"), prediction("c", 0.5))
    measured(world)
    assert world.cell(FAILURES, "champion") == Counts(yes=0, no=1)


def test_a_failed_candidate(world: World) -> None:
    """The outcome's value goes to whom the unit was assigned, quality to who answered, the failure to who failed."""
    candidate = {"assigned": "v8", "stage": "canary"}
    world.put(
        prediction("a", 0.5, **candidate, variant="v8", role="failed", error="timeout", status=0, label=None),
        prediction("a", 0.5, **candidate, variant="champion", role="fallback"),
        outcome(1, request_id="a", label="1", values={"kpi": 3.0}),
    )
    measured(world)
    assert mean(world, "kpi", "v8") == [1, 3.0]
    assert mean(world, "kpi", "champion") == [0, 0]
    assert world.cell("accuracy", "champion") == Counts(yes=1, no=0)
    assert world.cell("accuracy", "v8") is None
    assert world.cell("errors", "v8") == world.cell(FAILURES, "v8") == Counts(yes=1, no=0)
    assert world.cell("errors", "champion") == Counts(yes=0, no=1)


def test_what_the_caller_did_wrong_is_nobodys_failure(world: World) -> None:
    """Unless another variant answered the same request."""
    refused = {"error": "caller", "status": 422, "label": None}
    world.put(prediction("a", 0.5, **refused), shadow("a", 0.5, **refused))
    world.put(prediction("b", 0.5), shadow("b", 0.5, **refused))
    measured(world)
    assert world.cell("errors", "champion") == Counts(yes=0, no=2)
    assert world.cell("errors", "v8") == Counts(yes=1, no=1)


def test_cost_needs_no_outcome_and_is_capped(world: World) -> None:
    """By the variant that answered, at once."""
    world.put(prediction("a", 0.5, cost=1.5), prediction("b", 0.5, cost=9.0), prediction("c", 0.5))
    measured(world, 0.6)
    assert mean(world, "cost") == [2, 3.5]


def test_coverage(world: World) -> None:
    """Of the answers that are due, those with an outcome; shadows have that of their request."""
    world.put(*(make(name, 0.5) for name in "abc" for make in (prediction, shadow)), prediction("young", 49.9))
    world.put(outcome(1, request_id="a", label="1"), outcome(1, request_id="b", values={"kpi": 1.0}))
    world.put(outcome(1, request_id="c", label="1"), outcome(2, request_id="c"))
    measured(world)
    assert world.cell(COVERAGE, "champion") == world.cell(COVERAGE, "v8") == Counts(yes=2, no=1)
