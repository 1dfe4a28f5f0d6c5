"""Answers that only the candidate failed to give must not make it look good."""

from typing import Any

import msgspec
import numpy as np
import pytest

from segue.decide.decide import decide
from segue.decide.judge import verdicts
from segue.decide.preconditions.unanswered import unanswered
from segue.evidence.weighing import weigh
from segue.facts.decision import Verdict
from segue.facts.evidence import Evidence, Health, Weighed
from segue.facts.question import Claim, MetricRef, Prior, Question
from segue.facts.summary import ArmCell, ArmCounts

FINE = Health(asked=10_000, failed=10, judged=1000, with_outcome=900)


def health(excess: float) -> dict[str, Health]:
    """Of a candidate that fails on so much more of its requests, within what all gates on quality allow."""
    return {"champion": FINE, "v8": msgspec.structs.replace(FINE, failed=10 + round(excess * 10_000))}


def beyond(scene: Any, room: float) -> dict[str, Weighed]:
    """Evidence that shows the gate's claim, its interval so far beyond the bound."""
    weighed = dict(scene.evidence({"accuracy"}))
    for name, it in weighed.items():
        if isinstance(it, Evidence) and it.shown:
            weighed[name] = msgspec.structs.replace(it, low=-0.02 + room, estimate=room, high=0.1)
    return weighed


def held(scene: Any, excess: float, room: float) -> tuple[Verdict, ...]:
    """What is said of answers that were not given."""
    observed = scene.observed(health=health(excess), weighed=beyond(scene, room))
    found = verdicts(scene.asked, scene.state, observed)
    return tuple(unanswered(scene.asked, found, observed, "champion"))


@pytest.mark.parametrize(
    ("excess", "room", "outcome"), [(0.008, 0.005, "not_yet"), (0.008, 0.0081, "pass"), (0.002, 0.003, "pass")]
)
def test_what_failed_might_have_been_wrong(running: Any, excess: float, room: float, outcome: str) -> None:
    """A gate that is shown by less than the failures could have cost is held, and says both numbers."""
    (verdict,) = held(running, excess, room)
    assert (verdict.outcome, verdict.candidate, verdict.role) == (outcome, "v8", "precondition")
    assert verdict.gate == "stages[0].promote_when[0].unanswered"
    assert f"fails on {100 * excess:.3g} pp more" in verdict.reason
    assert f"{100 * room:.3g} pp beyond the bound" in verdict.reason


@pytest.mark.parametrize("excess", [0.0, -0.0005])
def test_equal_failures_cost_nothing(running: Any, excess: float) -> None:
    """Where the candidate fails no more often than the champion there is nothing to be held by."""
    assert held(running, excess, 0.0001) == ()


def test_the_stage_is_held(running: Any) -> None:
    """A candidate that fails on less than a point more of its requests does not leave the stage by half a point of accuracy."""
    scene = running.at(hours=3.0)
    for room, kind in ((0.005, "hold"), (0.009, "advance")):
        observed = scene.observed(health=health(0.008), weighed=beyond(scene, room))
        assert decide(scene.spec, scene.state, observed, scene.now)[0].kind == kind


def test_a_candidate_that_refuses_what_is_hard_is_not_better() -> None:
    """The champion again, silent on 0.9 % where it would be wrong: shown better, and held by what it refused."""
    rng, refused, n, right = np.random.default_rng(5), 0.009, 5_000, 0.91
    question = Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="accuracy", kind="accuracy", cap=1.0),
        design="randomised", candidate="v8", champion="champion", claim=Claim(side="above", bound=0.0), alpha=0.05,
        prior=Prior(mean=right, variance=right * (1 - right), effect=0.01),
    )  # fmt: skip
    ever, kept = 0, 0
    for _ in range(runs := 40):
        b, a, shown = np.zeros(2, dtype=int), np.zeros(2, dtype=int), []
        for _ in range(12):
            b += rng.multinomial(n, [right, 1 - right - refused, refused])[:2]
            a += rng.multinomial(n, [right, 1 - right])
            cell = ArmCell(propensity=0.5, candidate_yes=b[0], candidate_no=b[1], champion_yes=a[0], champion_no=a[1])
            found = weigh(question, ArmCounts(cells=(cell,)))
            assert isinstance(found, Evidence)
            shown += [found.low] if found.shown else []
        ever += bool(shown)
        kept += any(low >= refused for low in shown)
    assert ever / runs > 0.9
    assert kept / runs <= 0.05
