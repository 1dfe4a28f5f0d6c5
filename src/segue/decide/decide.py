"""What follows? One tick's decision, with every number that it rests on.

The order in which things are looked at is the order of safety: a person's abort, harm, an alias that somebody else moved,
what people ask for, a champion that is itself unhealthy, time limits, and only then the evidence for moving on. Nothing raises
out of here for what the world does: an act that cannot be is refused in the history, missing data hold.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

import msgspec

from segue.decide import acts, moves
from segue.decide.gates import contest
from segue.decide.gates.together import together
from segue.decide.judge import Judged, crossed, overridden, timed, verdicts
from segue.decide.machine import LIVE, STANDING, move
from segue.decide.moves import Move, Scene
from segue.decide.observed import Observed
from segue.decide.preconditions import unhealthy
from segue.decide.preconditions.audits import broken
from segue.decide.preconditions.champion import failing, health_of_champion, left_out
from segue.decide.preconditions.missing import unknowns
from segue.decide.preconditions.stage import preconditions
from segue.decide.preconditions.unanswered import unanswered
from segue.decide.questions import asked_gates
from segue.decide.walk import alive, destination, released, span, stage_age_s, stage_of, step_age_s, steps_of, watch_of
from segue.facts.decision import Decision, Phase, State, Verdict
from segue.ids import derived
from segue.spec.rollout import Rollout
from segue.spec.stage import AtMost


def decide(spec: Rollout, state: State, observed: Observed, now: datetime) -> tuple[Decision, State]:
    """The decision of one tick and the state after it; the same arguments give the same answer for ever.

    Args:
        spec: what was asked.
        state: where the rollout stands.
        observed: everything that was measured, weighed and asked for.
        now: the one reading of the clock of this tick.

    Returns:
        A decision with reasons in every case ("hold" where nothing moves), and the state to be kept with it.
    """
    scene = Scene(spec=spec, state=state, observed=observed, now=now, asked=asked_gates(spec, state))
    judged = judge(scene)
    chosen = next(found for look in _IN_ORDER if (found := look(scene, judged)) is not None)
    return _concluded(scene, judged, chosen)


def judge(scene: Scene) -> Judged:
    """All verdicts of this tick, preconditions included."""
    found = verdicts(scene.asked, scene.state, scene.observed)
    phase = scene.state.phase
    if phase in LIVE and "pending" not in {phase, scene.state.resume_to}:
        found += health_of_champion(scene.spec, scene.state, scene.observed)
        found += failing(scene.spec, scene.state, scene.observed)
    standing = phase in STANDING and scene.state.resume_to in {None, "running", "awaiting_approval"}
    if standing:
        found += preconditions(scene.spec, scene.state, scene.observed, scene.now)
        found += unknowns(scene.asked, scene.state, scene.observed)
    shown = crossed(scene.state, found)
    found, besides = together(scene.spec, scene.state, found)
    shown |= {name: max(log_e, shown.get(name, log_e)) for name, log_e in besides.items()}
    if standing:
        found += tuple(unanswered(scene.asked, found, scene.observed, scene.spec.champion))
    age_s = stage_age_s(scene.state, scene.now)
    seen = tuple(timed(overridden(scene.state, verdict), age_s) for verdict in found)
    return Judged(verdicts=seen, crossed=shown, any_of=stage_of(scene.spec, scene.state).any_of)


def _concluded(scene: Scene, judged: Judged, chosen: Move) -> tuple[Decision, State]:
    state, number = scene.state, scene.state.decisions + 1
    phase = move(state.phase, chosen.trigger)
    entered = chosen.state.stage != state.stage or chosen.trigger == "retry"
    after = msgspec.structs.replace(chosen.state, phase=phase, decisions=number, crossed={} if entered else judged.crossed)
    if phase != "champion_unhealthy":
        after = msgspec.structs.replace(after, unhealthy_since=None, well_since=None)
    told = moves.notices(scene, chosen, phase, stage_of(scene.spec, after).name)
    decision = Decision(
        id=derived("d", state.rollout, number),
        rollout=state.rollout,
        number=number,
        at=scene.now,
        kind=chosen.kind,
        trigger=chosen.trigger,
        from_phase=state.phase,
        to_phase=phase,
        from_stage=stage_of(scene.spec, state).name,
        to_stage=stage_of(scene.spec, after).name,
        step=after.step,
        reasons=chosen.reasons,
        verdicts=judged.verdicts,
        commands=moves.named((*chosen.commands, *told), state.rollout, number),
        acts=chosen.acts,
        inputs=scene.observed.inputs,
        health=scene.observed.health or msgspec.UNSET,
    )
    return decision, after


def _abort(scene: Scene, _judged: Judged) -> Move | None:
    return acts.abort(scene)


def _harm(scene: Scene, judged: Judged) -> Move | None:
    if not judged.harm or scene.state.phase not in LIVE:
        return None
    reasons = tuple(f"{verdict.text} is broken; {verdict.reason}" for verdict in judged.harm)
    harmed = {verdict.candidate for verdict in judged.harm}
    others = [name for name in alive(scene.spec, scene.state) if name not in harmed]
    if not others or released(scene.state):
        return moves.back(scene, "harm", reasons)
    return moves.leave(scene, tuple(harmed), reasons)


def _superseded(scene: Scene, _judged: Judged) -> Move | None:
    reason = _moved_by_others(scene)
    if not reason or scene.spec.after.moved_by_others == "alarm":
        return None
    return moves.back(scene, "superseded", (reason,))


def _alarmed(scene: Scene, judged: Judged) -> Move | None:
    reason = _moved_by_others(scene)
    if not reason:
        return None
    return moves.hold(scene, (f"{reason}; holding until it is moved back or the rollout is aborted", *_still_open(judged)))


def _moved_by_others(scene: Scene) -> str:
    """What somebody else did to the alias while the rollout lasts, or ""."""
    state, alias = scene.state, scene.observed.alias
    at_rest = state.phase == "pending" or state.resume_to == "pending" or state.phase not in LIVE
    if at_rest or alias is None or alias == state.alias_version:
        return ""
    name = scene.spec.after.registry_alias
    knows = state.alias_version or "nothing"
    return f"somebody moved the alias {name}: it points at {alias or 'nothing'}, this rollout left it at {knows}"


def _asked(scene: Scene, judged: Judged) -> Move | None:
    return acts.first(scene, judged.verdicts)


def _in_phase(scene: Scene, judged: Judged) -> Move:
    return _PHASES.get(scene.state.phase, _over)(scene, judged)


_IN_ORDER: Final[tuple[Callable[[Scene, Judged], Move | None], ...]] = (
    _abort,
    _harm,
    _superseded,
    _asked,
    _alarmed,
    unhealthy.look,
    _in_phase,
)


def _pending(scene: Scene, _judged: Judged) -> Move:
    observed, names = scene.observed, [scene.spec.champion, *scene.spec.candidates]
    unknown = [name for name in names if not observed.versions.get(name)]
    if observed.missing or unknown:
        waiting = [f"{name} is not served yet" for name in observed.missing]
        waiting += [_unknown(scene.spec.variants[name].version) for name in unknown]
        return moves.hold(scene, tuple(waiting))
    if observed.alias is None:
        return moves.hold(scene, (f"it is not known what the alias {scene.spec.after.registry_alias} points at",))
    versions = {observed.versions[name] for name in names}
    if len(versions) < len(names):
        same = ", ".join(f"{name} is {observed.versions[name]}" for name in names)
        return moves.hold(scene, (f"two variants are the same version, so there is nothing to move: {same}",))
    return moves.start(scene, ("all versions are ready: " + ", ".join(f"{n} is {observed.versions[n]}" for n in names),))


def _unknown(version: str) -> str:
    tells = "segue model alias" if "@" in version else "segue model register"
    return f"the registry does not know which version {version} is: `{tells}` tells it"


def _running(scene: Scene, judged: Judged) -> Move:
    scene = contest.noted(scene, judged)
    spec, state = scene.spec, scene.state
    stage, live, age = stage_of(spec, state), alive(spec, state), stage_age_s(state, scene.now)
    limit, ready = stage.at_most, contest.passing(scene, judged)
    if limit is not None and age >= limit.age_s:
        before = tuple(name for name in ready if state.passed.get(name, limit.age_s) < limit.age_s)
        why = f"stage {stage.name} is {span(age)} old and may be {span(limit.age_s)}"
        return _on(scene, judged, before) if before else _ended(scene, limit, "time_out", (why, judged))
    over = contest.over(scene, judged)
    if limit is not None and over and len(over) == len(live):
        worst = next((it for it in over.values() if it.how == "time_out"), next(iter(over.values())))
        return _ended(scene, limit, worst.how, (worst.reason, judged))
    if over:
        lines = [_line(verdict) for name in over for verdict in judged.still_open(name)]
        return moves.leave(scene, tuple(over), (*(it.reason for it in over.values()), *lines))
    if state.step < len(steps_of(stage)) - 1:
        return _step(scene, judged)
    if not ready:
        return moves.hold(scene, _still_open(judged))
    if len(ready) < len(live) and age < contest.deadline_s(scene):
        others = ", ".join(name for name in live if name not in ready)
        return moves.hold(scene, (f"passed by {', '.join(ready)}; {others} may take as long again", *_still_open(judged)))
    return _on(scene, judged, ready)


def _on(scene: Scene, judged: Judged, ready: tuple[str, ...]) -> Move:
    """Those that have passed go on, one of them where the alias moves next; the others leave."""
    spec, stage = scene.spec, stage_of(scene.spec, scene.state)
    releasing = destination(spec, scene.state.stage + 1) != "stage"
    winner, why = contest.best(scene, ready)
    going = (winner,) if releasing else ready
    reasons = tuple(f"{verdict.text}; {verdict.reason}" for name in going for verdict in judged.of("objective", name))
    reasons = reasons or (f"stage {stage.name} has no gate; its conditions hold and no guardrail is broken",)
    if releasing and scene.observed.alias is None:
        return moves.hold(scene, ("passed, but it is not known what the registry's alias points at", *reasons))
    behind = tuple(name for name in alive(spec, scene.state) if name not in going)
    reasons = ((why,) if len(ready) > len(going) else ()) + reasons
    reasons += tuple(f"{name} leaves: {_line(verdict)}" for name in behind for verdict in judged.still_open(name)[:1])
    scene = moves.narrowed(scene, behind)
    if stage.approve:
        return moves.wait_for_approval(scene, reasons)
    return moves.forward(scene, "gates", reasons)


def _ended(scene: Scene, limit: AtMost, how: Literal["time_out", "futile"], why: tuple[str, Judged]) -> Move:
    # As the spec says: back to the champion, or held for a person; never a promotion.
    first, judged = why
    futile = [_line(verdict) for name in alive(scene.spec, scene.state) for verdict in judged.futile(name)]
    reasons = (
        first,
        *futile,
        *(line for line in _still_open(judged) if line not in futile),
    )
    if limit.then == "rollback":
        return moves.back(scene, "time_out_rollback" if how == "time_out" else "futile_rollback", reasons)
    return moves.stand(scene, "time_out_hold" if how == "time_out" else "futile_hold", reasons)


def _step(scene: Scene, judged: Judged) -> Move:
    state, steps = scene.state, steps_of(stage_of(scene.spec, scene.state))
    current, age = steps[state.step], step_age_s(state, scene.now)
    whom = f" of {current.audience}" if current.audience else ""
    place = f"step {state.step + 1} of {len(steps)} ({100 * current.share:g} %{whom})"
    if age < current.age_s:
        return moves.hold(scene, (f"{place} is {span(age)} old and stays {span(current.age_s)}", *_still_open(judged)))
    if scene.observed.problems:
        return moves.hold(scene, (f"{place} is old enough, but not everything is measured", *scene.observed.problems))
    alarms = (*broken(judged.verdicts), *left_out(judged.verdicts))
    if alarms:
        return moves.hold(scene, (f"{place} is old enough, but its data cannot be believed", *map(_line, alarms)))
    if scene.observed.seen_in_step <= 0:
        return moves.hold(scene, (f"{place} is old enough, but nothing was recorded of the candidate in it",))
    seen = scene.observed.seen_in_step
    reason = f"{place} is {span(age)} old, {seen:,} answers of the candidate were recorded in it, and no guardrail is broken"
    return moves.step(scene, (reason,))


def _watching(scene: Scene, judged: Judged) -> Move:
    watch, age = watch_of(scene.spec, scene.state), stage_age_s(scene.state, scene.now)
    guard = tuple(f"{verdict.text}; {verdict.reason}" for verdict in judged.of("guardrail"))
    if age < watch.watch_s:
        return moves.hold(scene, (f"watching for {span(age)} of {span(watch.watch_s)}", *guard))
    if watch.watch_s > 0 and scene.observed.problems:
        return moves.hold(scene, ("the watch is over, but not everything is measured", *scene.observed.problems))
    if watch.watch_s > 0 and scene.observed.seen_in_step <= 0:
        return moves.hold(scene, ("the watch is over, but nothing was recorded of the candidate in it",))
    if alarms := left_out(judged.verdicts):
        return moves.hold(scene, ("the watch is over, but the candidate is not served, or keeps failing", *map(_line, alarms)))
    return moves.finish(scene, (f"watched for {span(age)}, and no guardrail is broken", *guard))


def _paused(scene: Scene, judged: Judged) -> Move:
    since = scene.state.paused_at
    reason = f"paused since {since:%Y-%m-%d %H:%M} UTC by a person; guardrails are watched" if since else "paused by a person"
    return moves.hold(scene, (reason, *_still_open(judged)))


def _awaiting(scene: Scene, judged: Judged) -> Move:
    stage = stage_of(scene.spec, scene.state)
    return moves.hold(scene, (f"stage {stage.name} is passed and waits for a yes of {stage.approve}", *_still_open(judged)))


def _held(scene: Scene, judged: Judged) -> Move:
    reason = "time ran out without the evidence; a person may resume, retry, promote or abort"
    return moves.hold(scene, (reason, *_still_open(judged)))


def _over(scene: Scene, _judged: Judged) -> Move:
    return moves.hold(scene, (f"the rollout is {scene.state.phase.replace('_', ' ')}",))


def _still_open(judged: Judged) -> tuple[str, ...]:
    return tuple(_line(verdict) for verdict in judged.still_open())


def _line(verdict: Verdict) -> str:
    return f"{verdict.text}: {verdict.reason}"


_PHASES: Final[dict[Phase, Callable[[Scene, Judged], Move]]] = {
    "pending": _pending,
    "running": _running,
    "watching": _watching,
    "paused": _paused,
    "awaiting_approval": _awaiting,
    "held": _held,
}
