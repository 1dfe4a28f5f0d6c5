"""Whatever happens in whatever order: random evidence, people, clock jumps, an absent registry, crashes at any call."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from segue.decide.acts import PEOPLE_ASK
from segue.decide.decide import decide
from segue.decide.machine import LIVE, TABLE
from segue.decide.observed import Observed
from segue.decide.preconditions.champion import unwell
from segue.decide.preconditions.missing import what_ifs
from segue.decide.questions import asked_gates
from segue.decide.walk import alive, steps_of
from segue.errors import Conflict, NotFound, Unavailable
from segue.facts.allocation import Allocation, Directory, Endpoint
from segue.facts.decision import Act, Command, Decision, MoveAlias, PublishAllocation, State
from segue.facts.evidence import Audit, AuditName, Evidence, Health, NotEnough, Weighed
from segue.monitor.acting.carry_out import Task, carry_out
from segue.monitor.outside import Control
from segue.ports.registry import AliasMove
from segue.spec.load import load
from segue.testkit.small_world import SPEC

NOW = datetime(2013, 3, 1, 12, tzinfo=UTC)
BY_EVIDENCE = {"next_stage", "release", "passed", "passed_last"}
BY_PEOPLE = {"approve", "approve_release", "approve_last", "promote", "promote_release", "promote_last", "promote_full"}
APPROVED = SPEC.replace(
    "    promote_when:\n      - accuracy: {not_worse_than_champion_by: 10pp}",
    "    promote_when:\n      - accuracy: {not_worse_than_champion_by: 10pp}\n    approve: product",
)
WITHOUT_FULL = SPEC[: SPEC.index("  - name: everyone")] + SPEC[SPEC.index("after:") :]
V8 = "  v8: {version: models:/churn/8}\n"
SEVERAL = SPEC.replace(V8, f"{V8}  v9: {{version: models:/churn/10}}\n")
FALLING_BACK = f"{APPROVED}unhealthy_champion: {{then: previous, after: 2h}}\n"
SPECS = [load(text) for text in (SPEC, APPROVED, WITHOUT_FULL, SEVERAL, FALLING_BACK)]


class CrashError(Exception):
    """The process is gone."""


class FakeOutside:
    """Registry, allocations, endpoints and commands in memory; dies when told to, may lose its registry."""

    def __init__(self) -> None:
        self.aliases = {"champion": "7"}
        self.moved: list[AliasMove] = []
        self.published: list[Allocation] = []
        self.command_ids: list[str] = []
        self.waiting: list[Command] = []
        self.down = False
        self.host_lags = False
        self.calls_left = -1

    def call(self) -> None:
        """One call to the outside; may be the last."""
        if self.calls_left == 0:
            raise CrashError
        self.calls_left -= 1

    # the registry
    def alias(self, _model: str, alias: str) -> str | None:
        self.call()
        if self.down:
            raise Unavailable("no registry")
        return self.aliases.get(alias)

    def moves(self, _model: str) -> Sequence[AliasMove]:
        return self.moved

    def move(self, move: AliasMove) -> None:
        self.call()
        if self.down:
            raise Unavailable("no registry")
        if any(move.command_id == done.command_id for done in self.moved):
            return
        if self.aliases.get(move.alias, "") != move.before:
            raise Conflict("elsewhere")
        self.aliases[move.alias] = move.after
        self.moved.append(move)

    # allocations
    def publish(self, allocation: Allocation, *, command_id: str, who: str = "") -> Allocation:  # noqa: ARG002 - a port's form
        self.call()
        if command_id in self.command_ids:
            return self.published[self.command_ids.index(command_id)]
        numbered = msgspec.structs.replace(allocation, number=len(self.published) + 1)
        self.published.append(numbered)
        self.command_ids.append(command_id)
        return numbered

    def directory(self, _route: str, *, unless: str = "") -> Directory:
        self.call()
        if not self.published:
            raise NotFound("nothing yet")
        return Directory(revision=unless, allocation=self.published[-1])

    def allocations(self, _route: str, *, rollout: str = "") -> Sequence[Allocation]:
        self.call()
        return [allocation for allocation in self.published if allocation.rollout == rollout]

    # endpoints
    def endpoints(self, name: str = "") -> Sequence[Endpoint]:
        self.call()
        version = "before" if self.host_lags else self.aliases["champion"]
        return [Endpoint(name=name, version=version, url="http://h", seen_at=NOW)]

    # commands
    def done(self, command_id: str) -> None:
        self.call()
        self.waiting = [command for command in self.waiting if command.id != command_id]


class Walk(RuleBasedStateMachine):
    """One rollout under a random world."""

    @initialize(which=st.sampled_from(range(len(SPECS))))
    def begin(self, which: int) -> None:
        """Applied, nothing decided."""
        self.spec = SPECS[which]
        self.now = NOW
        self.outside = FakeOutside()
        fake = cast("Any", self.outside)
        self.control = Control(clock=fake, rollouts=fake, commands=fake, allocations=fake, endpoints=fake, registry=fake)
        self.state = State(
            rollout="churn-1",
            route="churn",
            spec_digest=self.spec.digest,
            phase="pending",
            created_at=NOW,
            entered_at=NOW,
            step_at=NOW,
        )
        self.acts = 0

    @rule(hours=st.floats(-2, 30))
    def clock(self, hours: float) -> None:
        """Time passes, or the clock is set back."""
        self.now += timedelta(hours=hours)

    @rule(down=st.booleans(), lags=st.booleans())
    def weather(self, *, down: bool, lags: bool) -> None:
        """The registry or the host comes and goes."""
        self.outside.down, self.outside.host_lags = down, lags

    @rule()
    def foreign_move(self) -> None:
        """Somebody moves the alias by hand."""
        self.outside.aliases["champion"] = "9"

    @rule(
        shown=st.sets(st.sampled_from(["accuracy", "errors", "none"])),
        of=st.sampled_from(["v8", "v9", "both"]),
        act=st.sampled_from([None, None, *PEOPLE_ASK]),
        silent=st.booleans(),
        ill=st.sampled_from(["", "", "champion_errors", "unserved", "ejected", "v8 ejected"]),
        dies_after=st.integers(-1, 12),
    )
    def tick(self, shown: set[str], of: str, act: str | None, *, silent: bool, ill: str, dies_after: int) -> None:
        """Leftovers, decide, save, carry out; the process may die after any call."""
        self._carry_out(-1)
        observed = _falling_ill(self._observed(shown - {"none"}, act, silent=silent, of=of), ill)
        before = self.state
        decision, self.state = decide(self.spec, before, observed, self.now)
        self.outside.waiting += decision.commands
        self._check(before, decision, observed)
        self._carry_out(dies_after)

    @invariant()
    def a_way_back_is_always_there(self) -> None:
        """From every live phase, harm and a person's abort end it in one decision that gives everybody the champion first.

        Also while the champion is unhealthy: harm to those who have the candidate is harm.
        """
        if not hasattr(self, "state") or self.state.phase not in LIVE:
            return
        for trigger, end in (("abort", "aborted"), ("harm", "rolled_back")):
            observed = self._observed({"errors"} if trigger == "harm" else set(), "abort" if trigger == "abort" else None)
            decision, after = decide(self.spec, self.state, observed, self.now)
            asked = bool(asked_gates(self.spec, self.state))
            if trigger == "harm" and not asked:
                continue  # before the first stage nobody can be harmed
            assert after.phase == end
            assert after.unhealthy_since is None
            if asked:
                first = decision.commands[0]
                assert isinstance(first, PublishAllocation)
                assert first.shares == {"champion": 1.0}
                assert not first.rests_on_alias

    @invariant()
    def over_and_quiet_is_at_one(self) -> None:
        """When a rollout is over and everything is carried out, the route rests."""
        if not hasattr(self, "state") or self.state.phase in LIVE or self.outside.waiting:
            return
        if self.outside.published:
            assert self.outside.published[-1].rollout == ""

    def _check(self, before: State, decision: Decision, observed: Observed) -> None:
        assert (before.phase, decision.trigger) in TABLE
        assert decision.reasons
        assert all(decision.reasons)
        moved = self.state.stage != before.stage
        if decision.trigger in BY_EVIDENCE:
            going = {"", *alive(self.spec, self.state)}
            objectives = [it for it in decision.verdicts if it.role != "guardrail" and it.candidate in going]
            assert objectives
            assert all(verdict.outcome == "pass" for verdict in objectives)
            assert all(observed.health[name].asked > 0 for name in going - {""}), "silence promoted"
            assert before.step == max(len(steps_of(self.spec.stages[before.stage])) - 1, 0), "a step was skipped"
        elif decision.trigger in BY_PEOPLE | {"promote_full_last"}:
            assert decision.acts, "an override is not recorded"
        elif decision.trigger not in {"retry", "ready", "ready_release"}:
            assert not moved
        ill = bool(unwell(decision.verdicts)) or before.phase == "champion_unhealthy"
        if ill and not decision.acts:
            forward = BY_EVIDENCE | {"step", "watched", "time_out_hold", "time_out_rollback", "futile_hold", "futile_rollback"}
            assert decision.trigger not in forward, "something moved on evidence beside a champion that is ill"
        if decision.trigger == "fall_back":
            assert before.phase == "champion_unhealthy"
            assert self.spec.unhealthy_champion.then == "previous"
            assert [it.version for it in decision.commands if isinstance(it, MoveAlias)] == [observed.previous]
        assert (self.state.phase == "champion_unhealthy") == (self.state.unhealthy_since is not None)
        if decision.trigger == "step":
            assert (self.state.stage, self.state.step) == (before.stage, before.step + 1)
            assert observed.seen_in_step > 0
        if decision.trigger == "next_stage":
            assert self.state.stage == before.stage + 1
        assert not any(verdict.overridden for verdict in decision.verdicts if verdict.role == "guardrail")
        taken = {verdict.gate for verdict in decision.verdicts if verdict.overridden}
        assert taken <= set(before.overridden), "an override that nobody asked for, or of another stage"
        if any(verdict.role == "guardrail" and verdict.outcome == "fail" for verdict in decision.verdicts):
            assert decision.trigger == "leave" or self.state.phase in {"rolled_back", "aborted"}
        harmed = {it.candidate for it in decision.verdicts if it.role == "guardrail" and it.outcome == "fail"}
        if decision.trigger == "leave" and harmed:
            assert harmed == set(self.state.out) - set(before.out), "a harmful candidate stayed, or another one left"
        if self.state.phase in {"watching", "promoted"}:
            assert len(alive(self.spec, self.state)) == 1, "several candidates were released"
        if decision.trigger not in {"retry", "ready", "ready_release"}:
            assert self.state.out.items() >= before.out.items(), "a candidate came back"

    def _carry_out(self, dies_after: int) -> None:
        task = Task(spec=self.spec, state=self.state, salt="s", now=self.now)
        self.outside.calls_left = dies_after
        try:
            carry_out(self.control, task, tuple(self.outside.waiting))
        except CrashError:
            pass
        finally:
            self.outside.calls_left = -1
        assert len({move.command_id for move in self.outside.moved}) == len(self.outside.moved), "moved twice"

    def _observed(self, shown: set[str], act: str | None, *, silent: bool = False, of: str = "both") -> Observed:
        self.acts += 1
        asked = Act(id=f"act-{self.acts}", rollout="churn-1", trigger=cast("Any", act), who="ana", why="", at=self.now)
        if act == "override":
            asked = msgspec.structs.replace(asked, target=f"stages[{self.state.stage}].promote_when[0]")
        moving = any(isinstance(command, MoveAlias) for command in self.outside.waiting)
        unknown = self.outside.down or moving
        fine = Health() if silent else Health(asked=900, failed=0, judged=900, with_outcome=900)
        return Observed(
            weighed={} if silent else self._evidence(shown, of),
            health={"champion": fine, "v8": fine, "v9": fine},
            seen_in_step=fine.asked,
            acts=(asked,) if act else (),
            alias=None if unknown else self.outside.aliases["champion"],
            versions={} if self.outside.down else {"champion": self.outside.aliases["champion"], "v8": "8", "v9": "10"},
            allocation=len(self.outside.published),
            audits=() if silent else _AUDITS,
        )

    def _evidence(self, shown: set[str], of: str) -> dict[str, Weighed]:
        found: dict[str, Weighed] = {}
        gates = asked_gates(self.spec, self.state)
        for asked in gates:
            harm = asked.kind == "guardrail" and asked.question.metric.name == "accuracy"
            strong = asked.question.metric.name in shown and not harm and of in {"both", asked.candidate}
            found[asked.question.id] = _strong(asked.question.id) if strong else NotEnough(have=0, need=1, unit="rows")
        return found | {it.question.id: _strong(it.question.id) for it in what_ifs(gates, self.state)}


def _falling_ill(observed: Observed, ill: str) -> Observed:
    observed = msgspec.structs.replace(observed, previous="6")
    match ill:
        case "unserved":
            return msgspec.structs.replace(observed, missing=("models:/churn/7",))
        case "ejected" | "v8 ejected":
            return msgspec.structs.replace(observed, ejected={"champion" if ill == "ejected" else "v8": 1.0})
        case "champion_errors":
            audit = Audit(name="champion_errors", found=_strong(ill), expected=0.03)
            return msgspec.structs.replace(observed, audits=(*observed.audits, audit))
    return observed


def _strong(question: str) -> Evidence:
    return Evidence(
        question=question,
        estimate=0.0,
        low=-0.001,
        high=0.001,
        log_e=99.0,
        threshold=3.0,
        n={"v8": 900},
        have=900,
        need=None,
        method="made for a test",
        validity="exact at any look",
        assumptions=(),
    )


_AUDITS = tuple(
    Audit(name=name, found=msgspec.structs.replace(_strong(name), log_e=0.0), expected=0.0) for name in get_args(AuditName)
)

TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
