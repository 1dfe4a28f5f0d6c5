"""Change detectors after a promotion."""

from collections.abc import Callable
from itertools import product
from math import exp, prod

import msgspec
import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.looks import rates_of
from segue.evidence.many.detectors import Watch, _steps, log_statistic, replayed, surveyed, watched
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.merging import merge
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import ArmCell, ArmCounts, Counts
from segue.facts.wire.codec import from_json, to_json


def asking(bound: float = 0.1, *, design: Design = "one_sample") -> Question:
    """A claim that errors have become more."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="error_rate"), design=design,
        candidate="v8", claim=Claim(side="above", bound=bound), alpha=0.01, prior=Prior(mean=0.09, variance=0.09, effect=0.12),
    )  # fmt: skip


def batches(rng: np.random.Generator, count: int, rate: float, rows: int = 100) -> list[Counts]:
    """Error counts of so many batches."""
    return [Counts(yes=int(yes), no=rows - int(yes)) for yes in rng.binomial(rows, rate, count)]


def test_a_step_is_the_recursion() -> None:
    """Shiryaev and Roberts: `M = e (M + 1)`; CUSUM: `M = e max(M, 1)`; bet by bet."""
    question = asking()
    batch, rates = Counts(yes=14, no=86), rates_of(asking())
    e = np.exp(rates.growth @ np.array([14.0, 86.0]))
    for detector, expected in (("shiryaev_roberts", e * (e + 1)), ("cusum", e * np.maximum(e, 1))):
        watch = replayed(question, Watch(run_length=1000, detector=detector), [batch, batch])  # type: ignore[arg-type]
        assert np.exp(watch.log_wealth) == pytest.approx(expected)
        assert watch.batches == 2


def test_replay() -> None:
    """State is all: written down and read again, it goes on to the same alarm; an empty batch is time, no evidence."""
    question, rng = asking(), np.random.default_rng(1)
    whole = batches(rng, 40, 0.09) + batches(rng, 40, 0.15)
    straight = replayed(question, Watch(run_length=5000), whole)
    half = from_json(Watch, to_json(replayed(question, Watch(run_length=5000), whole[:50])))
    assert replayed(question, half, whole[50:]) == straight
    assert 40 < straight.alarmed_at < 60
    idle = watched(question, Watch(run_length=5000), Counts(yes=0, no=0))
    assert np.allclose(idle.log_wealth, 0.0)


def test_an_alarm_stays() -> None:
    """What was raised stays raised when the errors go away."""
    question, rng = asking(), np.random.default_rng(2)
    watch = replayed(question, Watch(run_length=1000), batches(rng, 30, 0.2) + batches(rng, 300, 0.02))
    assert 0 < watch.alarmed_at < 10
    assert log_statistic(rates_of(question).log_weights, np.array(watch.log_wealth)) < 5


def expected_statistic(step: Callable[[Watch, Counts], Watch], watch: Watch, rate: float, depth: int) -> float:
    """The mean of the statistic after so many batches of one row, over every path."""
    if not depth:
        logs = rates_of(asking()).log_weights
        return exp(log_statistic(logs, np.array(watch.log_wealth)))
    paths = ((rate, Counts(yes=1, no=0)), (1 - rate, Counts(yes=0, no=1)))
    return sum(p * expected_statistic(step, step(watch, batch), rate, depth - 1) for p, batch in paths)


@pytest.mark.parametrize("depth", [1, 4, 8])
def test_average_run_length(depth: int) -> None:
    """At the edge of "all is well" the statistic grows by exactly one a batch in the mean: no alarm at A before A batches."""
    question = asking()
    mean = expected_statistic(lambda watch, batch: watched(question, watch, batch), Watch(run_length=1e6), 0.1, depth)
    assert mean == pytest.approx(depth, abs=1e-9)
    inside = expected_statistic(lambda watch, batch: watched(question, watch, batch), Watch(run_length=1e6), 0.06, depth)
    assert inside < depth
    cusum = Watch(run_length=1e6, detector="cusum")
    assert expected_statistic(lambda watch, batch: watched(question, watch, batch), cusum, 0.1, depth) <= depth + 1e-9


def test_refused() -> None:
    """Another design, a run length of nothing, another grid."""
    for question, watch in (
        (asking(design="paired"), Watch(run_length=10)),
        (asking(), Watch(run_length=0.5)),
        (asking(), Watch(run_length=10, log_wealth=(0.0,))),
    ):
        with pytest.raises(DomainError):
            watched(question, watch, Counts(yes=1, no=1))


@pytest.mark.slow
def test_delay_and_run_length() -> None:
    """Errors from 9 % to 11, 12 and 14 %, H0 at most 10 %, batches of 100, A = 10 080: alarmed soon, and never before."""
    question, rng = asking(), np.random.default_rng(31)
    for rate, most in ((0.11, 150), (0.12, 45), (0.14, 16)):
        delays = []
        for _ in range(40):
            quiet = replayed(question, Watch(run_length=10_080), batches(rng, 100, 0.09))
            assert not quiet.alarmed_at
            delays.append(replayed(question, quiet, batches(rng, 400, rate)).alarmed_at - 100)
        assert all(delay > 0 for delay in delays)
        assert float(np.median(delays)) <= most
        print(f"errors 9 % -> {rate:.0%}: median delay {np.median(delays):.0f} batches")


def drawn(rng: np.random.Generator, b: float, a: float, n: int = 200) -> ArmCounts:
    """One hour of units, half each, with these error rates."""
    yes_b, yes_a = int(rng.binomial(n, b)), int(rng.binomial(n, a))
    cell = ArmCell(propensity=0.5, candidate_yes=yes_b, candidate_no=n - yes_b, champion_yes=yes_a, champion_no=n - yes_a)
    return ArmCounts(cells=(cell,))


COMPARED = msgspec.structs.replace(
    asking(0.01, design="randomised"), champion="a", run_length=480.0, prior=Prior(mean=0.05, variance=0.05, effect=0.03)
)


def test_hours_are_batches() -> None:
    """A survey of hours is the detector's own recursion over them, hours without rows included."""
    rng, question = np.random.default_rng(7), msgspec.structs.replace(asking(), alpha=0.014, run_length=1000.0)
    counts = batches(rng, 12, 0.12)
    hours = {(hour if hour < 6 else hour + 2): batch for hour, batch in enumerate(counts)}
    found = surveyed(question, hours)
    assert isinstance(found, Evidence)
    empty, largest, watch = Counts(yes=0, no=0), -np.inf, Watch(run_length=1000)
    for hour in range(14):
        watch = watched(question, watch, hours.get(hour, empty))
        largest = max(largest, log_statistic(rates_of(question).log_weights, np.array(watch.log_wealth)))
    assert found.log_e == pytest.approx(largest)
    assert found.threshold == pytest.approx(np.log(1000))
    assert found.method.endswith("change detector by the hour")
    assert "at least 1,000 hours" in found.assumptions[-1]


def test_harm_that_begins_late() -> None:
    """After 200 good hours, the comparison over all of them is slow to see what a detector sees within a few."""
    rng = np.random.default_rng(8)
    hours = {hour: drawn(rng, 0.05 if hour < 200 else 0.12, 0.05) for hour in range(206)}
    since_any_hour = msgspec.structs.replace(COMPARED, alpha=len(hours) / COMPARED.run_length)
    whole, late = weigh(COMPARED, merge(hours.values())), surveyed(since_any_hour, hours)
    assert isinstance(whole, Evidence)
    assert isinstance(late, Evidence)
    assert (whole.shown, late.shown) == (False, True)


def test_the_chance_of_a_false_alarm() -> None:
    """In a watch of 24 hours at the edge of harm, a run length of 24 / 10 % alarms in at most 10 % of rollouts."""
    rng, question, runs = np.random.default_rng(9), msgspec.structs.replace(COMPARED, alpha=0.1, run_length=240.0), 150
    alarms = 0
    for _ in range(runs):
        found = surveyed(question, {hour: drawn(rng, 0.06, 0.05) for hour in range(24)})
        alarms += isinstance(found, Evidence) and found.shown
    assert alarms / runs <= 0.1 + 3 * (0.1 * 0.9 / runs) ** 0.5


def test_no_survey() -> None:
    """Without a run length there is no detector; without a comparison in any hour there is too little."""
    with pytest.raises(DomainError, match="run length"):
        surveyed(msgspec.structs.replace(COMPARED, run_length=0.0), {1: drawn(np.random.default_rng(1), 0.1, 0.1)})
    alone = ArmCounts(cells=(ArmCell(propensity=1.0, candidate_yes=1, candidate_no=9, champion_yes=0, champion_no=0),))
    assert isinstance(surveyed(COMPARED, {1: alone}), NotEnough)


@pytest.mark.parametrize("hours", [2, 5, 8])
def test_a_watch_that_lasts_longer_spends_no_more(hours: int) -> None:
    """Over every path of any number of hours, the detector of two hours is worth no more than two at the edge of the null."""
    question = msgspec.structs.replace(asking(), alpha=0.01, run_length=2 / 0.01)
    mean = 0.0
    for path in product((True, False), repeat=hours):
        rows = {at: Counts(yes=int(yes), no=int(not yes)) for at, yes in enumerate(path)}
        *_, (weights, wealth) = _steps(question, rows, 2)
        mean += prod(0.1 if yes else 0.9 for yes in path) * exp(log_statistic(weights, wealth))
    assert mean == pytest.approx(2, abs=1e-9)


def test_false_alarms_of_a_watch_that_was_paused() -> None:
    """A watch of an hour that lasts for two days more alarms no more often than its alpha, nothing being wrong."""
    question = msgspec.structs.replace(asking(), alpha=0.2, run_length=2 / 0.2)
    rng, runs = np.random.default_rng(7), 200
    alarms = 0
    for _ in range(runs):
        found = surveyed(question, dict(enumerate(batches(rng, 50, 0.1, rows=400))))
        alarms += isinstance(found, Evidence) and found.shown
    assert alarms / runs <= 0.2 + 3 * (0.2 * 0.8 / runs) ** 0.5
