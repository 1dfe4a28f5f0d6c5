"""Units that come back under a ramp: their score stays centred where the share in force would mislead."""

import random
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.facts.prediction import Prediction
from segue.facts.summary import ArmCounts
from segue.testkit.worlds import World, allocation, measurement, outcome, prediction, question

CANARY, AB = 0.2, 0.5
UNITS = 2500


class Visit(NamedTuple):
    """A unit's first visit of the second stage."""

    to_candidate: bool
    hit: bool


def simulated(folder: Path, seed: int, effect: float) -> tuple[World, list[Visit], DuckdbEngine]:
    """Units of different kinds; the candidate of the canary leaves a mark on those that it served.

    A unit that had the candidate in the canary does better later, whoever serves it, and comes back less often. In the second
    stage the candidate itself adds `effect` to the chance of a hit.
    """
    rng = random.Random(seed)
    engine = DuckdbEngine()
    world, visits = World(FolderLake(folder / str(seed)), engine), []
    for number in range(UNITS):
        bucket, rate, marked = rng.random(), rng.choice([0.1, 0.5]), False
        if rng.random() < 0.8:  # seen in the canary
            marked = bucket < CANARY
            world.put(row(f"c{number}", rng.uniform(0, 9), number, to_candidate=marked, stage="canary"))
            if rng.random() < (0.3 if marked and rate < 0.3 else 0.05):
                continue  # gone for good
        to_candidate = bucket < AB
        hit = rng.random() < rate + 0.3 * marked + effect * to_candidate
        when = rng.uniform(10, 20)
        world.put(row(f"a{number}", when, number, to_candidate=to_candidate, stage="ab"))
        world.put(outcome(when, request_id=f"a{number}", label=str(int(hit))))
        visits.append(Visit(to_candidate, hit))
    return world, visits, engine


def row(name: str, hours: float, unit: int, *, to_candidate: bool, stage: str) -> Prediction:
    """A request; every prediction says 1."""
    assigned = "v8" if to_candidate else "champion"
    number = {"canary": 1, "ab": 2}[stage]
    return prediction(name, hours, unit=f"u{unit}", stage=stage, allocation=number, assigned=assigned, variant=assigned)


def measured(world: World) -> ArmCounts:
    """What the second stage says."""
    asking = question("accuracy", "randomised", stage="ab")
    world.measure(measurement([asking], allocation(1, CANARY), allocation(2, AB, stage="ab")), 100)
    found = world.answer()
    assert isinstance(found, ArmCounts)
    return found


def score(cells: list[tuple[float, int, int, int, int]], effect: float = 0.0) -> tuple[float, float]:
    """Estimate of the effect, and how many standard errors it lies from the true one.

    Args:
        cells: propensity, candidate's yes and no, champion's yes and no.
        effect: the true one.
    """
    n = sum(sum(cell[1:]) for cell in cells)
    mean = sum(cell[1] + cell[3] for cell in cells) / n
    total = weight = spread = 0.0
    for pi, *counts in cells:
        for count, a, y in zip(counts, (1, 1, 0, 0), (1, 0, 1, 0), strict=True):
            total += count * (a - pi) * (y - mean)
            spread += count * ((a - pi) * (y - mean)) ** 2
            weight += count * pi * (1 - pi)
    return total / weight, (total - weight * effect) / sqrt(spread)


def pooled(visits: list[Visit]) -> list[tuple[float, int, int, int, int]]:
    """What the share in force makes of it."""
    counts = [sum(visit == Visit(a, y) for visit in visits) for a in (True, False) for y in (True, False)]
    return [(AB, counts[0], counts[1], counts[2], counts[3])]


def conditional(counts: ArmCounts) -> list[tuple[float, int, int, int, int]]:
    """The cells of the answer."""
    return [(c.propensity, c.candidate_yes, c.candidate_no, c.champion_yes, c.champion_no) for c in counts.cells]


def test_no_effect_is_no_effect(tmp_path: Path) -> None:
    """The share in force finds an effect that is not there, in every run; the conditional chance never does."""
    deviations = []
    for seed in range(4):
        world, visits, engine = simulated(tmp_path, seed, effect=0.0)
        with engine:
            _, naive = score(pooled(visits))
            _, ours = score(conditional(measured(world)))
        assert naive > 3.5, "the simulation must be able to mislead"
        assert abs(ours) < 3
        deviations.append(ours)
    assert abs(sum(deviations)) / sqrt(len(deviations)) < 3


def test_an_effect_is_found_in_its_size(tmp_path: Path) -> None:
    """Units that the history leaves open give the effect; the share in force would double it."""
    world, visits, engine = simulated(tmp_path, 11, effect=0.1)
    with engine:
        cells = conditional(measured(world))
        assert sorted(round(cell[0], 6) for cell in cells) == [round(0.3 / 0.8, 6), 0.5]
        estimate, deviation = score(cells, effect=0.1)
        naive, _ = score(pooled(visits))
    assert abs(deviation) < 3
    assert abs(naive - 0.1) > 2 * abs(estimate - 0.1)
