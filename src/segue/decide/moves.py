"""What does each move of the table mean for stage, shares and alias?

A `Move` is a row of the table together with everything that follows from it; nothing here decides whether to make it.
"""

from datetime import datetime
from typing import Final, Literal

import msgspec

from segue.decide import allocate
from segue.decide.gates.amending import amendment
from segue.decide.observed import Observed
from segue.decide.questions import Asked
from segue.decide.walk import after_pause, destination, full_stage, leader, released, version_of
from segue.facts.decision import Act, Command, Kind, MoveAlias, Phase, SendNotice, State, Trigger
from segue.ids import derived
from segue.spec.load import load
from segue.spec.rollout import Rollout

Actor = Literal["gates", "approve", "promote", "promote_full"]

_FORWARD: Final[dict[Actor, dict[str, Trigger]]] = {
    "gates": {"stage": "next_stage", "full": "release", "end": "passed_last"},
    "approve": {"stage": "approve", "full": "approve_release", "end": "approve_last"},
    "promote": {"stage": "promote", "full": "promote_release", "end": "promote_last"},
    "promote_full": {"full": "promote_full", "end": "promote_full_last"},
}


NEW_DRAW: Final = "new draw"
"""The target of a retry that draws the units anew."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One move and what comes with it.

    Args:
        state: as it is after the move, phase and count of decisions aside.
        reasons: why, strongest first; never empty.
    """

    trigger: Trigger
    kind: Kind
    reasons: tuple[str, ...]
    state: State
    commands: tuple[Command, ...] = ()
    acts: tuple[Act, ...] = ()


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What every move is made from.

    Args:
        asked: of the gates in this state, once for all that look at it.
    """

    spec: Rollout
    state: State
    observed: Observed
    now: datetime
    asked: tuple[Asked, ...]


def hold(scene: Scene, reasons: tuple[str, ...], acts: tuple[Act, ...] = ()) -> Move:
    """Nothing moves."""
    return Move(trigger="hold", kind="hold", reasons=reasons, state=scene.state, acts=acts)


def forward(scene: Scene, actor: Actor, reasons: tuple[str, ...], acts: tuple[Act, ...] = ()) -> Move:
    """On to the next stage, to the full one, or to the end."""
    spec, state = scene.spec, scene.state
    at = full_stage(spec, state.stage) if actor == "promote_full" else state.stage + 1
    goal: str = destination(spec, at)
    if released(state):
        at, goal = len(spec.stages), "end"
    trigger = _FORWARD[actor][goal]
    if goal == "stage":
        entered = _enter(scene, at)
        kind: Kind = "promote" if actor in {"promote", "promote_full"} else "advance"
        return Move(
            trigger=trigger, kind=kind, reasons=reasons, state=entered, commands=(allocate.for_stage(spec, entered),), acts=acts
        )
    after, commands = _release(scene, at if goal == "full" else state.stage, reasons[0], to_end=goal == "end")
    return Move(trigger=trigger, kind="promote", reasons=reasons, state=after, commands=commands, acts=acts)


def start(scene: Scene, reasons: tuple[str, ...]) -> Move:
    """Out of pending into the first stage: the versions are ready, and from now on they are pinned."""
    versions, spec = scene.observed.versions, scene.spec
    known = msgspec.structs.replace(
        scene.state,
        champion_version=versions[spec.champion],
        candidate_version=versions[spec.candidates[0]],
        versions={name: versions[name] for name in spec.candidates},
        alias_version=scene.observed.alias or "",
        alias_before="",
    )
    scene = msgspec.structs.replace(scene, state=known)
    if destination(spec, 0) == "full":
        after, commands = _release(scene, 0, reasons[0], to_end=False)
        return Move(trigger="ready_release", kind="promote", reasons=reasons, state=after, commands=commands)
    entered = _enter(scene, 0)
    return Move(trigger="ready", kind="start", reasons=reasons, state=entered, commands=(allocate.for_stage(spec, entered),))


def narrowed(scene: Scene, leaving: tuple[str, ...]) -> Scene:
    """The scene without some of the candidates; the first of the others is what the alias may move to."""
    if not leaving:
        return scene
    spec, state = scene.spec, scene.state
    out = state.out | dict.fromkeys(sorted(leaving), state.stage)
    after = msgspec.structs.replace(state, out=out)
    after = msgspec.structs.replace(after, candidate_version=version_of(spec, after, leader(spec, after)))
    return msgspec.structs.replace(scene, state=after)


def leave(scene: Scene, leaving: tuple[str, ...], reasons: tuple[str, ...]) -> Move:
    """Some of several candidates leave: their shares go to the champion, the others go on in the same stage."""
    after = narrowed(scene, leaving).state
    commands = (allocate.for_stage(scene.spec, after),)
    reasons = (f"{' and '.join(sorted(leaving))} leaves, the others go on", *reasons)
    return Move(trigger="leave", kind="leave", reasons=reasons, state=after, commands=commands)


def begin(scene: Scene, reasons: tuple[str, ...], acts: tuple[Act, ...]) -> Move:
    """Out of the queue: the route's other rollout is over."""
    after = msgspec.structs.replace(scene.state, entered_at=scene.now, step_at=scene.now)
    return Move(trigger="begin", kind="start", reasons=reasons, state=after, acts=acts)


def step(scene: Scene, reasons: tuple[str, ...]) -> Move:
    """The next step of a canary, never more than one."""
    after = msgspec.structs.replace(scene.state, step=scene.state.step + 1, step_at=scene.now)
    return Move(trigger="step", kind="advance", reasons=reasons, state=after, commands=(allocate.for_stage(scene.spec, after),))


def back(scene: Scene, trigger: Trigger, reasons: tuple[str, ...], acts: tuple[Act, ...] = ()) -> Move:
    """The end without promotion: everybody to the champion at once, the alias where it was."""
    state = scene.state
    commands = allocate.way_back(scene.spec, state, reasons[0], alias_is_ours=trigger != "superseded")
    if released(state) and trigger != "superseded" and not state.alias_before:
        alias = scene.spec.after.registry_alias
        reasons += (f"the alias {alias} did not exist before this rollout, and still points at {state.alias_version}",)
    kind: Kind = "abort" if trigger in {"abort", "superseded"} else "roll_back"
    after = running_again(scene)
    if released(state) and trigger != "superseded" and state.alias_before:
        after = msgspec.structs.replace(after, alias_version=state.alias_before)
    return Move(
        trigger=trigger,
        kind=kind,
        reasons=reasons,
        state=after,
        commands=() if _nothing_published(state) else commands,
        acts=acts,
    )


def override(scene: Scene, reasons: tuple[str, ...], acts: tuple[Act, ...]) -> Move:
    """A person takes a gate of this stage for passed, as long as the stage lasts."""
    act = acts[0]
    said = f"{act.who}: {act.why}" if act.why else act.who
    after = msgspec.structs.replace(scene.state, overridden=scene.state.overridden | {act.target: said})
    return Move(trigger="override", kind="override", reasons=reasons, state=after, acts=acts)


def amend(scene: Scene, reasons: tuple[str, ...], acts: tuple[Act, ...]) -> Move:
    """The spec changes while the rollout is live; what is added is judged by the rows of a new allocation of the same shares.

    Raises:
        SpecError: the text is no spec.
        DomainError: the spec may not change like that.
    """
    state, text = scene.state, acts[0].target
    found = amendment(scene.spec, state, load(text), since=scene.observed.allocation + 1)
    after = msgspec.structs.replace(state, amended=text, spec_digest=found.spec.digest, ledger=found.ledger)
    commands = (allocate.for_stage(found.spec, after),) if found.judges_anew and not _nothing_published(state) else ()
    return Move(trigger="amend", kind="amend", reasons=(*reasons, *found.lines), state=after, commands=commands, acts=acts)


def undo(scene: Scene, reasons: tuple[str, ...], acts: tuple[Act, ...]) -> Move:
    """After the end: the alias back to an earlier version at once; what was known to be good is not analysed again."""
    state = scene.state
    target = acts[0].target or state.alias_before
    before = msgspec.structs.replace(state, alias_before=target)
    after = msgspec.structs.replace(state, alias_version=target, alias_before="")
    commands = allocate.undone(scene.spec, before, reasons[0])
    return Move(trigger="undo", kind="roll_back", reasons=reasons, state=after, commands=commands, acts=acts)


def finish(scene: Scene, reasons: tuple[str, ...]) -> Move:
    """The watch is over: the hold-back ends."""
    commands = allocate.to_the_end(scene.spec, scene.state)
    return Move(trigger="watched", kind="finish", reasons=reasons, state=scene.state, commands=commands)


def stand(scene: Scene, trigger: Trigger, reasons: tuple[str, ...]) -> Move:
    """The stage took too long, or cannot pass, and stays where it is for a person."""
    return Move(trigger=trigger, kind="hold", reasons=reasons, state=scene.state)


def wait_for_approval(scene: Scene, reasons: tuple[str, ...]) -> Move:
    """The evidence is there; a person has to say yes, to those candidates that are left of the scene."""
    chosen = bool(set(scene.state.out.values()) & {scene.state.stage})
    commands = (allocate.for_stage(scene.spec, scene.state),) if chosen else ()
    return Move(trigger="passed", kind="advance", reasons=reasons, state=scene.state, commands=commands)


def pause(scene: Scene, reasons: tuple[str, ...], acts: tuple[Act, ...]) -> Move:
    """The clocks of stage and step stand still; shares stay; guardrails are watched on."""
    state = scene.state
    if state.phase == "champion_unhealthy":  # they stand still already
        to: Phase = "watching" if state.resume_to == "watching" else "running"
        after = msgspec.structs.replace(state, resume_to=to)
    else:
        after = msgspec.structs.replace(state, paused_at=scene.now, resume_to=state.phase)
    return Move(trigger="pause", kind="pause", reasons=reasons, state=after, acts=acts)


def resume(scene: Scene, reasons: tuple[str, ...], acts: tuple[Act, ...]) -> Move:
    """Back to where the pause came from; out of `held` the stage's clock begins anew, its evidence does not."""
    state = scene.state
    to_watch: dict[str | None, Trigger] = {"watching": "resume_watch", "pending": "resume_pending"}
    after, commands = well_again(scene)
    if state.phase == "held":
        after = msgspec.structs.replace(after, entered_at=scene.now, paused_s=0.0)
    trigger = to_watch.get(state.resume_to, "resume")
    return Move(trigger=trigger, kind="resume", reasons=reasons, state=after, commands=commands, acts=acts)


def retry(scene: Scene, reasons: tuple[str, ...], acts: tuple[Act, ...]) -> Move:
    """From the first stage again, with evidence of its own; who saw the candidate sees it again, but for a new draw."""
    state = scene.state
    after = State(
        rollout=state.rollout,
        route=state.route,
        spec_digest=state.spec_digest,
        phase=state.phase,
        created_at=state.created_at,
        entered_at=scene.now,
        step_at=scene.now,
        decisions=state.decisions,
        attempt=state.attempt + 1,
        since_allocation=scene.observed.allocation + 1,
        champion_version=state.champion_version,
        candidate_version=version_of(scene.spec, msgspec.structs.replace(state, out={}), scene.spec.candidates[0]),
        versions=state.versions,
        draw=state.draw + (acts[0].target == NEW_DRAW),
        alias_version=state.alias_version,
        ledger=state.ledger,
        amended=state.amended,
    )
    commands = (allocate.champion_only(scene.spec, after),) if state.phase == "held" else ()
    return Move(trigger="retry", kind="retry", reasons=reasons, state=after, commands=commands, acts=acts)


def named(commands: tuple[Command, ...], rollout: str, number: int) -> tuple[Command, ...]:
    """The commands of a decision with ids of their own: doing one twice is seen to be the same thing."""
    found: list[Command] = []
    for position, command in enumerate(commands):
        identity = derived("cmd", rollout, number, position)
        if isinstance(command, MoveAlias | SendNotice):
            found.append(msgspec.structs.replace(command, id=identity, decision=derived("d", rollout, number)))
        else:
            found.append(msgspec.structs.replace(command, id=identity))
    return tuple(found)


_EVENTS: Final[dict[Kind, str]] = {
    "start": "started",
    "advance": "advanced",
    "promote": "promoted",
    "roll_back": "rolled_back",
    "pause": "paused",
    "abort": "aborted",
    "leave": "left",
    "suspend": "champion_unhealthy",
    "fall_back": "aborted",
}
_BY_PHASE: Final[dict[Phase, str]] = {"awaiting_approval": "needs_approval", "held": "held"}


def notices(scene: Scene, move: Move, phase: Phase, stage: str) -> tuple[SendNotice, ...]:
    """Whom a move tells, after everything else that follows from it; nobody of a tick at which nothing moved."""
    event = _BY_PHASE.get(phase, _EVENTS.get(move.kind, "")) if phase != scene.state.phase else _EVENTS.get(move.kind, "")
    event = "champion_recovered" if move.trigger.startswith("recovered") else event
    return tuple(
        SendNotice(
            id="",
            rollout=scene.state.rollout,
            route=scene.spec.route,
            event=event,
            url=notice.url,
            at=scene.now,
            stage=stage,
            phase=phase,
            reasons=move.reasons,
        )
        for notice in scene.spec.notify
        if event in notice.on
    )


def _enter(scene: Scene, stage: int) -> State:
    return msgspec.structs.replace(
        scene.state,
        stage=stage,
        step=0,
        entered_at=scene.now,
        step_at=scene.now,
        paused_at=None,
        paused_s=0.0,
        resume_to=None,
        passed={},
        overridden={},
        apart_from=0,
        apart=(),
        baselines=scene.observed.baselines or scene.state.baselines,
    )


def _release(scene: Scene, stage: int, why: str, *, to_end: bool) -> tuple[State, tuple[Command, ...]]:
    spec, state = scene.spec, scene.state
    if released(state):
        return running_again(scene), allocate.to_the_end(spec, state)
    entered = _enter(scene, stage)
    after = msgspec.structs.replace(
        entered, alias_before=state.alias_version, alias_version=version_of(spec, state, leader(spec, state))
    )
    shares = allocate.to_the_end(spec, after) if to_end else (allocate.for_stage(spec, after),)
    first = msgspec.structs.replace(shares[0], rests_on_alias=True)
    return after, (allocate.alias_forward(spec, state, why), first, *shares[1:])


def well_again(scene: Scene) -> tuple[State, tuple[Command, ...]]:
    """Clocks go on; where rows were set apart, those from now on count again, under an allocation that tells them apart."""
    after = running_again(scene)
    if not after.apart_from:
        return after, ()
    last = max(scene.observed.allocation, after.apart_from)
    after = msgspec.structs.replace(after, apart=(*after.apart, (after.apart_from, last)), apart_from=0)
    return after, (allocate.for_stage(scene.spec, after),)


def _nothing_published(state: State) -> bool:
    return state.phase in {"queued", "pending"} or state.resume_to == "pending"


def running_again(scene: Scene) -> State:
    """The clocks of stage and step go on from where they stood."""
    paused_s, step_at = after_pause(scene.state, scene.now)
    return msgspec.structs.replace(scene.state, paused_at=None, resume_to=None, paused_s=paused_s, step_at=step_at)
