"""Several candidates at once: who goes on, who leaves, who wins."""

from typing import Any

import msgspec
import pytest
from tests.unit.decide.conftest import NOW, TEXT, Scene, audit, evidence

from segue.decide.allocate import for_stage
from segue.decide.decide import decide
from segue.decide.gates.contest import best
from segue.decide.moves import Scene as Moment
from segue.decide.observed import Observed
from segue.decide.preconditions.missing import what_ifs
from segue.decide.questions import asked_gates
from segue.facts.decision import Act, Decision, PublishAllocation, State
from segue.facts.evidence import Evidence, Health, NotEnough
from segue.spec.load import load
from segue.spec.rollout import Rollout

FINE = Health(asked=1000, failed=0, judged=1000, with_outcome=900)


@pytest.fixture(scope="module")
def spec() -> Rollout:
    """The rollout of this room with two candidates."""
    text = TEXT.replace(
        "  v8: {version: models:/churn/8}", "  v8: {version: models:/churn/8}\n  v9: {version: models:/churn/9}"
    )
    text = text.replace("shares: {champion: 50%, v8: 50%}", "shares: {champion: 50%, v8: 20%, v9: 30%}")
    return load(text.replace("    approve: product\n", ""))


def standing(spec: Rollout, stage: int, **changes: Any) -> Scene:
    """A rollout of two candidates in a stage, and in its last step."""
    step = 2 if stage == 1 else 0
    state = State(
        rollout="churn-1", route="churn", spec_digest=spec.digest, phase="running", stage=stage, step=step, created_at=NOW,
        entered_at=NOW, step_at=NOW, decisions=1, champion_version="7", candidate_version="8", alias_version="7",
        versions={"v8": "8", "v9": "9"},
    )  # fmt: skip
    return Scene(spec, state).at(hours=3, **changes)


def told(scene: Scene, **said: str) -> Observed:
    """What is known where each candidate "passes", is "harmful", "futile" or "open"."""
    weighed: dict[str, Any] = {}
    for asked in scene.asked:
        how = said[asked.candidate]
        shown = how == ("harmful" if asked.kind == "guardrail" else "passes")
        found = evidence(asked.question, shown=shown)
        if how == "futile" and asked.kind == "promotion":
            apart = {"low": -0.9, "high": -0.8, "estimate": -0.85, "log_e_futile": 9.0, "futile_threshold": 4.0}
            found = msgspec.structs.replace(found, **apart)
        weighed[asked.question.id] = found
        if asked.instead is not None:
            weighed[asked.instead.id] = NotEnough(have=0, need=1, unit="rows")
    for it in what_ifs(scene.asked, scene.state):
        weighed[it.question.id] = evidence(it.question, shown=said[it.question.candidate] == "passes")
    return Observed(
        weighed=weighed,
        health=dict.fromkeys(("champion", "v8", "v9"), FINE),
        seen_in_step=100,
        alias="7",
        versions={"champion": "7", "v8": "8", "v9": "9"},
        allocation=3,
        audits=tuple(
            audit(name) for name in ("sample_ratio", "propensity", "cohorts", "outcome_stream", "coverage", "shadows")
        ),
    )


def decided(scene: Scene, **said: str) -> tuple[Decision, State]:
    """The decision of a tick at which each candidate stands as said."""
    return decide(scene.spec, scene.state, told(scene, **said), scene.now)


def shares(decision: Decision) -> PublishAllocation:
    """The allocation that a decision publishes last."""
    published = [command for command in decision.commands if isinstance(command, PublishAllocation)]
    return published[-1]


def test_harm_of_one_leaves_the_other_in_its_stage(spec: Rollout) -> None:
    """The harmful candidate's share goes to the champion; the other keeps its own, its stage and its evidence."""
    scene = standing(spec, 2)
    decision, after = decided(scene, v8="harmful", v9="open")
    assert (decision.trigger, after.phase, after.stage, after.out) == ("leave", "running", 2, {"v8": 2})
    assert shares(decision).shares == {"champion": pytest.approx(0.7), "v8": 0.0, "v9": 0.3}
    assert "v8 leaves" in decision.reasons[0]
    assert after.candidate_version == "9"
    before = {it.question.id for it in asked_gates(spec, scene.state) if it.candidate == "v9"}
    assert {it.question.id for it in asked_gates(spec, after)} == before


def test_harm_of_the_last_rolls_back(spec: Rollout) -> None:
    """Nobody is left: everybody to the champion."""
    decision, after = decided(standing(spec, 2, out={"v8": 2}), v9="harmful")
    assert (decision.trigger, after.phase) == ("harm", "rolled_back")
    decision, after = decided(standing(spec, 2), v8="harmful", v9="harmful")
    assert (decision.trigger, after.phase) == ("harm", "rolled_back")
    assert len(decision.reasons) == 4  # both guardrails of both


@pytest.mark.parametrize("phase", ["paused", "awaiting_approval", "held"])
def test_harm_is_acted_on_where_nothing_else_moves(spec: Rollout, phase: str) -> None:
    """A harmful candidate leaves in every phase of a stage, which stays as it is."""
    decision, after = decided(standing(spec, 2, phase=phase), v8="harmful", v9="open")
    assert (decision.trigger, after.phase) == ("leave", phase)


def test_those_that_pass_go_on_together(spec: Rollout) -> None:
    """Both pass the shadow, and both enter the canary, whose share they divide."""
    decision, after = decided(standing(spec, 0), v8="passes", v9="passes")
    assert (decision.trigger, after.stage, after.out) == ("next_stage", 1, {})
    at_five = scene_shares(spec, after, step=1)
    assert at_five.shares == {"champion": 0.95, "v8": 0.025, "v9": 0.025}


def scene_shares(spec: Rollout, state: State, *, step: int) -> PublishAllocation:
    """The allocation of a step."""
    return for_stage(spec, msgspec.structs.replace(state, step=step))


def test_who_passes_waits_as_long_again(spec: Rollout) -> None:
    """A stage that one has passed is held for the other as long as it took so far; then that one leaves."""
    scene = standing(spec, 0)
    decision, after = decided(scene, v8="passes", v9="open")
    assert (decision.trigger, after.passed) == ("hold", {"v8": 3 * 3600.0})
    assert decision.reasons[0].startswith("passed by v8; v9 may take as long again")
    later = Scene(spec, after, scene.now).at(hours=2.9)
    decision, after = decided(later, v8="passes", v9="open")
    assert decision.trigger == "hold"
    latest = Scene(spec, after, later.now).at(hours=0.2)
    decision, after = decided(latest, v8="passes", v9="open")
    assert (decision.trigger, after.stage, after.out, after.passed) == ("next_stage", 1, {"v9": 0}, {})
    assert any(reason.startswith("v9 leaves: ") for reason in decision.reasons)


def test_who_cannot_pass_leaves_early(spec: Rollout) -> None:
    """A stage with a limit gives up a candidate that is shown not to reach its bound; two such end it as the limit says."""
    decision, after = decided(standing(spec, 0), v8="open", v9="futile")
    assert (decision.trigger, after.out) == ("leave", {"v9": 0})
    decision, after = decided(standing(spec, 0), v8="futile", v9="futile")
    assert (decision.trigger, after.phase) == ("futile_rollback", "rolled_back")


def test_the_limit_takes_those_on_that_passed_before(spec: Rollout) -> None:
    """At the end of the stage's time a candidate that passed in time goes on; one that passes only then does not."""
    late = standing(spec, 0, passed={"v8": 90 * 3600.0}).at(hours=93)
    decision, after = decided(late, v8="passes", v9="open")
    assert (decision.trigger, after.out) == ("next_stage", {"v9": 0})
    decision, after = decided(standing(spec, 0).at(hours=93), v8="passes", v9="open")
    assert (decision.trigger, after.phase) == ("time_out_rollback", "rolled_back")


def test_the_surely_best_is_released(spec: Rollout) -> None:
    """Before the alias moves one is left: the one whose bound on the side of harm is largest, in numbers."""
    scene = standing(spec, 2)
    observed = told(scene, v8="passes", v9="passes")
    better = next(it.question.id for it in asked_gates(spec, scene.state) if it.candidate == "v9" and it.kind == "promotion")
    found = observed.weighed[better]
    assert isinstance(found, Evidence)
    weighed = observed.weighed | {better: msgspec.structs.replace(found, low=0.02)}
    decision, after = decide(spec, scene.state, msgspec.structs.replace(observed, weighed=weighed), scene.now)
    assert (decision.trigger, after.phase, after.out, after.alias_version) == ("release", "watching", {"v8": 2}, "9")
    assert shares(decision).shares == {"champion": pytest.approx(0.1), "v9": 0.9}
    assert decision.reasons[0].startswith("v9 goes on: of conversion its bound on the side of harm is the best (v8 +0.001")


def test_ties_go_by_the_order_of_the_spec(spec: Rollout) -> None:
    """Equal bounds, or none: the first in the file."""
    scene = standing(spec, 2)
    moment = Moment(
        spec=spec, state=scene.state, observed=told(scene, v8="passes", v9="passes"), now=scene.now, asked=scene.asked
    )
    assert best(moment, ("v8", "v9"))[0] == "v8"
    silent = msgspec.structs.replace(moment, observed=Observed())
    winner, why = best(silent, ("v8", "v9"))
    assert winner == "v8"
    assert "first in the spec" in why


def test_a_person_who_promotes_gets_one(spec: Rollout) -> None:
    """`promote --full` with two candidates left releases the one that is surely best, and says so."""
    scene = standing(spec, 0)
    act = Act(id="a", rollout="churn-1", trigger="promote_full", who="ana", why="", at=NOW)
    observed = msgspec.structs.replace(told(scene, v8="open", v9="open"), acts=(act,))
    decision, after = decide(spec, scene.state, observed, scene.now)
    assert (after.phase, len(after.out)) == ("watching", 1)
    assert any("goes on" in reason for reason in decision.reasons)


def test_a_retry_begins_with_everybody(spec: Rollout) -> None:
    """Who had left is there again."""
    scene = standing(spec, 2, phase="held", out={"v8": 1})
    act = Act(id="a", rollout="churn-1", trigger="retry", who="ana", why="", at=NOW)
    observed = msgspec.structs.replace(told(scene, v9="open"), acts=(act,))
    _, after = decide(spec, scene.state, observed, scene.now)
    assert (after.phase, after.out, after.versions) == ("pending", {}, {"v8": "8", "v9": "9"})
