"""Gates as claims."""

import pytest

from segue.decide.gates.claims import GateKind, claim, guarded, missing_part
from segue.facts.question import Claim
from segue.spec.catalogue.kind import Goal
from segue.spec.gate import DriftGate, Margin, MetricGate, StableGate, Test
from segue.spec.metric import Metric

UP = Metric(name="conversion", kind="mean", of="outcome.converted", goal="increase")
DOWN = Metric(name="cost", kind="mean", of="outcome.cost", goal="decrease")
RMSE = Metric(name="size", kind="rmse", goal="decrease")
P99 = Metric(name="p99", kind="latency_quantile", goal="decrease", parameters={"q": 0.99})


def gate(test: Test, value: float, *, relative: bool = False) -> MetricGate:
    """A gate on some metric."""
    return MetricGate(path="g", metric="m", test=test, margin=Margin(value=value, relative=relative))


@pytest.mark.parametrize(
    ("test", "goal", "kind", "expected"),
    [
        ("better_than_champion", "increase", "promotion", Claim(side="above", bound=0.02)),
        ("not_worse_than_champion_by", "increase", "promotion", Claim(side="above", bound=-0.02)),
        ("worse_than_champion_by", "increase", "guardrail", Claim(side="below", bound=-0.02)),
        ("better_than_champion", "decrease", "promotion", Claim(side="below", bound=-0.02)),
        ("not_worse_than_champion_by", "decrease", "promotion", Claim(side="below", bound=0.02)),
        ("worse_than_champion_by", "decrease", "guardrail", Claim(side="above", bound=0.02)),
        ("at_least", "increase", "promotion", Claim(side="above", bound=0.02)),
        ("at_most", "decrease", "promotion", Claim(side="below", bound=0.02)),
        ("at_least", "increase", "guardrail", Claim(side="below", bound=0.02)),
        ("at_most", "decrease", "guardrail", Claim(side="above", bound=0.02)),
        ("above", "decrease", "guardrail", Claim(side="above", bound=0.02)),
        ("below", "increase", "guardrail", Claim(side="below", bound=0.02)),
    ],
)
def test_every_test_claims_what_it_says(test: Test, goal: Goal, kind: GateKind, expected: Claim) -> None:
    """An absolute margin is a bound; a goal to decrease mirrors it; a guardrail claims the harm."""
    assert claim(gate(test, 0.02), UP if goal == "increase" else DOWN, kind) == expected


@pytest.mark.parametrize(
    ("test", "metric", "expected"),
    [
        ("better_than_champion", UP, Claim(side="above", bound=0.0, factor=1.1)),
        ("not_worse_than_champion_by", UP, Claim(side="above", bound=0.0, factor=0.9)),
        ("worse_than_champion_by", UP, Claim(side="below", bound=0.0, factor=0.9)),
        ("better_than_champion", DOWN, Claim(side="below", bound=0.0, factor=0.9)),
        ("not_worse_than_champion_by", DOWN, Claim(side="below", bound=0.0, factor=1.1)),
        ("worse_than_champion_by", DOWN, Claim(side="above", bound=0.0, factor=1.1)),
    ],
)
def test_a_relative_margin_is_a_factor(test: Test, metric: Metric, expected: Claim) -> None:
    """Ten per cent of the champion's value is a factor on it, with the bound 0."""
    kind: GateKind = "guardrail" if test == "worse_than_champion_by" else "promotion"
    assert claim(gate(test, 0.1, relative=True), metric, kind) == expected


def test_non_inferior_and_harmful_exclude_each_other() -> None:
    """What passes "not worse by" and what breaks "worse by" lie on the two sides of one bound."""
    fine, harm = (
        claim(gate("not_worse_than_champion_by", 0.02), UP, "promotion"),
        claim(gate("worse_than_champion_by", 0.02), UP, "guardrail"),
    )
    assert (fine.bound, fine.side, harm.side) == (harm.bound, "above", "below")


def test_a_quantile_limit_is_a_share() -> None:
    """p99 above 80 ms is: more than 1 % of the answers take longer."""
    harm = claim(gate("above", 0.08), P99, "guardrail")
    assert harm.side == "above"
    assert harm.bound == pytest.approx(0.01)
    assert claim(gate("at_most", 0.08), P99, "promotion").side == "below"


def test_a_quantile_beside_the_champion_is_a_difference() -> None:
    """Not slower by 10 ms, and not slower by a tenth: of the quantiles themselves."""
    assert claim(gate("not_worse_than_champion_by", 0.01), P99, "promotion") == Claim(side="below", bound=0.01)
    tenth = MetricGate(path="g", metric="p99", test="worse_than_champion_by", margin=Margin(value=0.1, relative=True))
    assert claim(tenth, P99, "guardrail") == Claim(side="above", bound=0.0, factor=1.1)


def test_bounds_of_roots_are_squared() -> None:
    """One observation of rmse is a square: at most 2 is at most 4, not worse by a tenth is not worse by 21 %."""
    assert claim(gate("at_most", 2.0), RMSE, "promotion") == Claim(side="below", bound=4.0)
    tenth = MetricGate(path="g", metric="m", test="not_worse_than_champion_by", margin=Margin(value=0.1, relative=True))
    assert claim(tenth, RMSE, "promotion").factor == pytest.approx(1.21)


def test_a_guardrail_that_says_what_is_fine_is_turned_into_its_violation() -> None:
    """`not_worse_than_champion_by` as a guardrail breaks when "worse by" is shown."""
    assert guarded(gate("not_worse_than_champion_by", 0.02)) == gate("worse_than_champion_by", 0.02)
    assert guarded(gate("above", 0.02)) == gate("above", 0.02)


def test_what_cannot_be_judged_is_named() -> None:
    """Gates that this version has no claim for say why; the others say nothing."""
    assert "drift" in missing_part(DriftGate(path="g", against="training"), None, "promotion")
    absolute = gate("not_worse_than_champion_by", 0.1)
    assert "percent" in missing_part(absolute, RMSE, "promotion")
    assert missing_part(gate("better_than_champion", 0.0), P99, "promotion") == ""
    steady = StableGate(path="g", metric="p99", every_s=3600.0, at_most_times_champion=1.5)
    assert "stability" in missing_part(steady, P99, "promotion")
    assert missing_part(gate("best_with", 0.95), UP, "promotion") == "best_with"
    assert "guardrail" in missing_part(gate("better_than_champion", 0.0), UP, "guardrail")
    assert "promote" in missing_part(gate("worse_than_champion_by", 0.1), UP, "promotion")
    assert missing_part(gate("above", 0.08), P99, "guardrail") == ""
