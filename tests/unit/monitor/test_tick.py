"""One tick after the other, over real stores, lake and engine."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from segue.errors import DomainError, Unavailable
from segue.facts.decision import Act, Decision, Trigger
from segue.facts.evidence import Evidence
from segue.monitor.begin import apply, ask
from segue.monitor.leading import LEASE
from segue.monitor.tick import ALWAYS_ANEW, Monitor, MonitorSettings
from segue.testkit.small_world import SPEC, SmallWorld, move, register

ROLLOUT = "churn-1"


def until_over(world: SmallWorld, monitor: Monitor, *, requests: int = 400) -> list[Decision]:
    """Ticks with traffic in between, until the rollout is over; the decisions kept."""
    kept: list[Decision] = []
    for _ in range(40):
        kept += monitor.tick()
        if kept and kept[-1].to_phase in {"promoted", "rolled_back", "aborted"}:
            break
        world.traffic(requests, hours=0.5)
        world.host()
    return kept


@pytest.fixture
def begun(small_world: SmallWorld) -> SmallWorld:
    """A rollout that is pending with everything served."""
    apply(small_world.outside, SPEC)
    small_world.host()
    return small_world


def test_a_better_candidate_is_promoted(begun: SmallWorld) -> None:
    """Through every stage and step in order; the alias moves, the old version is kept, the route rests on the alias."""
    kept = until_over(begun, Monitor(begun.outside))
    moves = [decision.trigger for decision in kept if decision.trigger != "hold"]
    assert moves == ["ready", "next_stage", "step", "release", "watched"]
    aliases = {alias: version for _, alias, version in begun.outside.registry.aliases("churn")}
    assert aliases == {"champion": "8", "previous": "7"}
    begun.host()
    Monitor(begun.outside).tick()
    rest = begun.allocation()
    assert (rest.rollout, rest.variants["champion"].version) == ("", "models:/churn@champion")
    assert not begun.outside.commands.waiting()


def test_a_worse_candidate_is_rolled_back_out_of_the_shadow(begun: SmallWorld) -> None:
    """Shown harm ends the rollout before anybody was served by the candidate, with the numbers in the reason."""
    begun.accuracy["v8"] = 0.5
    kept = until_over(begun, Monitor(begun.outside))
    last = kept[-1]
    assert (last.trigger, last.from_stage, last.to_phase) == ("harm", "shadow", "rolled_back")
    broken = [verdict for verdict in last.verdicts if verdict.outcome == "fail"]
    assert isinstance(broken[0].evidence, Evidence)
    assert "accuracy of v8 worse than champion's by 5 pp is broken" in last.reasons[0]
    assert begun.outside.registry.alias("churn", "champion") == "7"
    assert begun.allocation().rollout == ""


def test_a_guardrail_that_is_added_sees_only_what_comes_after(small_world: SmallWorld) -> None:
    """Harm that everybody has seen is not what a guardrail is judged by that was written because of it; harm to come is."""
    world, monitor, kept = small_world, Monitor(small_world.outside), list[Decision]()
    world.accuracy["v8"] = 0.5
    endless = SPEC.replace("    at_most: {age: 14d, then: rollback}\n", "")  # else the gates would give it up
    apply(world.outside, endless.replace("  - accuracy: {worse_than_champion_by: 5pp}\n", ""))
    for _ in range(3):
        world.host()
        monitor.tick()
        world.traffic(400, hours=0.5)
    number = world.allocation().number
    apply(world.outside, endless)
    (amended,) = monitor.tick()
    assert amended.kind == "amend"
    assert world.allocation().number == number + 1
    monitor.tick()
    assert world.outside.rollouts.load(ROLLOUT).state.phase == "running"
    for _ in range(6):
        world.traffic(400, hours=0.5)
        world.host()
        kept += monitor.tick()
    harm = next(decision for decision in kept if decision.trigger == "harm")
    (broken,) = (verdict for verdict in harm.verdicts if verdict.outcome == "fail")
    assert broken.question is not None
    assert (broken.question.since_allocation, broken.question.metric.name) == (number + 1, "accuracy")


def test_failures_in_the_watch_take_the_alias_back(begun: SmallWorld) -> None:
    """Harm after the promotion: the old champion at once, then the alias, then rest."""
    monitor = Monitor(begun.outside)
    monitor.tick()
    ask(begun.outside, ROLLOUT, "promote_full", who="ana", why="hurry")
    monitor.tick()
    assert begun.outside.registry.alias("churn", "champion") == "8"
    begun.failing["v8"] = 0.3
    begun.host()
    begun.traffic(600, hours=0.5)
    (last,) = monitor.tick()
    assert last.trigger == "harm"
    assert begun.outside.registry.alias("churn", "champion") == "7"
    assert begun.allocation().variants["champion"].version == "models:/churn/7", "the host still serves 8 under the alias"
    begun.host()
    monitor.tick()
    assert begun.allocation().variants["champion"].version == "models:/churn@champion"


def test_a_promotion_is_taken_back_at_once(begun: SmallWorld) -> None:
    """The alias goes back in one tick, without a stage, and serving follows it; other versions than it had are refused."""
    monitor = Monitor(begun.outside)
    assert until_over(begun, monitor)[-1].to_phase == "promoted"
    with pytest.raises(DomainError, match="never pointed at 9"):
        ask(begun.outside, ROLLOUT, "undo", who="ana", why="slow", target="9")
    ask(begun.outside, ROLLOUT, "undo", who="ana", why="slow")
    (undone,) = monitor.tick()
    assert (undone.trigger, undone.to_phase, undone.acts[0].who) == ("undo", "rolled_back", "ana")
    assert begun.outside.registry.alias("churn", "champion") == "7"
    begun.host()
    monitor.tick()
    assert begun.allocation().variants["champion"].version == "models:/churn@champion"
    assert not begun.outside.commands.pending(ROLLOUT)


def test_an_override_is_kept_with_its_reason(begun: SmallWorld) -> None:
    """The gate passes by a person's word, which stands in the verdict and the history; without a reason nothing is entered."""
    monitor = Monitor(begun.outside)
    monitor.tick()
    gate = "stages[0].promote_when[0]"
    with pytest.raises(DomainError, match="needs a reason"):
        ask(begun.outside, ROLLOUT, "override", who="ana", why=" ", target=gate)
    ask(begun.outside, ROLLOUT, "override", who="ana", why="proven offline", target=gate)
    assert [decision.trigger for decision in monitor.tick()] == ["override"]
    begun.later(0.1)
    (decision,) = monitor.tick()
    (verdict,) = [it for it in decision.verdicts if it.gate == gate]
    assert (verdict.outcome, verdict.overridden) == ("pass", True)
    assert verdict.reason.startswith("overridden by ana: proven offline; it said: ")


def test_a_retry_draws_anew_only_where_asked(begun: SmallWorld) -> None:
    """The same units go to the same side again, unless the retry says otherwise."""
    monitor, salts = Monitor(begun.outside), []
    for target in ("", "new draw"):
        monitor.tick()
        salts.append(begun.allocation().split.salt)
        ask(begun.outside, ROLLOUT, "abort", who="ana", why="again")
        monitor.tick()
        begun.host()
        ask(begun.outside, ROLLOUT, "retry", who="ana", why="again", target=target)
        monitor.tick()
    monitor.tick()
    salts.append(begun.allocation().split.salt)
    assert salts[0] == salts[1] != salts[2]


@pytest.mark.parametrize(("way", "first_ends"), [("queue", "promoted"), ("supersede", "aborted")])
def test_another_spec_for_a_busy_route(begun: SmallWorld, way: str, first_ends: str) -> None:
    """It waits until the one before is over, or ends that first; then it begins by itself, and once."""
    monitor = Monitor(begun.outside)
    monitor.tick()
    other = SPEC.replace("models:/churn/8}", "models:/churn/9}") + f"when_busy: {way}\n"
    applied = apply(begun.outside, other)
    assert apply(begun.outside, other).created is False
    assert (applied.rollout, begun.outside.rollouts.load("churn-2").state.phase) == ("churn-2", "queued")
    phases: list[str] = []
    for _ in range(40):
        monitor.tick()
        phases = [begun.outside.rollouts.load(name).state.phase for name in (ROLLOUT, "churn-2")]
        assert phases[1] == "queued" or phases[0] == first_ends, "it began beside the one before"
        if phases[1] != "queued":
            break
        begun.traffic(400, hours=0.5)
        begun.host()
    assert phases == [first_ends, "pending"]
    begins = [decision for decision in begun.outside.rollouts.decisions("churn-2") if decision.trigger == "begin"]
    assert len(begins) == 1


def test_a_queued_rollout_can_be_aborted(begun: SmallWorld) -> None:
    """It leaves the queue without having served anybody."""
    apply(begun.outside, SPEC.replace("models:/churn/8}", "models:/churn/9}") + "when_busy: queue\n")
    ask(begun.outside, "churn-2", "abort", who="ana", why="never mind")
    Monitor(begun.outside).tick()
    assert begun.outside.rollouts.load("churn-2").state.phase == "aborted"
    assert begun.allocation().rollout != "churn-2"


def test_nothing_begins_before_everything_is_served(small_world: SmallWorld) -> None:
    """Pending, and the reason names what is missing; endpoints that gave no sign of life for long do not count."""
    apply(small_world.outside, SPEC)
    (first,) = Monitor(small_world.outside).tick()
    assert first.reasons == ("models:/churn/7 is not served yet", "models:/churn/8 is not served yet")
    small_world.host()
    later = datetime.now(UTC) + timedelta(minutes=5)
    stale = Monitor(small_world.outside, real=lambda: later)
    assert not [decision for decision in stale.tick() if decision.trigger == "ready"]
    assert [decision.trigger for decision in Monitor(small_world.outside).tick()] == ["ready"]


def test_no_data_hold(begun: SmallWorld) -> None:
    """Time alone brings nobody out of a stage, and the history does not fill with it."""
    monitor = Monitor(begun.outside)
    for _ in range(30):
        monitor.tick()
        begun.later(0.25)
    state = begun.outside.rollouts.load(ROLLOUT).state
    assert (state.phase, state.stage) == ("running", 0)


def test_a_foreign_alias_move_ends_the_rollout(begun: SmallWorld) -> None:
    """The comparison is void; the alias stays where the person put it, and serving goes there once it is loaded."""
    monitor = Monitor(begun.outside)
    monitor.tick()
    move(begun.outside.registry, "7", "9", "by-hand")
    (last,) = monitor.tick()
    assert last.trigger == "superseded"
    assert begun.allocation().variants["champion"].version == "models:/churn/7"
    begun.host()
    monitor.tick()
    assert begun.outside.registry.alias("churn", "champion") == "9"
    assert begun.allocation().variants["champion"].version == "models:/churn@champion"


def test_a_refused_act_is_recorded(begun: SmallWorld) -> None:
    """What cannot be done now is answered in the history, once."""
    monitor = Monitor(begun.outside)
    ask(begun.outside, ROLLOUT, "pause", who="ana", why="lunch")
    monitor.tick()
    begun.outside.commands.ask(ask_again := _act(begun, "approve"))
    (refused,) = monitor.tick()
    assert refused.acts == (ask_again,)
    assert refused.reasons[0].startswith("refused: ")
    assert not any(decision.acts for decision in monitor.tick())
    assert monitor.tick() == ()


def test_a_registry_that_is_away_does_not_stop_a_rollback(begun: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traffic goes back at once; the alias follows when the registry is back."""
    monitor = Monitor(begun.outside)
    monitor.tick()
    ask(begun.outside, ROLLOUT, "promote_full", who="ana", why="hurry")
    monitor.tick()
    ask(begun.outside, ROLLOUT, "abort", who="ana", why="it smells")
    with monkeypatch.context() as away:
        away.setattr(type(begun.outside.registry), "alias", _unavailable)
        monitor.tick()
        assert begun.outside.rollouts.load(ROLLOUT).state.phase == "aborted"
        in_force = begun.allocation()
        assert {piece.variant for piece in in_force.split.ranges} == {"champion"}
    monitor.tick()
    assert begun.outside.registry.alias("churn", "champion") == "7"


def test_a_lake_that_is_away_holds(begun: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be measured is said, and moves nothing; the next tick goes on."""
    monitor = Monitor(begun.outside)
    monitor.tick()
    begun.traffic(2000, hours=3)
    begun.later(2)
    with monkeypatch.context() as away:
        away.setattr(type(begun.outside.lake), "segments", _unavailable)
        (held,) = monitor.tick()
    assert held.trigger == "hold"
    assert any("could not be measured" in reason for reason in held.reasons)
    assert [decision.trigger for decision in monitor.tick()] == ["next_stage"]


def test_a_save_that_comes_too_late_changes_nothing(begun: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two monitors that decide at once, one is kept; the other decides anew at its next tick."""
    slow, quick = Monitor(begun.outside), Monitor(begun.outside)
    asked = begun.outside.commands.asked

    def meanwhile(rollout: str) -> Sequence[Act]:
        monkeypatch.undo()
        quick.tick()
        return asked(rollout)

    monkeypatch.setattr(begun.outside.commands, "asked", meanwhile)
    assert slow.tick() == ()
    assert [it.trigger for it in begun.outside.rollouts.decisions(ROLLOUT)] == ["ready"]


def test_one_of_two_leads_and_both_stop(begun: SmallWorld) -> None:
    """The loop acts under the lease, gives it back at the end, and ends when told."""
    others = begun.outside.leases.acquire(LEASE, "another", ttl_s=60, now=datetime.now(UTC))
    assert others is not None
    stop = threading.Event()
    thread = threading.Thread(target=Monitor(begun.outside, MonitorSettings(period_s=0.01)).run, args=(stop,))
    thread.start()
    try:
        threading.Event().wait(0.1)
        assert not begun.outside.rollouts.decisions(ROLLOUT)
        begun.outside.leases.release(others)
        while not begun.outside.rollouts.decisions(ROLLOUT):
            assert thread.is_alive()
            threading.Event().wait(0.01)
    finally:
        stop.set()
        thread.join()
    assert begun.outside.leases.acquire(LEASE, "next", ttl_s=60, now=datetime.now(UTC)) is not None


def _act(world: SmallWorld, trigger: Trigger) -> Act:
    return Act(id="act-by-hand", rollout=ROLLOUT, trigger=trigger, who="ana", why="", at=world.clock.now())


def _unavailable(*_arguments: object, **_named: object) -> None:
    raise Unavailable("away")


def test_a_bug_in_one_rollout_stops_only_that_one(
    begun: SmallWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not move and says so once; it goes on when the bug is gone; nothing is raised out of the tick."""
    monitor = Monitor(begun.outside)
    with monkeypatch.context() as broken:
        broken.setattr("segue.monitor.tick.decide", None)
        assert monitor.tick() == monitor.tick() == ()
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert [decision.trigger for decision in monitor.tick()] == ["ready"]


def test_an_alias_move_points_to_its_evidence(begun: SmallWorld) -> None:
    """The registry's history names the decision, whose row holds every number."""
    monitor = Monitor(begun.outside)
    monitor.tick()
    ask(begun.outside, ROLLOUT, "promote_full", who="ana", why="hurry")
    (decision,) = monitor.tick()
    moved = [it for it in begun.outside.registry.moves("churn") if it.alias == "champion"][-1]
    assert (moved.before, moved.after, moved.evidence, moved.who) == ("7", "8", decision.id, "segue")
    assert moved.why == "promote full by ana: hurry"


def test_many_rollouts_take_turns(small_world: SmallWorld) -> None:
    """Where measuring all of them would take too long, each is measured at one of the next ticks, and none is forgotten."""
    worlds = [SmallWorld(small_world.outside, small_world.clock, seed=number, route=f"r{number}") for number in range(12)]
    for world in worlds:
        register(world.outside.registry, world.route)
        world.host()
        apply(world.outside, SPEC.replace("churn", world.route))
    monitor = Monitor(small_world.outside, MonitorSettings(measuring_s=0.0))
    monitor.tick()
    for world in worlds:
        at = small_world.clock.at
        world.traffic(50, hours=1)
        small_world.clock.at = at
    small_world.later(1)

    def seen() -> list[str]:
        store = small_world.outside.summaries
        return [world.route for world in worlds if store.seen(f"{world.route}-1")]

    monitor.tick()
    assert len(seen()) == ALWAYS_ANEW
    monitor.tick()
    assert len(seen()) == len(worlds)


def test_what_people_ask_for_does_not_wait_for_the_next_tick(begun: SmallWorld) -> None:
    """A monitor that looks once an hour pauses the rollout when it is asked to, on SQLite too."""
    stop, wake = threading.Event(), threading.Event()
    monitor = Monitor(begun.outside, MonitorSettings(period_s=3600.0))
    thread = threading.Thread(target=monitor.run, args=(stop, wake))
    thread.start()
    rollouts = begun.outside.rollouts
    try:
        _until(lambda: rollouts.load(ROLLOUT).state.phase == "running")
        ask(begun.outside, ROLLOUT, "pause", who="ana", why="lunch")
        _until(lambda: rollouts.load(ROLLOUT).state.phase == "paused")
    finally:
        stop.set()
        wake.set()
        thread.join()


def _until(there: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + 60.0
    while not there():
        assert time.monotonic() < ends_s
        time.sleep(0.02)
