"""What happens at one tick, in which order, and what if somebody dies in between?

```
now = clock.now(); state, token = load; leftovers are carried out
measure -> weigh -> decide -> save (a stale token changes nothing) -> carry out, each command marked done after
```
Whatever is saved can be carried out again; whatever is not saved did not happen.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from segue.decide.acts import PEOPLE_ASK
from segue.decide.allocate import model_of, versions_of
from segue.decide.decide import decide
from segue.decide.machine import LIVE
from segue.decide.observed import Observed
from segue.errors import Conflict, Unavailable
from segue.facts.decision import Decision
from segue.monitor.acting.carry_out import CarriedOut, Task, allocation_in_force, carry_out
from segue.monitor.acting.publish import salt_of
from segue.monitor.acting.served import look, missing, real_now
from segue.monitor.champion import ejected
from segue.monitor.keeping import Keeping
from segue.monitor.leading import Leading
from segue.monitor.measuring import Findings, Measuring
from segue.monitor.outside import Outside
from segue.ports.store import Loaded
from segue.spec.load import load
from segue.spec.rollout import Rollout

log: Final = logging.getLogger("segue.monitor")
ALWAYS_ANEW: Final = 8
"""So many rollouts are measured at every tick, however long that takes."""


class MonitorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How often the monitor looks; all times are real time.

    Args:
        period_s: between two ticks.
        lease_s: after which another monitor takes over from one that is gone.
        tick_most_s: that one rollout's tick may last before this monitor counts as hung, and gives the lead away.
        measuring_s: of one tick that may go into measuring, beyond the first few rollouts; the others are decided on by what
            was found of them last, and have their turn at the next ticks. So acts never wait long, however many rollouts.
        back_off_most_s: the longest wait while something outside does not answer.
        routes: to look after; all where there is none.
    """

    period_s: float = 1.0
    lease_s: float = 15.0
    tick_most_s: float = 900.0
    measuring_s: float = 1.0
    back_off_most_s: float = 30.0
    routes: tuple[str, ...] = ()


class Monitor:
    """Moves rollouts. Any number may run; the one with the lease acts.

    Args:
        outside: everything that it talks to.
        settings: how often.
        holder: unique to this boot.
        real: real time, for signs of life.
    """

    def __init__(
        self,
        outside: Outside,
        settings: MonitorSettings | None = None,
        *,
        holder: str = "",
        real: Callable[[], datetime] = real_now,
    ) -> None:
        self._outside = outside
        self._settings = settings or MonitorSettings()
        self._real = real
        holder = holder or f"monitor-{secrets.token_hex(4)}"
        self._leading = Leading(outside.leases, holder, lease_s=self._settings.lease_s, tick_most_s=self._settings.tick_most_s)
        self._measuring = Measuring(outside)
        self._keeping = Keeping(outside.rollouts)
        self._specs: dict[str, Rollout] = {}
        self._said: dict[str, str] = {}
        self._measured: dict[str, int] = {}  # rollout -> the tick in which it was measured last
        self._ticks = 0

    def run(self, stop: threading.Event, wake: threading.Event | None = None) -> None:
        """Tick until told to stop; wait longer, within bounds, while the outside does not answer.

        Args:
            stop: set when it is to end.
            wake: set by whoever sets `stop`, and by the store when a person asks for something: the next tick comes at once.
        """
        wait_s, wake = self._settings.period_s, wake or stop
        unlisten = self._outside.commands.listen(wake.set) if wake is not stop else lambda: None
        with self._leading:
            while not stop.is_set():
                try:
                    if self._leading.begin():
                        self.tick()
                    wait_s = self._settings.period_s
                except Unavailable as error:
                    wait_s = min(2 * wait_s, self._settings.back_off_most_s)
                    log.warning("holding, and again in %.1f s: %s", wait_s, error.message)
                wake.wait(wait_s)
                if wake is not stop:
                    wake.clear()
        unlisten()

    def tick(self) -> tuple[Decision, ...]:
        """One tick of every rollout that is live or has something to be done; the decisions that were kept.

        Raises:
            Unavailable: the store did not answer; nothing is lost.
        """
        kept = []
        self._ticks += 1
        ends_s = time.monotonic() + self._settings.measuring_s
        for place, rollout in enumerate(self._due()):
            if self._leading.lost:
                break  # whatever this tick still wrote would be refused
            self._leading.alive()
            try:
                decision = self.tick_one(rollout, anew=place < ALWAYS_ANEW or time.monotonic() < ends_s)
            except Conflict as error:  # somebody saved in between: what they saved is decided on at the next tick
                log.info("%s: %s", rollout, error.message)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a bug in one rollout's tick must not end the watch over the others
                self._say(rollout, error)
            else:
                self._said.pop(rollout, None)
                kept += [decision] if decision else []
        return tuple(kept)

    def tick_one(self, rollout: str, *, anew: bool = True) -> Decision | None:
        """One tick of one rollout; the decision, where it was worth keeping.

        Args:
            rollout: its id.
            anew: whether it is measured, or decided on by what was found last.
        """
        outside = self._outside
        loaded = outside.rollouts.load(rollout)
        spec = self._spec(loaded)
        now = outside.clock.now()
        left = self._carry_out(spec, loaded, now)
        acts = tuple(outside.commands.asked(rollout))
        if loaded.state.phase not in LIVE and not acts:
            self._measuring.forget(rollout)
            self._measured.pop(rollout, None)
            return None
        findings = self._measuring.find(spec, loaded, now, anew=anew)
        if anew:
            self._measured[rollout] = self._ticks
        observed = self._observed(spec, loaded, findings, left)
        observed = msgspec.structs.replace(observed, acts=tuple(act for act in acts if act.trigger in PEOPLE_ASK))
        decision, after = decide(spec, loaded.state, observed, now)
        if not self._keeping.worth_keeping(decision, after, loaded.state):
            return None
        saved = outside.rollouts.save(decision, after, loaded.token)
        self._keeping.kept(decision)
        log.info("%s: %s (%s): %s", rollout, decision.kind, decision.trigger, decision.reasons[0])
        if saved.state.spec_digest != loaded.state.spec_digest:
            self._measuring.forget(rollout)  # it asks for other metrics now
        self._carry_out(self._spec(saved), saved, now)
        return decision

    def _due(self) -> list[str]:
        """Rollouts over with something to be done first, so that a route's next one finds it clean; then the live ones.

        Of these, who was measured longest ago comes first.
        """
        live = [loaded.state for loaded in self._outside.rollouts.rollouts(live=True)]
        routes = self._settings.routes
        mine = [state.rollout for state in live if not routes or state.route in routes]
        mine.sort(key=lambda rollout: self._measured.get(rollout, 0))
        others = {state.rollout for state in live}
        waiting = [rollout for rollout in self._outside.commands.waiting() if rollout not in others]
        if routes:
            waiting = [name for name in waiting if self._outside.rollouts.load(name).state.route in routes]
        return [*waiting, *mine]

    def _observed(self, spec: Rollout, loaded: Loaded, findings: Findings, left: CarriedOut) -> Observed:
        outside, state = self._outside, loaded.state
        registry = look(outside, spec, model_of(spec.variants[spec.candidates[0]].version))
        pinned = versions_of(spec, state) if state.phase != "pending" else registry.versions
        in_force = allocation_in_force(outside, state.route)
        live = (it.state.rollout for it in outside.rollouts.rollouts(state.route, live=True))
        return Observed(
            weighed=findings.weighed,
            summaries=findings.summaries,
            health=findings.health,
            seen_in_step=findings.seen_in_step,
            missing=missing(outside, spec, pinned, self._real()),
            alias=None if left.alias_is_moving else registry.points_at,
            versions=registry.versions,
            allocation=in_force.number if in_force else 0,
            other=next((name for name in live if name != state.rollout), ""),
            baselines=findings.baselines,
            problems=(*findings.problems, *left.refused),
            warnings=findings.warnings,
            audits=findings.audits,
            ejected=ejected(outside.allocations.reports(state.route), self._real()),
            previous=registry.before,
            inputs=findings.inputs,
        )

    def _carry_out(self, spec: Rollout, loaded: Loaded, now: datetime) -> CarriedOut:
        pending = self._outside.commands.pending(loaded.state.rollout)
        if not pending:
            return CarriedOut()
        task = Task(spec=spec, state=loaded.state, salt=salt_of(loaded.salt, loaded.state), now=now)
        return carry_out(self._outside, task, pending)

    def _spec(self, loaded: Loaded) -> Rollout:
        rollout, digest = loaded.state.rollout, loaded.state.spec_digest
        if rollout not in self._specs or self._specs[rollout].digest != digest:
            self._specs[rollout] = load(loaded.source)
        return self._specs[rollout]

    def _say(self, rollout: str, error: Exception) -> None:
        """Our own bug: this rollout does not move while it lasts, serving goes on as it is; told once, tried at every tick."""
        text = f"{type(error).__name__}: {error}"
        if self._said.get(rollout) != text:
            self._said[rollout] = text
            log.critical("%s does not move: %s", rollout, text, exc_info=error)
