"""From a text to a rollout, and what people may ask of it."""

from pathlib import Path

import msgspec
import pytest

from segue.adapters.stores.store import open_store
from segue.decide.budget import ledger
from segue.errors import Conflict, DomainError, NotFound, SpecError, TransitionError
from segue.monitor.begin import apply, ask, find
from segue.monitor.tick import Monitor
from segue.ports.audit import SEGUE, every
from segue.spec.load import load
from segue.testkit.small_world import SPEC, SmallWorld


def test_a_route_serves_before_it_has_a_rollout(small_world: SmallWorld) -> None:
    """The first application publishes everybody to the champion, and the rollout is pending."""
    applied = apply(small_world.outside, SPEC)
    assert (applied.rollout, applied.created) == ("churn-1", True)
    assert small_world.allocation().variants["champion"].version == "models:/churn@champion"
    loaded = small_world.outside.rollouts.load("churn-1")
    assert (loaded.state.phase, loaded.state.spec_digest) == ("pending", applied.spec.digest)
    assert loaded.state.ledger == ledger(applied.spec)


def test_who_applies_it_is_in_the_log(small_world: SmallWorld, tmp_path: Path) -> None:
    """Of the first publication, the beginning and the wait for a turn; what the monitor does by itself is Segue's."""
    apply(small_world.outside, SPEC, who="ana")
    Monitor(small_world.outside).tick_one("churn-1")
    apply(small_world.outside, SPEC.replace("age: 2h", "age: 3h") + "when_busy: queue\n", who="bob")
    with open_store(f"sqlite:///{tmp_path}/segue.db") as stores:
        said = [(it.deed, it.who) for it in every(stores.audit) if it.deed not in {"registered", "alias_moved"}]
    bobs = [("applied", "bob"), ("asked", "bob")]
    assert said == [("published", "ana"), ("applied", "ana"), ("decided", SEGUE), *bobs]


def test_the_same_text_again_changes_nothing(small_world: SmallWorld) -> None:
    """Applying twice is applying once."""
    apply(small_world.outside, SPEC)
    again = apply(small_world.outside, SPEC)
    assert (again.rollout, again.created) == ("churn-1", False)
    assert len(small_world.outside.rollouts.rollouts()) == 1


def test_another_text_has_to_wait(small_world: SmallWorld) -> None:
    """A route has one live rollout; the error names it."""
    apply(small_world.outside, SPEC)
    with pytest.raises(Conflict, match="churn-1"):
        apply(small_world.outside, SPEC.replace("age: 2h", "age: 3h"))


GUARD = "guardrails:\n"
AMENDED = SPEC.replace(GUARD, GUARD + "  - p99: {above: 90ms}\n")


def test_a_changed_text_amends_the_live_rollout(small_world: SmallWorld) -> None:
    """Another guardrail is no other rollout: the next tick takes it up, ledger and digest with it, once."""
    world = small_world
    apply(world.outside, SPEC)
    asked = apply(world.outside, AMENDED, dry_run=True)
    assert (asked.rollout, asked.created) == ("churn-1", False)
    assert asked.amended[0].startswith("+ guardrail never p99 of v8 above 90 ms:")
    assert not world.outside.commands.asked("churn-1")
    for _ in range(2):
        assert apply(world.outside, AMENDED, who="ana").amended == asked.amended
    (act,) = world.outside.commands.asked("churn-1")
    assert (act.trigger, act.who, act.target) == ("amend", "ana", AMENDED)
    decision = Monitor(world.outside).tick_one("churn-1")
    assert decision is not None
    assert decision.kind == "amend"
    loaded = world.outside.rollouts.load("churn-1")
    assert (loaded.source, loaded.spec_source) == (AMENDED, SPEC)
    assert loaded.state.spec_digest == load(AMENDED).digest
    assert apply(world.outside, AMENDED).amended == ()


def test_what_cannot_be_amended_says_why(small_world: SmallWorld) -> None:
    """The error names what differs and may not."""
    apply(small_world.outside, SPEC)
    with pytest.raises(Conflict, match=r"at_least\.age: 2h -> 3h"):
        apply(small_world.outside, SPEC.replace("age: 2h, outcomes", "age: 3h, outcomes"))


def test_a_dry_run_writes_nothing(small_world: SmallWorld) -> None:
    """The whole check, and no trace."""
    assert apply(small_world.outside, SPEC, dry_run=True).rollout == "churn-1"
    with pytest.raises(NotFound):
        small_world.allocation()
    assert not small_world.outside.rollouts.rollouts()


CANARY = "strategy: canary\n    steps: [{share: 5%, age: 1h}, {share: 50%, age: 1h}]"
BANDIT = "strategy: bandit\n    policy: thompson\n    reward: accuracy"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("registry: embedded", "registry: mlflow+http://host:5000", "registry: mlflow"),
        ("models:/churn/8", "models:/other/8", "different models"),
        (CANARY, BANDIT, "bandit"),
    ],
)
def test_what_cannot_run_is_refused_by_name(small_world: SmallWorld, old: str, new: str, named: str) -> None:
    """Nothing that is written in a spec is ignored."""
    assert old in SPEC
    with pytest.raises(SpecError, match=named):
        apply(small_world.outside, SPEC.replace(old, new))
    assert not small_world.outside.rollouts.rollouts()


def test_people_hear_that_users_will_change_sides(small_world: SmallWorld) -> None:
    """A file whose champion is not who answers the route now is applied with a note; one that follows the alias, without."""
    world, pinned = small_world, "{version: models:/churn/7, url: 'http://127.0.0.1:9007'}"
    old, moved = (SPEC.replace("{version: models:/churn@champion}", pinned.replace("9007", port)) for port in ("9007", "9008"))
    assert apply(world.outside, old).notes == ()
    ask(world.outside, "churn-1", "abort", who="ana", why="over")
    Monitor(world.outside).tick()
    assert apply(world.outside, old, dry_run=True).notes == ()
    assert apply(world.outside, SPEC, dry_run=True).notes == ()
    (note,) = apply(world.outside, moved, dry_run=True).notes
    assert "is answered by models:/churn/7 at http://127.0.0.1:9007 until this rollout begins" in note
    assert "by models:/churn/7 at http://127.0.0.1:9008 as its champion" in note
    followed = old.replace("models:/churn/7,", "models:/churn@champion,")
    assert apply(world.outside, followed, dry_run=True).notes == ()


def test_an_act_is_entered_once(small_world: SmallWorld) -> None:
    """What a person asks for waits for the tick, with who and why."""
    apply(small_world.outside, SPEC)
    act = ask(small_world.outside, "churn-1", "abort", who="ana", why="wrong features")
    ask(small_world.outside, "churn-1", "abort", who="ana", why="wrong features")
    assert list(small_world.outside.commands.asked("churn-1")) == [act]


def test_what_the_table_does_not_have_is_refused_at_once(small_world: SmallWorld) -> None:
    """A person hears at the command that there is nothing to resume, and nothing is entered."""
    apply(small_world.outside, SPEC)
    with pytest.raises(TransitionError, match="pending has no resume") as refused:
        ask(small_world.outside, "churn-1", "resume", who="ana", why="")
    assert refused.value.hint == "what it has: pause, abort, apply"
    with pytest.raises(DomainError):
        ask(small_world.outside, "churn-1", "harm", who="ana", why="")
    with pytest.raises(NotFound):
        ask(small_world.outside, "churn-9", "abort", who="ana", why="no")
    assert not small_world.outside.commands.asked("churn-1")


def test_a_rollout_is_found_by_id_or_by_route(small_world: SmallWorld) -> None:
    """A route's name means its newest rollout."""
    apply(small_world.outside, SPEC)
    over = small_world.outside.rollouts.load("churn-1").state
    small_world.outside.rollouts.create(
        msgspec.structs.replace(over, rollout="churn-0", phase="aborted"), spec_source=SPEC, salt=""
    )
    assert find(small_world.outside, "churn-1").state.rollout == "churn-1"
    assert find(small_world.outside, "churn").state.rollout == "churn-0"
    with pytest.raises(NotFound):
        find(small_world.outside, "chrun")
