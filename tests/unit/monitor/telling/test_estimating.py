"""Guesses from the record: near the truth where their assumptions hold, put right by outcomes where they do not."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from msgspec.structs import replace

from segue.errors import DomainError
from segue.evidence.drift.profiling import Roles, profile_of
from segue.facts.drift.findings import Estimate
from segue.facts.drift.profile import Profile
from segue.facts.evidence import NotEnough
from segue.monitor.drifting import Window
from segue.monitor.telling.estimating import Guess, Guessed, Guessing, guessed
from segue.ports.lake import Segment
from segue.testkit import samples
from segue.testkit.small_world import START, SmallWorld

HOUR = int(START.timestamp() // 3600)


def put(world: SmallWorld, hour: int, rows: Sequence[tuple[str, float | None, str, str | None]], known: Sequence[bool]) -> None:
    """Answers of version 8 in an hour: label, score, truth and features; and the outcomes that are known."""
    at = START + timedelta(hours=hour, minutes=5)
    made, told = [], []
    for place, ((label, score, truth, features), is_known) in enumerate(zip(rows, known, strict=True)):
        name = f"q{hour}-{place}"
        one = replace(samples.prediction(name, at=at), version="8", role="served", label=label, score=score, features=features)
        made.append(replace(one, error="", unread="", assigned=one.variant))
        if is_known:
            told.append(replace(samples.outcome(name, at=at), label=truth))
    lake = world.outside.lake
    lake.put_predictions(Segment(kind="predictions", route="churn", hour=HOUR + hour, name=f"p{hour}"), made)
    if told:
        lake.put_outcomes(Segment(kind="outcomes", route="churn", hour=HOUR + hour, name=f"o{hour}"), told)


def look(world: SmallWorld, profile: Profile, *, hours: tuple[int, int] = (0, 24), rows: int = 20_000) -> Guessed:
    """The guesses of a window."""
    window = Window(begin=HOUR + hours[0], end=HOUR + hours[1])
    asked = Guessing(route="churn", version="8", window=window, rows=rows)
    return guessed(world.outside.engine, world.outside.lake, profile, asked)


def classes(n: int, seed: int, concept: float = 1.0) -> list[tuple[str, float, str, None]]:
    """Scores that mean what they say, or less."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0.3, 1.5, n)
    truth = rng.random(n) < 1 / (1 + np.exp(-concept * logit))
    scores = 1 / (1 + np.exp(-logit))
    return [(str(int(it > 0.5)), float(it), str(int(true)), None) for it, true in zip(scores, truth, strict=True)]


@pytest.fixture(scope="module")
def calibrated() -> Profile:
    """A profile with a calibration."""
    rows = classes(20_000, 1)
    label, score, truth, _ = zip(*rows, strict=True)
    return profile_of(
        {"x": [0.0] * len(rows), "said": label, "p": score, "true": truth}, Roles(label="said", score="p", truth="true")
    )


def named(found: Guessed, method: str) -> dict[str, Guess]:
    """The guesses of a method."""
    return {name: it for name, it in found.found if isinstance(it, Estimate) and it.method.startswith(method)}


def test_classes_without_any_outcome(small_world: SmallWorld, calibrated: Profile) -> None:
    """The estimate's interval holds the accuracy that came out; what needs outcomes says how many."""
    rows = classes(3000, 2)
    put(small_world, 1, rows, [False] * len(rows))
    found = look(small_world, calibrated)
    assert (found.answers, found.known) == (3000, 0)
    real = float(np.mean([row[0] == row[2] for row in rows]))
    estimate = named(found, "cbpe")["accuracy"]
    assert isinstance(estimate, Estimate)
    assert estimate.low < real < estimate.high
    assert [it for name, it in found.found if name == "accuracy"][1:] == [
        NotEnough(have=0, need=30, unit="outcomes", reason="a guess is corrected by what came true")
    ]
    assert look(small_world, calibrated, rows=100).answers == 100


def test_a_few_outcomes_put_it_right(small_world: SmallWorld, calibrated: Profile) -> None:
    """Where scores no longer mean what they did, the guess is wrong, and three hundred outcomes say so."""
    rows = classes(4000, 3, concept=0.2)
    put(small_world, 1, rows, [place % 10 == 0 for place in range(len(rows))])
    found = look(small_world, calibrated)
    real = float(np.mean([row[0] == row[2] for row in rows]))
    blind, right = named(found, "cbpe")["accuracy"], named(found, "prediction-powered")["accuracy"]
    assert isinstance(blind, Estimate)
    assert isinstance(right, Estimate)
    assert blind.low > real
    assert right.low < real < right.high
    assert right.labelled == found.known == 400
    assert "precision" in named(found, "prediction-powered")


def numbers(n: int, seed: int, hard: float) -> list[tuple[str, None, str, str]]:
    """Labels that are numbers, off by more where x is large; `hard` is the share of such rows."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(n) < hard, 1.0, 0.0)
    truth = rng.normal(10, 1, n)
    said = truth + rng.normal(0, 0.5 + 2 * x)
    return [(f"{a:.6f}", None, f"{b:.6f}", f'{{"x": {c}}}') for a, b, c in zip(said, truth, x, strict=True)]


def test_losses_are_learned_from_earlier_answers(small_world: SmallWorld) -> None:
    """More hard rows than before: the estimated loss rises to what it really is, without an outcome, and with some."""
    profile = profile_of({"x": [0.0, 1.0] * 50})
    before, now = numbers(1500, 1, 0.2), numbers(1500, 2, 0.7)
    put(small_world, 1, before, [True] * len(before))
    put(small_world, 5, now, [place % 5 == 0 for place in range(len(now))])
    found = look(small_world, profile, hours=(4, 8))
    real = float(np.mean([abs(float(row[0]) - float(row[2])) for row in now]))
    earlier = float(np.mean([abs(float(row[0]) - float(row[2])) for row in before]))
    blind, right = named(found, "dle")["mae"], named(found, "prediction-powered")["mae"]
    assert isinstance(blind, Estimate)
    assert isinstance(right, Estimate)
    assert blind.low < real < blind.high
    assert blind.low > earlier
    assert right.low < real < right.high
    assert set(named(found, "dle")) == {"mae", "mse"}


def test_thin_data_are_values(small_world: SmallWorld, calibrated: Profile) -> None:
    """No answer, no earlier answer, and classes without a calibration."""
    plain = profile_of({"x": [0.0, 1.0]})
    assert look(small_world, plain).answers == 0
    assert look(small_world, calibrated).answers == 0
    put(small_world, 1, numbers(50, 1, 0.2), [True] * 50)
    assert all(isinstance(it, NotEnough) for _, it in look(small_world, plain).found)
    put(small_world, 30, [("late", 0.5, "late", None)], [True])
    with pytest.raises(DomainError, match="no calibration"):
        look(small_world, plain, hours=(29, 31))
