"""What of a live rollout's spec may change, and what it costs."""

from typing import Any

import msgspec
import pytest

from segue.decide.budget import ledger
from segue.decide.decide import decide
from segue.decide.gates.amending import Amendment, amendment
from segue.decide.questions import asked_gates
from segue.errors import DomainError
from segue.facts.decision import Act, Decision, PublishAllocation, State
from segue.spec.load import load

GUARD = "guardrails:\n"
FIRST, MORE = "promote_when: [accuracy: {not_worse_than_champion_by: 2pp}", ", errors: {at_most: 1%}"
LATER = "  - accuracy: {worse_than_champion_by: 4pp}\n"


def changed(scene: Any, *swaps: tuple[str, str]) -> str:
    """The scene's spec with some of its text put for other text."""
    text: str = scene.spec.source
    for old, new in swaps:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def found(scene: Any, *swaps: tuple[str, str]) -> Amendment:
    """What the change means."""
    return amendment(scene.spec, scene.state, load(changed(scene, *swaps)), since=4)


def begun(scene: Any, **changes: Any) -> Any:
    """The same scene, with the ledger that it has since it was applied."""
    state = msgspec.structs.replace(scene.state, ledger=ledger(scene.spec), spec_digest=scene.spec.digest, **changes)
    return type(scene)(scene.spec, state, scene.now)


def amend(scene: Any, text: str) -> tuple[Decision, State]:
    """The tick at which somebody's changed spec is taken up."""
    act = Act(id="a1", rollout=scene.state.rollout, trigger="amend", who="ana", why="", at=scene.now, target=text)
    return decide(scene.spec, scene.state, scene.observed(acts=(act,)), scene.now)


def test_a_guardrail_is_paid_from_the_reserve(running: Any) -> None:
    """It costs half of what was kept, everything else keeps its alpha, and the sentence says so."""
    scene = begun(running)
    change = found(scene, (GUARD, GUARD + LATER))
    paid = [line for line in change.ledger if line.gate == "guardrails[0]" and line.account == "false_rollback" and line.since]
    assert sum(line.alpha for line in paid) == pytest.approx(0.0005)
    assert {line for line in scene.state.ledger if line.account != "reserve"} <= set(change.ledger)
    assert change.lines == (
        "+ guardrail never accuracy of v8 worse than champion's by 4 pp: 0.05 % of false_rollback's 1 %, 0.05 % are kept",
    )


def test_what_is_added_is_judged_by_new_rows(running: Any) -> None:
    """The same shares are published once more, and only rows under that allocation count for it; the others keep theirs."""
    scene = begun(running)
    decision, after = amend(scene, changed(scene, (GUARD, GUARD + LATER)))
    assert (decision.kind, decision.trigger, after.phase) == ("amend", "amend", scene.state.phase)
    (command,) = decision.commands
    assert isinstance(command, PublishAllocation)
    asked = {it.question.claim.bound: it.question for it in asked_gates(load(after.amended), after) if it.kind == "guardrail"}
    before = {it.question.claim.bound: it.question for it in scene.asked if it.kind == "guardrail"}
    assert asked[-0.04].since_allocation == scene.observed().allocation + 1
    assert {bound: question.id for bound, question in asked.items() if bound != -0.04} == {
        bound: question.id for bound, question in before.items()
    }


def test_before_the_first_stage_nothing_has_been_seen(running: Any) -> None:
    """A pending rollout's ledger is drawn up anew: a guardrail that is added then is one like the others."""
    scene = begun(running, phase="pending")
    decision, after = amend(scene, changed(scene, (GUARD, GUARD + LATER)))
    assert after.ledger == ledger(load(after.amended))
    assert not decision.commands


def test_a_gate_costs_nothing_and_gives_nobody_up(running: Any) -> None:
    """One more gate makes a promotion rarer; it has the whole budget, no end of looking and no null of giving up."""
    scene = begun(running)
    swaps = (("at_most: {age: 4d, then", "at_most: {age: 4d, outcomes: 5000, then"),)
    scene = begun(type(scene)(load(changed(scene, *swaps)), scene.state, scene.now))
    change = found(scene, (FIRST, FIRST + MORE))
    assert change.lines == ("+ gate in stage shadow: errors of v8 at most 1 %; it costs nothing, and must pass too",)
    after = msgspec.structs.replace(scene.state, ledger=change.ledger)
    old, new = (it.question for it in asked_gates(change.spec, after) if it.kind == "promotion")
    assert (old.since_allocation, new.since_allocation, new.alpha) == (0, 4, 0.05)
    assert old.horizon is not None
    assert old.futility is not None
    assert new.horizon is None
    assert new.futility is None


def test_what_has_been_seen_may_not_be_chosen_by(running: Any) -> None:
    """Margins, budgets, shares, limits and versions stay; every difference is named at once."""
    scene = begun(running)
    swaps = (("false_rollback: 1%", "false_rollback: 2%"), ("at_most: {age: 4d", "at_most: {age: 9d"))
    with pytest.raises(DomainError, match=r"false_rollback: 1% -> 2%.*at_most.age: 4d -> 9d"):
        found(scene, *swaps)


def test_a_margin_that_was_looked_at_stays(running: Any) -> None:
    """A promotion gate is neither loosened, nor left out, nor moved."""
    scene = begun(running)
    gate = next(line for line in scene.spec.source.splitlines() if "not_worse_than_champion_by" in line)
    with pytest.raises(DomainError, match="stay as they are"):
        found(scene, (gate, gate.replace("not_worse_than_champion_by: ", "not_worse_than_champion_by: 9")))


def test_a_stage_that_is_over_has_no_new_gate(running: Any) -> None:
    """It would never be asked."""
    scene = begun(running.at(stage=2))
    with pytest.raises(DomainError, match="is over"):
        found(scene, (FIRST, FIRST + MORE))


def test_a_guardrail_left_out_stays_spent(running: Any) -> None:
    """It is not watched any more, and its alpha does not come back."""
    scene = begun(running)
    gone = next(line for line in scene.spec.source.splitlines() if "worse_than_champion_by: 1pp" in line)
    change = found(scene, (gone + "\n", ""))
    assert set(change.ledger) == set(scene.state.ledger)
    assert change.lines[0].startswith("- guardrail never errors of v8 worse than champion's by 1 pp")
    assert not change.judges_anew


def test_whom_to_tell_is_free(running: Any) -> None:
    """A notice changes no evidence, so nothing is published and nothing paid."""
    scene = begun(running)
    change = found(scene, ("guardrails:", "notify:\n  - {on: [promoted], url: 'slack://x'}\nguardrails:"))
    assert change.ledger == scene.state.ledger
    assert [line.partition(":")[0] for line in change.lines] == ["+ notify[slack"]
    assert not change.judges_anew


def test_nothing_is_left(running: Any) -> None:
    """A rollout without a reserve refuses another guardrail, and the history says why."""
    scene = begun(running)
    empty = tuple(line for line in scene.state.ledger if line.account != "reserve")
    scene = type(scene)(scene.spec, msgspec.structs.replace(scene.state, ledger=empty), scene.now)
    decision, after = amend(scene, changed(scene, (GUARD, GUARD + LATER)))
    assert decision.kind == "hold"
    assert decision.reasons[0].startswith("refused: nothing is left of false_rollback")
    assert after.ledger == empty


def test_what_is_no_spec_is_refused(running: Any) -> None:
    """An act whose text means nothing changes nothing."""
    scene = begun(running)
    decision, after = amend(scene, "")
    assert decision.kind == "hold"
    assert after.amended == ""


def test_a_retry_is_of_the_spec_in_force(running: Any) -> None:
    """What was added stays added, and what was paid stays paid."""
    scene = begun(running)
    _, after = amend(scene, changed(scene, (GUARD, GUARD + LATER)))
    later = type(scene)(load(after.amended), msgspec.structs.replace(after, phase="held"), scene.now)
    act = Act(id="a2", rollout=after.rollout, trigger="retry", who="ana", why="", at=scene.now)
    _, again = decide(later.spec, later.state, later.observed(acts=(act,)), later.now)
    assert (again.amended, again.ledger, again.attempt) == (after.amended, after.ledger, 2)
