"""What becomes of what people ask for?

An act is taken at the next tick, one a tick, an abort before all others. What the table does not allow now is refused: the
refusal is recorded as a hold with its reason, and the tick goes on.
"""

from collections.abc import Callable
from typing import Final

from segue.decide import moves
from segue.decide.gates import contest
from segue.decide.gates.amending import amendment
from segue.decide.machine import triggers
from segue.decide.moves import Move, Scene
from segue.decide.preconditions.champion import champion_name
from segue.decide.walk import alive, destination
from segue.errors import DomainError, SpecError
from segue.facts.decision import Act, Trigger, Verdict
from segue.spec.load import load

Answer = Callable[[Scene, tuple[str, ...], tuple[Act, ...]], Move]

PEOPLE_ASK: Final[tuple[Trigger, ...]] = (
    "pause",
    "resume",
    "approve",
    "promote",
    "promote_full",
    "abort",
    "retry",
    "override",
    "undo",
    "begin",
    "amend",
)
"""The triggers of acts."""

_ANSWERS: Final[dict[str, Answer]] = {
    "pause": moves.pause,
    "resume": moves.resume,
    "retry": moves.retry,
    "override": moves.override,
    "undo": moves.undo,
    "begin": moves.begin,
    "amend": moves.amend,
    "approve": lambda scene, reasons, acts: moves.forward(scene, "approve", reasons, acts),
    "promote": lambda scene, reasons, acts: moves.forward(scene, "promote", reasons, acts),
    "promote_full": lambda scene, reasons, acts: moves.forward(scene, "promote_full", reasons, acts),
}


def abort(scene: Scene) -> Move | None:
    """The first abort that somebody asked for, where there is something to abort."""
    asked = next((act for act in scene.observed.acts if act.trigger == "abort"), None)
    if asked is None or "abort" not in triggers(scene.state.phase):
        return None
    return moves.back(scene, "abort", (said(asked),), (asked,))


def first(scene: Scene, found: tuple[Verdict, ...]) -> Move | None:
    """The oldest act, done or refused.

    Args:
        scene: where it is asked for.
        found: the verdicts of this tick: only what is judged can be overridden.
    """
    if not scene.observed.acts:
        return None
    act = scene.observed.acts[0]
    if act.trigger == "begin" and scene.state.phase == "queued" and scene.observed.other:
        return moves.hold(scene, (f"waits until {scene.observed.other} is over",))  # asked for still
    refusal = _refusal(scene, act) or _no_override(act, found) or _no_undo(scene, act) or _no_amend(scene, act)
    if not refusal:
        chosen, reasons = _chosen(scene, act)
        move = _ANSWERS[act.trigger](chosen, (said(act), *reasons), (act,))
        if move.trigger in triggers(scene.state.phase):
            return move
        refusal = f"a rollout that is {scene.state.phase} has no {act.trigger}"
    return moves.hold(scene, (f"refused: {refusal}; {said(act)}",), (act,))


def said(act: Act) -> str:
    """An act as people say it: "abort by ana: wrong features"."""
    return f"{act.trigger.replace('_', ' ')} by {act.who}" + (f": {act.why}" if act.why else "")


def _chosen(scene: Scene, act: Act) -> tuple[Scene, tuple[str, ...]]:
    """Where a person moves the alias while several candidates are left, the one that is surely best goes on."""
    live = alive(scene.spec, scene.state)
    released = act.trigger == "promote_full" or destination(scene.spec, scene.state.stage + 1) != "stage"
    if len(live) < 2 or act.trigger not in {"promote", "promote_full", "approve"} or not released:
        return scene, ()
    winner, why = contest.best(scene, live)
    return moves.narrowed(scene, tuple(name for name in live if name != winner)), (why,)


def _refusal(scene: Scene, act: Act) -> str:
    state, observed = scene.state, scene.observed
    if act.trigger not in _ANSWERS:
        return f"a rollout that is {state.phase} has no {act.trigger}"
    promoting = act.trigger in {"promote", "promote_full", "approve"}
    if promoting and (state.phase in {"promoted", "rolled_back", "aborted", "pending"} or state.resume_to == "pending"):
        return f"a rollout that is {state.phase} cannot be promoted" + _before(scene)
    ill = champion_name(scene.spec, state) if state.phase == "champion_unhealthy" else ""
    gone = [name for name in observed.missing if name != ill]
    if promoting and gone:
        return f"not served: {', '.join(gone)}"
    if promoting and observed.alias is None:
        return "it is not known what the registry's alias points at"
    if act.trigger == "retry" and observed.other:
        return f"the route has another rollout that is not over: {observed.other}"
    return ""


def _no_override(act: Act, found: tuple[Verdict, ...]) -> str:
    if act.trigger != "override":
        return ""
    roles = {verdict.role for verdict in found if verdict.gate == act.target}
    if not roles:
        names = ", ".join(
            dict.fromkeys(verdict.gate for verdict in found if verdict.role != "guardrail" and verdict.outcome != "pass")
        )
        return f"this stage has no gate {act.target or '(none named)'}; open are: {names or 'none'}"
    return "a guardrail that would show harm cannot be overridden; abort, or change the spec" if "guardrail" in roles else ""


def _no_undo(scene: Scene, act: Act) -> str:
    state, observed = scene.state, scene.observed
    if act.trigger != "undo" or state.phase != "promoted":
        return ""
    if observed.other:
        return f"the route has another rollout that is not over: {observed.other}"
    if observed.alias is None:
        return "it is not known what the registry's alias points at"
    if observed.alias != state.alias_version:
        there = observed.alias or "nothing"
        return f"the alias was moved since: it points at {there}, this rollout left it at {state.alias_version}"
    target = act.target or state.alias_before
    if not target or target == state.alias_version:
        return "there is no version to go back to" if not target else f"the alias points at {target} already"
    return ""


def _no_amend(scene: Scene, act: Act) -> str:
    if act.trigger != "amend":
        return ""
    if "amend" not in triggers(scene.state.phase):
        return f"a rollout that is {scene.state.phase} has no amend"
    try:
        amendment(scene.spec, scene.state, load(act.target))
    except (DomainError, SpecError) as error:
        return error.message
    return ""


def _before(scene: Scene) -> str:
    return " before its first stage" if "pending" in {scene.state.phase, scene.state.resume_to} else ""
