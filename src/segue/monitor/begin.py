"""How does a rollout come into being, and how do people steer it?"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from segue.decide.acts import PEOPLE_ASK
from segue.decide.allocate import model_of
from segue.decide.budget import ledger
from segue.decide.gates.amending import Amendment, amendment
from segue.decide.machine import LIVE, triggers
from segue.decide.questions import blind, questions, unbuilt
from segue.errors import Conflict, DomainError, NotFound, Problem, SpecError, TransitionError, near_miss
from segue.facts.allocation import Allocation
from segue.facts.decision import Act, State, Trigger
from segue.ids import derived
from segue.measure.questions import unanswerable
from segue.monitor.acting.carry_out import allocation_in_force
from segue.monitor.acting.publish import at_rest
from segue.monitor.outside import Control
from segue.ports.span import Span
from segue.ports.store import Loaded
from segue.spec.load import load
from segue.spec.rollout import Rollout
from segue.spec.unbuilt import require_built

_MOVES_OF: Final[dict[str, frozenset[str]]] = {
    "promote": frozenset({"promote", "promote_release", "promote_last"}),
    "promote_full": frozenset({"promote_full", "promote_full_last"}),
    "approve": frozenset({"approve", "approve_release", "approve_last"}),
    "resume": frozenset({"resume", "resume_watch", "resume_pending"}),
}
_TYPED: Final = {"promote_full": "promote --full", "approve": "promote", "begin": "apply", "amend": "apply"}
"""What people ask for -> the command that asks for it, where it has another name."""


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What `apply` did.

    Args:
        created: False where the same spec was live already, the live rollout is amended, or nothing was to be written.
        amended: what changes about the live rollout at its next tick and what that costs, one sentence each.
        notes: what people should know: guardrails that cannot see in some stage, a champion that is not who answers now.
    """

    rollout: str
    spec: Rollout
    created: bool
    notes: tuple[str, ...] = ()
    amended: tuple[str, ...] = ()


def apply(
    control: Control,
    source: str,
    *,
    name: str = "rollout.yaml",
    seed: str = "",
    dry_run: bool = False,
    who: str = "segue apply",
) -> Applied:
    """Begin a rollout from a spec's text; the same text again while it is live changes nothing.

    A text that differs from a live rollout's only in what may change amends that rollout (`decide/gates/amending.py`).

    The route's first allocation, everybody to the champion, is published before the rollout exists, so a route never has a
    rollout and nothing to serve.

    Args:
        control: the stores.
        source: the spec's text.
        name: of the file, for messages.
        seed: another one gives another draw of the same units; for simulations and demonstrations.
        dry_run: check everything, write nothing.
        who: applies it.

    Raises:
        SpecError: the text is no spec, or asks for what this version has not built; all reasons at once.
        Conflict: the route has a live rollout of another spec, which differs in what may not change; or no reserve is left.
        Unavailable: the store did not answer.
    """
    spec = load(source, name)
    require_built(spec, name)
    check(spec)
    _require_registry(control, spec)
    notes = blind(spec)
    past = control.rollouts.rollouts(spec.route)
    live = next((loaded for loaded in past if loaded.state.phase in LIVE), None)
    if live is not None and live.state.spec_digest == spec.digest:
        return Applied(rollout=live.state.rollout, spec=spec, created=False, notes=notes)
    changed = None if live is None else _amendment(live, spec)
    if live is not None and isinstance(changed, Amendment):
        if not dry_run:
            _ask_to_amend(control, live, spec, who)
        return Applied(rollout=live.state.rollout, spec=spec, created=False, notes=notes, amended=changed.lines)
    queued = [loaded.state for loaded in past if loaded.state.phase == "queued"]
    mine = next((state for state in queued if state.spec_digest == spec.digest), None)
    if mine is not None:
        control.commands.ask(_begin(mine, who))
        return Applied(rollout=mine.rollout, spec=spec, created=False, notes=notes)
    if live is not None and spec.when_busy == "refuse":
        hint = f"segue abort {live.state.rollout}, or wait until it is over"
        why = changed if isinstance(changed, str) else ""
        raise Conflict(why or "the route has another rollout that is not over", hint=hint, rollout=live.state.rollout)
    rollout, serving = f"{spec.route}-{len(past) + 1}", allocation_in_force(control, spec.route)
    if serving is not None:
        notes += _other_champion(spec, serving)
    if dry_run:
        return Applied(rollout=rollout, spec=spec, created=False, notes=notes)
    now = control.clock.now()
    if serving is None:
        control.allocations.publish(at_rest(spec, now), command_id=derived("cmd", spec.route, "first"), who=who)
    state = State(
        rollout=rollout,
        route=spec.route,
        spec_digest=spec.digest,
        phase="queued" if live or queued else "pending",
        created_at=now,
        entered_at=now,
        step_at=now,
        ledger=ledger(spec),
    )
    control.rollouts.create(state, spec_source=source, salt=derived("salt", rollout, spec.digest, seed), who=who)
    if state.phase == "queued":
        control.commands.ask(_begin(state, who))
        for other in (*([live.state] if live else []), *queued) if spec.when_busy == "supersede" else ():
            ask(control, other.rollout, "abort", who=who, why=f"superseded by {rollout}")
    return Applied(rollout=rollout, spec=spec, created=True, notes=notes)


def _other_champion(spec: Rollout, serving: Allocation) -> tuple[str, ...]:
    """Whose champion is not who answers now, as in a file from before a promotion: users change sides as it begins."""
    named, answers = spec.variants[spec.champion], serving.variants[serving.champion]
    follows = "@" in named.version and named.url in {"", answers.url}
    if follows or (named.version, named.url) == (answers.version, answers.url):
        return ()
    first, second = (f"{it.version}{it.url and f' at {it.url}'}" for it in (answers, named))
    return (f"{spec.route} is answered by {first} until this rollout begins, and by {second} as its champion from then on",)


def _amendment(live: Loaded, spec: Rollout) -> Amendment | str:
    """What applying this spec changes about the live rollout, or why it cannot."""
    try:
        return amendment(load(live.source), live.state, spec)
    except DomainError as error:
        return error.message


def _ask_to_amend(control: Control, live: Loaded, spec: Rollout, who: str) -> None:
    # Asked twice before the next tick it is done once; back and forth it is done each time.
    state = live.state
    identity = derived("act", state.rollout, "amend", state.decisions, state.spec_digest, spec.digest)
    why = f"spec {spec.digest[:12]} in place of {state.spec_digest[:12]}"
    ask(control, state.rollout, "amend", who=who, why=why, target=spec.source, identity=identity)


def _begin(state: State, who: str) -> Act:
    """What a queued rollout waits for, entered once: it is asked for until the route is free."""
    identity = derived("act", state.rollout, "begin")
    return Act(id=identity, rollout=state.rollout, trigger="begin", who=who, why="queued", at=state.created_at)


def check(spec: Rollout) -> None:
    """Refuse by name what is written in the spec and cannot be run.

    Raises:
        SpecError: with every reason.
    """
    reasons = [*unbuilt(spec), *_elsewhere(spec)]
    if not reasons:
        reasons += _unanswerable(spec)
    if reasons:
        problems = [Problem(line=0, column=0, path=_path(reason), message=reason) for reason in dict.fromkeys(reasons)]
        raise SpecError("this version of segue cannot run the rollout", problems, hint="remove these parts, or wait for them")


def ask(
    control: Control,
    rollout: str,
    trigger: Trigger,
    *,
    who: str,
    why: str,
    target: str = "",
    identity: str = "",
    dry_run: bool = False,
) -> Act:
    """Enter what a person asks for; the next tick applies or refuses it, and records which.

    Args:
        control: the stores.
        rollout: by its id.
        trigger: what is asked for.
        who: by whom.
        why: in their words.
        target: what of the rollout it is about: a gate, a version, or "".
        identity: under which it is entered once, however often it is asked; "" for one of its own.
        dry_run: check everything, enter nothing.

    Raises:
        NotFound: there is no such rollout.
        TransitionError: the table has no such move from where the rollout is now; nothing is entered.
        DomainError: nobody can ask for that, or not without a reason.
    """
    if trigger not in PEOPLE_ASK:
        raise DomainError(f"{trigger} is not asked for by people", hint=", ".join(PEOPLE_ASK))
    if trigger in _WITH_REASON and not why.strip():
        raise DomainError(f"{trigger} needs a reason", hint="say why with --reason")
    loaded = control.rollouts.load(rollout)
    if target and trigger == "undo":
        _require_known(control, load(loaded.source), target)
    now = control.clock.now()
    phase = loaded.state.phase
    possible = [one for one in PEOPLE_ASK if _MOVES_OF.get(one, frozenset({one})) & set(triggers(phase))]
    if trigger not in possible:
        raise TransitionError(f"a rollout that is {phase} has no {trigger}", hint=_instead(possible), rollout=rollout)
    parts = (rollout, trigger, who, why, *([target] if target else []))
    identity = identity or derived("act", *parts, loaded.token, (now - _SOMETIME) // _MICRO)
    act = Act(id=identity, rollout=rollout, trigger=trigger, who=who, why=why, at=now, target=target)
    if not dry_run:
        control.commands.ask(act)
    return act


def _instead(possible: Sequence[str]) -> str:
    moves = dict.fromkeys(_TYPED.get(one, one) for one in possible)
    return f"what it has: {', '.join(moves)}" if moves else ""


def find(control: Control, name: str) -> Loaded:
    """A rollout by its id, or the newest one of a route.

    Raises:
        NotFound: neither; the hint names those that are there.
    """
    try:
        return control.rollouts.load(name)
    except NotFound:
        newest = next(iter(control.rollouts.rollouts(name, span=Span(most=1))), None)
        if newest is None:
            names = [loaded.state.rollout for loaded in control.rollouts.rollouts()]
            hint = near_miss(name, names) or (
                f"there are {', '.join(names[:5])}" if names else "there is none yet; segue apply"
            )
            raise NotFound(f"there is no rollout or route {name!r}", hint=hint) from None
        return newest


_WITH_REASON: Final = frozenset({"abort", "override", "undo"})
_MICRO: Final = timedelta(microseconds=1)
_SOMETIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


def _require_known(control: Control, spec: Rollout, version: str) -> None:
    """An undo leads only to a version that the alias pointed at before: that is what needs no new analysis."""
    model = model_of(spec.variants[spec.champion].version)
    moves = [it for it in control.registry.moves(model) if it.alias == spec.after.registry_alias]
    known = {version for it in moves for version in (it.before, it.after) if version}
    if version not in known:
        hint = f"it has pointed at: {', '.join(sorted(known)) or 'none'}"
        raise DomainError(f"the alias {spec.after.registry_alias} never pointed at {version}", hint=hint)


def _require_registry(control: Control, spec: Rollout) -> None:
    if spec.registry != control.registry_name:
        said = f"registry: {spec.registry}, and this installation's is {control.registry_name}"
        problem = Problem(line=0, column=0, path="registry", message=said)
        hint = f"set SEGUE_REGISTRY={spec.registry} for hosts, monitor and this command, or change the spec"
        raise SpecError("the versions are registered elsewhere", [problem], hint=hint)


def _elsewhere(spec: Rollout) -> list[str]:
    """The alias belongs to one model: champion and candidate have to be versions of it."""
    models = {model_of(variant.version) for variant in spec.variants.values()}
    if len(models) <= 1:
        return []
    return [f"variants: versions of different models ({', '.join(sorted(models))}); an alias moves between versions of one"]


def _unanswerable(spec: Rollout) -> list[str]:
    found = []
    for index, stage in enumerate(spec.stages):
        for question in questions(spec, _standing_in(spec, index)):
            reason = unanswerable(question)
            if reason:
                found.append(f"{question.gate} in stage {stage.name}: {reason}")
    return found


def _standing_in(spec: Rollout, stage: int) -> State:
    at = _SOMETIME
    return State(
        rollout="",
        route=spec.route,
        spec_digest=spec.digest,
        phase="running",
        stage=stage,
        created_at=at,
        entered_at=at,
        step_at=at,
    )


def _path(reason: str) -> str:
    return reason.partition(":")[0].split(" ")[0]
