"""What may be asked of an installation, whether by HTTP or by somebody who has the store at hand?

One object answers both, so that the command line says the same with a server and without.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from segue.api.access import Person, require
from segue.api.problems import Stale
from segue.api.views import (
    ActAsked,
    ActState,
    Begun,
    Differences,
    Explained,
    RolloutDetail,
    RolloutView,
    SpecAsked,
    Wanted,
)
from segue.assign.ownership import owned
from segue.decide.walk import stage_of
from segue.errors import Conflict, DomainError, NotFound, PortError, Refused
from segue.facts.allocation import BUCKETS
from segue.facts.decision import Decision, State, Trigger
from segue.ids import derived
from segue.monitor.acting.served import resolved
from segue.monitor.begin import apply, ask, find
from segue.monitor.outside import Control
from segue.monitor.telling.explain import explain
from segue.ports.span import WHOLE, Span
from segue.ports.store import AllocationStore, Loaded
from segue.spec.diff import diff
from segue.spec.load import load
from segue.spec.rollout import Rollout

_PASSES_GATES: Final = ("promote", "promote_full", "override")
_WITH_REASON: Final = {"abort": "an abort", "undo": "an undo"}
LookAtLake = Callable[[Rollout, State], Sequence[Wanted]]


class Desk:
    """Answers questions about rollouts, and takes what people want of them.

    Args:
        control: the stores.
        person: who asks.
        wanted: asks the lake which outcomes are worth asking for.
    """

    def __init__(self, control: Control, person: Person, wanted: LookAtLake | None = None) -> None:
        self._control = control
        self._person = person
        self._wanted = wanted

    def rollouts(self, route: str = "", *, live: bool = False, standing: bool = False, span: Span = WHOLE) -> list[RolloutView]:
        """All rollouts, newest first; of one route; that are not over; by which routes stand, live or a route's newest one."""
        found = self._control.rollouts.rollouts(route, live=live, standing=standing, span=span)
        return [self._view(loaded) for loaded in found]

    def rollout(self, name: str) -> RolloutDetail:
        """A rollout by its id, or the newest one of a route.

        Raises:
            NotFound: neither.
        """
        loaded = find(self._control, name)
        state = loaded.state
        last = self._control.rollouts.decisions(state.rollout, after=state.decisions - 1) if state.decisions else ()
        return RolloutDetail(
            view=self._view(loaded),
            state=state,
            token=loaded.token,
            spec_source=loaded.source,
            last=last[-1] if last else None,
            workers=list(self._control.allocations.reports(state.route)),
            asked=list(self._control.commands.asked(state.rollout)),
        )

    def decisions(self, name: str, *, after: int = 0, most: int | None = None) -> list[Decision]:
        """The decisions of a rollout in order, those with a number above `after`; at most so many."""
        return list(self._control.rollouts.decisions(find(self._control, name).state.rollout, after=after, most=most))

    def explained(self, decision: str) -> Explained:
        """One decision by its id.

        Raises:
            NotFound: nobody decided that.
        """
        found = self._control.rollouts.decision(decision)
        return Explained(decision=found, text=explain(found))

    def apply(self, asked: SpecAsked) -> Begun:
        """Begin a rollout, or amend the live one; the same spec again while it is live changes nothing.

        Raises:
            SpecError: all that is wrong with it.
            Conflict: the route has a live rollout of another spec that cannot be amended to be this one.
        """
        require(self._person, "operator")
        applied = apply(self._control, asked.spec, name=asked.name, dry_run=asked.dry_run, who=self._person.name)
        return Begun(
            rollout=applied.rollout,
            route=applied.spec.route,
            stages=[stage.name for stage in applied.spec.stages],
            spec_digest=applied.spec.digest,
            created=applied.created,
            notes=[*applied.notes, *_unregistered(self._control, applied.spec)],
            amended=list(applied.amended),
        )

    def diff(self, asked: SpecAsked) -> Differences:
        """What differs between a file and the route's newest rollout.

        Raises:
            SpecError: all that is wrong with the file.
            NotFound: the route has had no rollout yet.
        """
        new = load(asked.spec, asked.name)
        newest = next(iter(self._control.rollouts.rollouts(new.route, span=Span(most=1))), None)
        if newest is None:
            raise NotFound(f"route {new.route} has had no rollout yet", hint=f"segue apply -f {asked.name}")
        return Differences(rollout=newest.state.rollout, changes=list(diff(load(newest.source), new)))

    def ask(self, name: str, asked: ActAsked, *, once: str = "", token: int | None = None) -> ActState:
        """Enter what somebody wants; the next tick applies or refuses it.

        Args:
            name: a rollout, or a route for its newest one.
            asked: what, and why.
            once: a key under which it is done once, however often it is asked; "" for as often as it is asked.
            token: what the rollout's has to be still; None for whatever it is.

        Raises:
            Refused: they may not.
            Stale: the rollout has changed since.
            Conflict: the key was used for something else.
            TransitionError: a rollout in this phase has no such move.
        """
        require(self._person, "operator")
        loaded = find(self._control, name)
        rollout = loaded.state.rollout
        identity = derived("act", "once", self._person.name, rollout, once) if once else ""
        before = self._known(rollout, identity) if once else None
        if before is not None:
            return _the_same(before, asked)
        trigger = self._trigger(loaded, asked)
        if token is not None and token != loaded.token:
            raise Stale(f"the rollout has changed since: {token} given, {loaded.token} in force", rollout=rollout)
        act = ask(
            self._control,
            rollout,
            trigger,
            who=self._person.name,
            why=asked.reason,
            target=asked.target,
            identity=identity,
            dry_run=asked.dry_run,
        )
        return ActState(act=act, state="dry_run" if asked.dry_run else "asked")

    def act(self, rollout: str, act: str) -> ActState:
        """What has become of an act.

        Raises:
            NotFound: nobody asked for that.
        """
        found = self._known(find(self._control, rollout).state.rollout, act)
        if found is None:
            raise NotFound(f"nobody asked for {act!r}", rollout=rollout)
        return found

    def wanted(self, name: str) -> list[Wanted]:
        """The requests of a shadow stage whose outcomes are worth asking for.

        Raises:
            NotFound: the rollout is in another kind of stage.
        """
        loaded = find(self._control, name)
        if self._wanted is None:
            raise NotFound("the lake cannot be asked from here")
        return list(self._wanted(load(loaded.source), loaded.state))

    def _trigger(self, loaded: Loaded, asked: ActAsked) -> Trigger:
        """What is asked for, after all that stands in its way."""
        waiting = loaded.state.phase == "awaiting_approval"
        trigger: Trigger = "approve" if asked.trigger == "promote" and waiting else asked.trigger
        if trigger in {"approve", *_PASSES_GATES}:
            require(self._person, "approver")
            role = stage_of(load(loaded.source), loaded.state).approve
            if not self._person.may_approve(role):
                raise Refused(f"this stage asks for a yes of {role}, and {self._person.name} is not", role=role)
        if trigger in _PASSES_GATES and not asked.reason.strip():
            raise DomainError("this passes over the gates", hint="say why with --reason")
        if trigger in _WITH_REASON and not asked.reason.strip():
            raise DomainError(f"{_WITH_REASON[trigger]} without a reason", hint="say why with --reason")
        return trigger

    def _known(self, rollout: str, act_id: str) -> ActState | None:
        asked = next((act for act in self._control.commands.asked(rollout) if act.id == act_id), None)
        if asked is not None:
            return ActState(act=asked, state="asked")
        for decision in reversed(self._control.rollouts.decisions(rollout)):  # read after: an act moves from there to here
            for act in decision.acts:
                if act.id == act_id:
                    return ActState(act=act, state="refused" if decision.kind == "hold" else "applied", decision=decision)
        return None

    def _view(self, loaded: Loaded) -> RolloutView:
        state, stages = loaded.state, load(loaded.source).stages
        return RolloutView(
            rollout=state.rollout,
            route=state.route,
            phase=state.phase,
            stage=stages[state.stage].name,
            stages=[stage.name for stage in stages],
            step=state.step,
            shares=shares_in_force(self._control.allocations, state.route),
            since=state.entered_at,
            champion_version=state.champion_version,
            candidate_version=state.candidate_version,
            decisions=state.decisions,
            spec_digest=state.spec_digest,
        )


def shares_in_force(allocations: AllocationStore, route: str) -> dict[str, float]:
    """Each variant's share of the route by the allocation that was published last; nothing before the first."""
    try:
        directory = allocations.directory(route)
    except NotFound:
        return {}
    if directory is None:
        return {}
    return {variant: count / BUCKETS for variant, count in owned(directory.allocation.split.ranges).items()}


def _the_same(before: ActState, asked: ActAsked) -> ActState:
    act = before.act
    same = (act.why, act.target) == (asked.reason, asked.target) and (
        act.trigger == asked.trigger or (act.trigger, asked.trigger) == ("approve", "promote")
    )
    if not same:
        raise Conflict("the key was used for something else", hint="another key for another wish", act=act.id)
    return before


def real_now() -> datetime:
    """Real time, for tokens and kept answers."""
    return datetime.now(UTC)


def _unregistered(control: Control, spec: Rollout) -> list[str]:
    """Versions that the rollout waits for, because nobody has told the registry of them yet; none while it does not answer."""
    try:
        known = resolved(control, spec)
    except PortError:
        return []
    notes = []
    for name, variant in spec.variants.items():
        if name not in known:
            model, _, alias = variant.version.removeprefix("models:/").partition("@")
            model, _, version = model.partition("/")
            tells = f"segue model alias {model} {alias} VERSION" if alias else f"segue model register {model} {version}"
            notes.append(f"it waits until the registry knows {variant.version} ({name}): {tells}")
    return notes
