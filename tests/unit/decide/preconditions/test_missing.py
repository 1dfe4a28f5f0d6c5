"""A claim that is shown only as long as unknown outcomes are left out is held."""

from typing import Any

import pytest

from segue.decide.decide import decide
from segue.decide.preconditions.missing import what_ifs
from segue.decide.questions import asked_gates
from segue.facts.evidence import UNKNOWN, NotEnough
from segue.spec.load import load

SHADOW, CANARY, AB = 0, 1, 2


def asked(scene: Any) -> list[tuple[str, str]]:
    """Which gates are asked again, and what if."""
    return [(it.question.metric.name, it.guess) for it in what_ifs(scene.asked, scene.state)]


def test_which_gates_are_asked_again(running: Any) -> None:
    """Gates on labels: of a pair or one variant with the worst guess, of drawn units with both; never guardrails or values."""
    assert asked(running) == [("accuracy", "wrong")]
    assert asked(running.at(stage=CANARY)) == [("accuracy", "wrong"), ("accuracy", "right")]
    assert asked(running.at(stage=AB)) == []
    assert asked(running.at(phase="promoted")) == []


def test_absence_that_means_no_is_not_unknown(running: Any) -> None:
    """Where a missing outcome counts as a no, nothing is unknown."""
    spec = load(running.spec.source.replace("missing: exclude", "missing: negative"))
    assert what_ifs(asked_gates(spec, running.state), running.state) == ()


def test_the_question_is_the_gate_s_but_for_the_guess(running: Any) -> None:
    """The same null, population and error; a name of its own, so that its evidence is kept apart."""
    (again,) = what_ifs(running.asked, running.state)
    assert again.question.metric.parameters == {UNKNOWN: "wrong"}
    assert again.question.id != again.asked.question.id
    assert (again.question.claim, again.question.alpha) == (again.asked.question.claim, again.asked.question.alpha)


@pytest.mark.parametrize("guess", ["wrong", "right"])
def test_a_verdict_that_flips_holds(running: Any, guess: str) -> None:
    """Shown without the unknown ones and not with them: hold, and say so."""
    scene = running.at(stage=CANARY, step=2)
    observed = scene.observed("accuracy")
    later = scene.at(hours=3)
    assert decide(later.spec, later.state, observed, later.now)[0].trigger == "next_stage"
    (flipped,) = (it.question for it in what_ifs(scene.asked, scene.state) if it.guess == guess)
    for weak in (scene.observed().weighed[flipped.id], NotEnough(have=0, need=1, unit="drawn units")):
        observed.weighed[flipped.id] = weak
        decision, after = decide(later.spec, later.state, observed, later.now)
        assert decision.trigger == "hold"
        assert any(f"are {guess}: shown only without them" in reason for reason in decision.reasons)
        assert flipped.id not in after.crossed
    del observed.weighed[flipped.id]
    assert decide(later.spec, later.state, observed, later.now)[0].trigger == "hold"


def test_once_shown_it_stays_shown(running: Any) -> None:
    """As with every claim: an hour later, weaker numbers do not take it back."""
    scene = running.at(stage=CANARY, step=2)
    _, after = decide(scene.spec, scene.state, scene.observed("accuracy"), scene.now)
    assert {it.question.id for it in what_ifs(scene.asked, scene.state)} < set(after.crossed)
    later = scene.at(crossed=after.crossed, hours=3)
    assert decide(later.spec, later.state, scene.observed(), later.now)[0].trigger == "next_stage"


def test_a_gate_that_is_not_shown_has_nothing_to_lose(running: Any) -> None:
    """Before a gate passes, it is the gate that holds."""
    later = running.at(hours=3)
    decision, _ = decide(later.spec, later.state, running.observed(), later.now)
    held = [verdict.gate for verdict in decision.verdicts if verdict.role == "precondition" and verdict.outcome != "pass"]
    assert (decision.trigger, held) == ("hold", [])
