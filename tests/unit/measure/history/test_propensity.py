"""The chance of being drawn, given all that a unit had been through."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.facts.allocation import BUCKETS, Audience, Range, Split
from segue.facts.summary import ArmCounts
from segue.measure.history.propensity import SEPARATOR, Draws
from segue.testkit.worlds import World, allocation, measurement, outcome, prediction, question


def history(*sightings: tuple[int, str]) -> str:
    """A history as the SQL writes it."""
    return SEPARATOR.join(f"{draw}\x1e{variant}" for draw, variant in sorted(sightings))


SHARES = Draws([allocation(1, 0.1), allocation(2, 0.3), allocation(3, 0.2), allocation(4, 0.5)])  # grows, shrinks, grows


@pytest.mark.parametrize(
    ("draw", "seen", "chance"),
    [
        (0, [], 0.1),
        (1, [], 0.3),
        (1, [(0, "v8")], 1.0),
        (1, [(0, "champion")], (0.3 - 0.1) / (1 - 0.1)),
        (2, [(0, "champion"), (1, "v8")], 0.5),  # in [0.1, 0.3): half of it is left
        (2, [(1, "champion")], 0.0),
        (3, [(1, "v8"), (2, "champion")], 1.0),  # in [0.2, 0.3)
        (3, [(1, "champion"), (2, "champion")], (0.5 - 0.3) / (1 - 0.3)),
        (3, [(0, "champion"), (1, "champion"), (2, "champion")], (0.5 - 0.3) / (1 - 0.3)),
        (1, [(0, "v8"), (0, "champion")], None),  # the record contradicts itself
    ],
)
def test_histories(draw: int, seen: list[tuple[int, str]], chance: float | None) -> None:
    """The share of the buckets left by the history that the candidate owns now."""
    found = SHARES.chance(draw, history(*seen), candidate="v8", champion="champion")
    assert found == (chance if chance is None else pytest.approx(chance, abs=1e-12))


def test_every_bucket_is_where_the_chance_says() -> None:
    """Counted over all buckets of a small table: the chance is the share of those with the same history."""
    small = [
        Split(salt="s", kind="variant", ranges=tuple(Range(start=a, end=b, variant=v) for a, b, v in parts))
        for parts in (
            [(0, 3, "v8"), (3, 10, "champion")],
            [(0, 3, "v8"), (3, 5, "v9"), (5, 8, "v8"), (8, 10, "champion")],
            [(0, 2, "v8"), (2, 5, "v9"), (5, 6, "champion"), (6, 10, "v8")],
        )
    ]
    draws = Draws([msgspec.structs.replace(allocation(n, 0.5), split=split) for n, split in enumerate(small)])

    def owner(split: Split, bucket: int) -> str:
        return next(part.variant for part in split.ranges if part.start <= bucket < part.end)

    for bucket in range(10):
        for last in range(3):
            seen = [(draw, owner(small[draw], bucket)) for draw in range(last)]
            alike = [b for b in range(10) if all(owner(small[draw], b) == variant for draw, variant in seen)]
            now = [owner(small[last], b) for b in alike]
            both = now.count("v8") + now.count("champion")
            expected = now.count("v8") / both if both else None
            assert draws.chance(last, history(*seen), candidate="v8", champion="champion") == expected


def test_another_salt_or_kind_is_another_draw() -> None:
    """What was seen under it says nothing about the bucket."""
    other = allocation(2, 0.3, salt="s2")
    third = msgspec.structs.replace(other, split=msgspec.structs.replace(allocation(1, 0.1).split, kind="other"), number=3)
    draws = Draws([allocation(1, 0.1), other, third])
    for draw, share in ((1, 0.3), (2, 0.1)):
        assert draws.chance(draw, history((0, "v8")), candidate="v8", champion="champion") == share


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty lake and an engine."""
    with DuckdbEngine() as engine:
        yield World(FolderLake(tmp_path), engine)


def visit(world: World, unit: str, hours: float, number: int, assigned: str, **changes: object) -> None:
    """A request of a unit; its outcome is 1."""
    stage = "canary" if number < 3 else "ab"
    row = {"unit": unit, "stage": stage, "allocation": number, "assigned": assigned, "variant": assigned, **changes}
    world.put(prediction(f"{unit}{hours}", hours, **row), outcome(hours, request_id=f"{unit}{hours}", label="1"))


def cells(world: World, question_id: str = "q") -> dict[float, tuple[int, int]]:
    """Candidate's and champion's units by propensity."""
    found = world.answer(question_id)
    counts = found.cells if isinstance(found, ArmCounts) else ()
    return {round(c.propensity, 6): (c.candidate_yes + c.candidate_no, c.champion_yes + c.champion_no) for c in counts}


ALLOCATIONS = (allocation(1, 0.1), allocation(2, 0.3), allocation(3, 0.2, stage="ab"), allocation(4, 0.5, stage="ab"))
AB = question("accuracy", "randomised", stage="ab")


def test_the_record_gives_the_history(world: World) -> None:
    """New, returning and owned units of the next stage, each with its own chance; an owned one compares nothing."""
    visit(world, "owned", 1, 1, "v8")
    visit(world, "owned", 9, 4, "v8")
    visit(world, "returning", 1, 2, "champion")
    visit(world, "returning", 9, 4, "v8")
    visit(world, "new", 9, 4, "champion")
    world.measure(measurement([AB], *ALLOCATIONS), 20)
    assert cells(world) == {round(0.2 / 0.7, 6): (1, 0), 0.5: (0, 1)}


def test_only_the_first_comparable_exposure_of_a_stage_counts(world: World) -> None:
    """Later ones do not, and what is not comparable neither counts nor says anything about the bucket."""
    visit(world, "ada", 1, 1, "v8", comparable=False)
    visit(world, "ada", 8, 3, "v8", comparable=False)
    visit(world, "ada", 9, 3, "champion")
    visit(world, "ada", 10, 4, "v8")
    world.measure(measurement([AB], *ALLOCATIONS), 20)
    assert cells(world) == {0.2: (0, 1)}


def test_a_retry_begins_anew_but_remembers(world: World) -> None:
    """Since a later allocation, a unit's first exposure is another one, and the earlier one is history."""
    visit(world, "ada", 8, 3, "champion")
    visit(world, "ada", 10, 4, "v8")
    later = question("accuracy", "randomised", stage="ab", id="later", since_allocation=4)
    world.measure(measurement([AB, later], *ALLOCATIONS), 20)
    assert cells(world) == {0.2: (0, 1)}
    assert cells(world, "later") == {round(0.3 / 0.8, 6): (1, 0)}


def test_audiences_draw_by_their_own_table(world: World) -> None:
    """The first whose expression matches decides; missing attributes are no match."""
    audience = Audience(where="tier == 'vip'", split=allocation(0, 0.8).split, comparable=True)
    for number, context in enumerate([{"tier": "vip"}, {"tier": "free"}, {}]):
        visit(world, f"u{number}", 9, 4, "v8", context=context)
    world.measure(measurement([AB], allocation(4, 0.5, stage="ab", audiences=(audience,))), 20)
    assert cells(world) == {0.5: (2, 0), 0.8: (1, 0)}


def test_an_unknown_allocation_compares_nothing(world: World) -> None:
    """A row whose table nobody knows has no chance."""
    visit(world, "ada", 9, 4, "v8")
    world.measure(measurement([AB], allocation(1, 0.1)), 20)
    assert cells(world) == {}


def test_odd_names_are_only_names(world: World) -> None:
    """A unit or a variant whose name looks like SQL is text."""
    odd = "v8'; DROP TABLE judged; --"
    split = Split(
        salt="s1",
        kind="variant",
        ranges=(Range(start=0, end=BUCKETS // 2, variant=odd), Range(start=BUCKETS // 2, end=BUCKETS, variant="champion")),
    )
    visit(world, "o'hare", 9, 4, odd)
    asking = question("accuracy", "randomised", stage="ab", candidate=odd)
    world.measure(measurement([asking], allocation(4, 0.5, stage="ab", split=split)), 20)
    assert cells(world) == {0.5: (1, 0)}
