"""Splits of events."""

import pytest

from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, MetricRef, Prior, Question, Side
from segue.facts.summary import ArmCell, ArmCounts


def weighed(bound: float, side: Side, *cells: tuple[float, int, int], effect: float = 1.0) -> Evidence:
    """The evidence in events of candidate and champion by propensity."""
    question = Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="error_rate"), design="events",
        candidate="b", champion="a", claim=Claim(side=side, bound=bound), alpha=0.05, prior=Prior(effect=effect),
    )  # fmt: skip
    arms = [ArmCell(propensity=p, candidate_yes=b, candidate_no=0, champion_yes=a, champion_no=0) for p, b, a in cells]
    evidence = weigh(question, ArmCounts(cells=tuple(arms)))
    assert isinstance(evidence, Evidence)
    return evidence


def test_traffic_does_not_matter() -> None:
    """Only who had the events matters: twice as many as the share explains is a ratio of about two, at any share."""
    assert weighed(1.1, "above", (0.5, 200, 100)).estimate == pytest.approx(2)
    assert weighed(1.1, "above", (0.1, 200, 900)).estimate == pytest.approx(2)
    assert weighed(1.1, "above", (0.1, 200, 900), (0.5, 200, 100)).estimate == pytest.approx(2)


def test_harm_is_seen() -> None:
    """Three times the errors of a one percent canary are seen within fifteen of them."""
    assert weighed(1.1, "above", (0.01, 15, 500)).shown
    assert not weighed(1.1, "above", (0.01, 4, 400)).shown


def test_no_harm_is_shown() -> None:
    """Equal rates show a ratio below 1.25, given events enough, also when the plan was nonsense."""
    for effect in (1.0, 0.01, -3.0, 50.0):
        assert weighed(1.25, "below", (0.5, 2000, 2000), effect=effect).shown
        assert not weighed(1.25, "above", (0.5, 2000, 2000), effect=effect).shown


def test_no_event_of_the_candidate() -> None:
    """A candidate without errors is better, given that the champion had enough."""
    evidence = weighed(1.0, "below", (0.5, 0, 20))
    assert evidence.shown
    assert evidence.low < 1e-5
