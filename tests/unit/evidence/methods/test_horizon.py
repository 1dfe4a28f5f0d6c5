"""The horizon's boundary as an e-process."""

from math import log, sqrt

import msgspec
import numpy as np
import pytest
from scipy.stats import norm

from segue.errors import DomainError
from segue.evidence.looks import log_e_of_counts, log_e_on_horizon
from segue.evidence.methods.horizon import ON_TIME, crossing_chance, log_reflected, on_horizon, planned_horizon
from segue.evidence.methods.normal_mixture import fixed_information
from segue.evidence.planning.horizon import horizon_over_fixed
from segue.evidence.process import Process
from segue.evidence.weighing import METHODS, weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import ArmCell, ArmCounts, Counts, PairedCounts


def asking(design: Design, bound: float, *, alpha: float = 0.05, horizon: float | None = None) -> Question:
    """A claim above a bound."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"), design=design,
        candidate="b", champion="a", claim=Claim(side="above", bound=bound), alpha=alpha,
        prior=Prior(mean=0.1, variance=0.09, effect=0.01), horizon=horizon,
    )  # fmt: skip


def arms(*counts: int) -> ArmCounts:
    """Candidate yes, no, champion yes, no at one half."""
    b_yes, b_no, a_yes, a_no = counts
    return ArmCounts(
        cells=(ArmCell(propensity=0.5, candidate_yes=b_yes, candidate_no=b_no, champion_yes=a_yes, champion_no=a_no),)
    )


@pytest.mark.parametrize(
    ("now", "then", "total"), [(0.0, 30.0, 0.0), (30.0, 60.0, 9.0), (10.0, 99.0, -3.0), (60.0, 99.9, 19.0)]
)
def test_fair(now: float, then: float, total: float) -> None:
    """Between two looks the wealth is not expected to grow: a normal increment, integrated; before the boundary."""
    x = np.linspace(-12, 12, 400_001)
    later = np.exp(log_reflected(total + sqrt(then - now) * x, then, 100.0, 0.05))
    mean = float((later * norm.pdf(x)).sum() * (x[1] - x[0]))
    today = float(np.exp(log_reflected(total, now, 100.0, 0.05)))
    assert mean <= today + 1e-6
    assert mean >= 0.5 * today  # at most the half that crosses unseen between two looks is lost


def test_starts_at_one_and_ends() -> None:
    """The wealth begins at 1, is 1 / alpha at the boundary and nothing after the horizon."""
    edge = float(norm.isf(0.025)) * 10
    logs = log_reflected(np.array([0.0, edge, edge + 50, edge + 50]), np.array([0.0, 40.0, 40.0, 100.0]), 100.0, 0.05)
    assert logs.tolist() == pytest.approx([0.0, log(20), log(20), -np.inf])


def test_power() -> None:
    """The published power at 1, 1.0675 and 1.25 fixed samples; alpha without an effect."""
    z = float(norm.isf(0.05) + norm.ppf(0.8))
    powers = [crossing_chance(z * sqrt(times), 0.05) for times in (1, 1.0675, 1.25)]
    assert powers == pytest.approx([0.775, 0.799, 0.852], abs=5e-4)
    for alpha in (0.001, 0.05, 0.2):
        assert crossing_chance(0.0, alpha) == pytest.approx(alpha)
        question = asking("paired", 0.0, alpha=alpha)
        horizon = planned_horizon(question)
        assert 1 < horizon / 0.09**2 / fixed_information(question) < 1.2
        assert crossing_chance(0.01 * sqrt(horizon) / 0.09, ON_TIME * alpha) == pytest.approx(0.8)


def test_the_end_comes_where_it_was_planned() -> None:
    """Where 10 % become 11 %, the units of 1.09 fixed samples bring the sum's variance to the horizon, within a thousandth."""
    question = replace_horizon(asking("randomised", 0.0))
    z = float(norm.isf(0.05) + norm.ppf(0.8))
    n = horizon_over_fixed(alpha=0.05) * z**2 * (0.09 + 0.11 * 0.89) / 0.01**2  # of each variant, by Welch's test
    process = METHODS[ArmCounts, "randomised"](question, arms(*(round(n * share) for share in (0.11, 0.89, 0.10, 0.90))))
    assert isinstance(process, Process)
    assert process.normal is not None
    assert question.horizon is not None
    assert process.normal.variance / question.horizon == pytest.approx(1.0, abs=1e-3)


def test_earlier_than_for_ever() -> None:
    """Near the horizon, data that the bets for ever would not believe yet show the claim; both ends come from one process."""
    always = asking("randomised", 0.0)
    question = msgspec.structs.replace(always, horizon=planned_horizon(always))
    summary = arms(1170, 9130, 1000, 9300)
    patient, timely = weigh(always, summary), weigh(question, summary)
    assert isinstance(patient, Evidence)
    assert isinstance(timely, Evidence)
    assert (timely.shown, timely.validity, timely.method) == (
        True,
        "asymptotic at any look",
        "randomised likelihood ratio and horizon",
    )
    assert timely.low >= 0
    assert timely.low > patient.low
    beyond = weigh(msgspec.structs.replace(always, horizon=1000.0 * 0.09**2), summary)
    assert isinstance(beyond, Evidence)
    assert beyond.log_e == pytest.approx(patient.log_e + log(1 - ON_TIME))


@pytest.mark.parametrize(
    ("design", "summary"),
    [
        ("one_sample", Counts(yes=130, no=870)),
        ("paired", PairedCounts(plus=130, minus=100, zero=770)),
        ("randomised", arms(90, 660, 60, 690)),
    ],
)
def test_inside(design: Design, summary: Counts | PairedCounts | ArmCounts) -> None:
    """Interval and verdict agree, before and after the boundary; `need` says when the boundary would be crossed."""
    always = asking(design, 0.0 if design != "one_sample" else 0.09)
    question = msgspec.structs.replace(always, horizon=planned_horizon(always))
    evidence = weigh(question, summary)
    assert isinstance(evidence, Evidence)
    assert evidence.shown == (evidence.low >= question.claim.bound)
    assert evidence.low <= evidence.estimate <= evidence.high
    assert evidence.need is not None


def test_burn_in() -> None:
    """Before twenty of the rarer events only the bets count, with the stake that was left to them."""
    always = asking("randomised", 0.0)
    process = METHODS[ArmCounts, "randomised"](always, arms(19, 600, 300, 300))
    assert isinstance(process, Process)
    assert process.normal is None
    timed = on_horizon(replace_horizon(always), process)
    assert timed.bets.log_e("above", -0.1) == pytest.approx(process.bets.log_e("above", -0.1) + log(1 - ON_TIME))


def replace_horizon(question: Question) -> Question:
    """The same question with an end."""
    return msgspec.structs.replace(question, horizon=planned_horizon(question))


def test_looks() -> None:
    """Many looks at once say what each look alone says."""
    question = replace_horizon(asking("randomised", 0.0))
    rows = np.random.default_rng(4).multinomial(600, (0.06, 0.44, 0.05, 0.45), size=30).cumsum(axis=0)
    always = log_e_of_counts(question, rows[:, None, :], propensities=(0.5,))
    processes = [METHODS[ArmCounts, "randomised"](question, arms(*row)) for row in rows.tolist()]
    sums = [(p.estimate, p.normal.weight, p.normal.variance) for p in processes if isinstance(p, Process) and p.normal]
    estimate, weight, variance = np.array(sums).T
    looks = log_e_on_horizon(question, always, estimate=estimate, weight=weight, variance=variance)
    for look, row in zip(looks, rows.tolist(), strict=True):
        evidence = weigh(question, arms(*row))
        assert isinstance(evidence, Evidence)
        assert look == pytest.approx(evidence.log_e, abs=1e-9)


def test_refused() -> None:
    """A horizon is a positive variance, and not for events."""
    for question in (asking("paired", 0.0, horizon=-1.0), asking("events", 1.1, horizon=100.0)):
        with pytest.raises(DomainError, match="horizon"):
            weigh(question, None)
    with pytest.raises(DomainError, match="no horizon"):
        log_e_on_horizon(asking("paired", 0.0), np.zeros(1), estimate=np.zeros(1), weight=np.ones(1), variance=np.ones(1))
