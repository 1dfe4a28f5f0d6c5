"""Commands, done."""

import msgspec
import pytest

from segue.errors import Unavailable
from segue.facts.decision import Act, Command, Decision, MoveAlias, Phase, PublishAllocation
from segue.monitor.acting.carry_out import CarriedOut, Task, carry_out
from segue.monitor.begin import apply
from segue.testkit.small_world import SPEC, SmallWorld, move

ROLLOUT = "churn-1"
FORWARD = MoveAlias(
    id="forward",
    rollout=ROLLOUT,
    model="churn",
    alias="champion",
    version="8",
    expected="7",
    why="w",
    keep_previous_as="previous",
)
BACK = msgspec.structs.replace(FORWARD, id="back", version="7", expected="8", keep_previous_as="")
WATCH = PublishAllocation(
    id="watch", rollout=ROLLOUT, stage="everyone", shares={"champion": 0.1, "v8": 0.9}, rests_on_alias=True
)
CHAMPION = PublishAllocation(id="champion", rollout=ROLLOUT, stage="everyone", shares={"champion": 1.0})
REST = PublishAllocation(id="rest", rollout=ROLLOUT, stage="", shares={"champion": 1.0}, follow=True)


@pytest.fixture
def world(small_world: SmallWorld) -> SmallWorld:
    """A rollout that has decided all of the commands above."""
    apply(small_world.outside, SPEC)
    loaded = small_world.outside.rollouts.load(ROLLOUT)
    act = Act(id="a", rollout=ROLLOUT, trigger="promote_full", who="ana", why="", at=small_world.clock.now())
    decision = Decision(
        id="d",
        rollout=ROLLOUT,
        number=1,
        at=small_world.clock.now(),
        kind="promote",
        trigger="release",
        from_phase="running",
        to_phase="watching",
        from_stage="canary",
        to_stage="everyone",
        step=0,
        reasons=("r",),
        verdicts=(),
        commands=(FORWARD, WATCH, CHAMPION, BACK, REST),
        acts=(act,),
    )
    state = msgspec.structs.replace(loaded.state, decisions=1, champion_version="7", candidate_version="8")
    small_world.outside.rollouts.save(decision, state, loaded.token)
    return small_world


def do(world: SmallWorld, *commands: Command, phase: Phase = "watching") -> CarriedOut:
    """Carry out these."""
    loaded = world.outside.rollouts.load(ROLLOUT)
    state = msgspec.structs.replace(loaded.state, phase=phase)
    from segue.spec.load import load

    return carry_out(world.outside, Task(spec=load(SPEC), state=state, salt="s", now=world.clock.now()), commands)


def published(world: SmallWorld) -> list[tuple[str, int]]:
    """Stage and number of buckets of the candidate, in the order of publication; the first is the route's own."""
    return [
        (it.stage, sum(r.end - r.start for r in it.split.ranges if r.variant == "v8"))
        for it in world.outside.allocations.allocations("churn")
    ][1:]


def pending(world: SmallWorld) -> set[str]:
    """Ids of what is still to be done."""
    return {command.id for command in world.outside.commands.pending(ROLLOUT)}


def aliases(world: SmallWorld) -> dict[str, str]:
    """Alias -> version."""
    return {alias: version for _, alias, version in world.outside.registry.aliases("churn")}


def test_alias_then_shares(world: SmallWorld) -> None:
    """The alias is moved and read back, the version before is kept, then the shares are published, each marked done."""
    assert do(world, FORWARD, WATCH) == CarriedOut()
    assert aliases(world) == {"champion": "8", "previous": "7"}
    assert published(world) == [("everyone", 900_000)]
    assert pending(world) == {"champion", "back", "rest"}


def test_twice_is_once(world: SmallWorld) -> None:
    """Done again, nothing happens."""
    do(world, FORWARD, WATCH)
    before = (aliases(world), published(world), len(world.outside.registry.moves("churn")))
    do(world, FORWARD, WATCH)
    assert (aliases(world), published(world), len(world.outside.registry.moves("churn"))) == before


def test_a_refused_move_drops_the_shares_that_rest_on_it(world: SmallWorld) -> None:
    """Where somebody else moved the alias, it is left there, the refusal is told, and the candidate gets no traffic."""
    move(world.outside.registry, "7", "9", "by-hand")
    done = do(world, FORWARD, WATCH)
    assert "points at 9" in done.refused[0]
    assert (aliases(world), published(world)) == ({"champion": "9"}, [])
    assert {"forward", "watch"}.isdisjoint(pending(world))


def test_an_absent_registry_is_waited_for(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it does not answer, neither the alias nor the shares that rest on it move, and both are tried again."""
    with monkeypatch.context() as away:
        away.setattr(type(world.outside.registry), "alias", _away)
        done = do(world, FORWARD, WATCH)
        assert (done.waiting, done.alias_is_moving) == ((FORWARD, WATCH), True)
        assert {"forward", "watch"} <= pending(world)
    assert do(world, FORWARD, WATCH) == CarriedOut()
    assert published(world) == [("everyone", 900_000)]


def test_the_champion_waits_for_no_registry(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A way back puts its shares into force while the moves of the alias wait; the promotion it overtakes is never seen."""
    with monkeypatch.context() as away:
        away.setattr(type(world.outside.registry), "alias", _away)
        assert do(world, FORWARD, WATCH, CHAMPION, BACK, REST).waiting == (FORWARD, BACK, REST)
        assert published(world) == [("everyone", 0)]
    do(world, FORWARD, CHAMPION, BACK, phase="rolled_back")
    assert aliases(world) == {"champion": "7"}
    assert [it.after for it in world.outside.registry.moves("churn")] == ["7"], "a move that was taken back was made"


def test_a_move_that_was_made_is_taken_back(world: SmallWorld) -> None:
    """Where the forward move was done before the crash, the way back undoes it."""
    do(world, FORWARD)
    do(world, FORWARD, BACK, phase="rolled_back")
    assert aliases(world)["champion"] == "7"


def test_rest_waits_until_the_alias_is_served(world: SmallWorld) -> None:
    """Serving follows the alias only when what is served under it is what the registry says."""
    world.host()
    do(world, FORWARD)
    assert do(world, REST).waiting == (REST,)
    world.host()
    assert do(world, REST) == CarriedOut()
    assert world.allocation().variants["champion"].version == "models:/churn@champion"


def test_a_new_rollout_is_not_disturbed_by_an_old_one(world: SmallWorld) -> None:
    """What an old rollout left to be done is dropped once another has taken over the route."""
    world.host()
    do(world, CHAMPION)
    newer = msgspec.structs.replace(world.allocation(), rollout="churn-2")
    world.outside.allocations.publish(newer, command_id="newer")
    do(world, WATCH, REST, phase="aborted")
    assert world.allocation().rollout == "churn-2"


def _away(*_arguments: object) -> None:
    raise Unavailable("away")
