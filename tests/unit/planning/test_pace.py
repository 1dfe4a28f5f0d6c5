"""How many observations a stage has after so many days."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.planning.pace import candidate_answers, least_days, legs_of, pace
from segue.spec.rollout import Rollout
from segue.spec.stage import Ab, Canary, Full, Shadow, Stage, Step

CHAMPION, V8 = "champion", "v8"
STAGES = tuple(
    Stage(name="s", strategy=strategy)
    for strategy in (
        Shadow(sample=0.3),
        Canary(steps=(Step(share=0.01, age_s=3600.0), Step(share=0.5, age_s=7200.0), Step(share=0.9, age_s=60.0))),
        Ab(shares={CHAMPION: 0.5, V8: 0.25, "v9": 0.25}),
        Full(watch_s=60.0, holdback=0.01),
    )
)


def test_a_shadow_has_every_sampled_request() -> None:
    """A sample of half of the requests is half of the pairs."""
    found = pace(Stage(name="s", strategy=Shadow(sample=0.5)), (V8, CHAMPION, 1), "paired")
    assert found is not None
    assert found.observations(4.0) == 2.0
    assert found.days(2.0) == 4.0


def test_a_ramp_counts_by_information(spec: Rollout) -> None:
    """The audience by rule says nothing, an hour at one percent next to nothing; the last step lasts as long as need be."""
    found = pace(spec.stages[1], (V8, CHAMPION, 1), "randomised")
    assert found is not None
    assert found.share == 0.25
    assert found.observations(4 / 24) == 0
    assert found.observations(5 / 24) == pytest.approx(0.0099 / 0.1875 / 24)
    assert found.observations(100.0) == pytest.approx(0.0099 / 0.1875 / 24 + 100.0 - 5 / 24)


def test_one_sample_counts_the_candidates_rows(spec: Rollout) -> None:
    """What is said of the candidate alone needs its own answers."""
    found = pace(spec.stages[2], (V8, CHAMPION, 1), "one_sample")
    assert found is not None
    assert found.observations(3.0) == 1.5


def test_nothing_is_compared_without_a_holdback() -> None:
    """A full stage that leaves the champion nothing compares nothing."""
    assert pace(Stage(name="f", strategy=Full(watch_s=60.0)), (V8, CHAMPION, 1), "randomised") is None
    assert pace(Stage(name="f", strategy=Full(watch_s=60.0, holdback=0.1)), (V8, CHAMPION, 1), "randomised") is not None


@given(n=st.floats(0.001, 1e6), stage=st.integers(0, 3))
def test_days_and_observations_agree(n: float, stage: int) -> None:
    """The day by which there are n observations is the day at which there are n."""
    found = pace(STAGES[stage], (V8, CHAMPION, 1), "randomised")
    assert found is not None
    days = found.days(n)
    assert days is not None
    assert found.observations(days) == pytest.approx(n, rel=1e-9)


def test_ages(spec: Rollout) -> None:
    """Whatever the evidence, a stage takes its least age, its steps, or its watch."""
    assert [least_days(stage) for stage in spec.stages] == [2.0, pytest.approx(29 / 24), 0.0, 1.0]


def test_exposure(spec: Rollout) -> None:
    """What the candidate has answered: not the audience's, whose size nobody knows."""
    legs = legs_of(spec.stages[1], V8, CHAMPION)
    assert candidate_answers(legs, 4 / 24) == 0
    assert candidate_answers(legs, 5 / 24 + 1.0) == pytest.approx(0.01 / 24 + 0.25)
    thin = msgspec.structs.replace(legs[-1], share=0.0)
    assert candidate_answers((thin,), 10.0) == 0


def test_several_candidates_divide_a_canary() -> None:
    """Of two candidates that share 50 %, each is compared in three quarters of the units, a third of which are its own."""
    stage = Stage(name="c", strategy=Canary(steps=(Step(share=0.5, age_s=60.0),)))
    (leg,) = legs_of(stage, V8, CHAMPION, 2)
    assert leg.share == pytest.approx(1 / 3)
    assert leg.drawn == 0.75
