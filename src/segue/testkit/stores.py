"""Does a store keep rollouts, decisions, commands and acts as the port promises?"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from segue.errors import Conflict, DomainError, NotFound
from segue.facts.decision import Decision, Phase
from segue.monitor.outside import Opening
from segue.ports.access import AnswerStore, TokenStore
from segue.ports.audit import AuditLog
from segue.ports.span import Span
from segue.ports.store import (
    KeyStore,
    Loaded,
)
from segue.testkit import samples


class Opened(Opening, Protocol):
    """One opening of a store, whole."""

    @property
    def keys(self) -> KeyStore: ...  # noqa: D102 - the port says it; the same below
    @property
    def tokens(self) -> TokenStore: ...  # noqa: D102
    @property
    def answered(self) -> AnswerStore: ...  # noqa: D102
    @property
    def audit(self) -> AuditLog: ...  # noqa: D102

    def led(self) -> "Opened":
        """The same opening for one who leads: it writes under the lease that was last taken through it, or not at all."""
        ...

    def close(self) -> None:
        """Give back all that the opening holds."""
        ...


Opener = Callable[[], Opened]


class StoreFixtures:
    """Override `opener`, nothing else."""

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        """Opens one and the same store at each call, empty before the first; picklable, so that other processes may too."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, opener: Opener) -> Iterator[Opened]:
        """An opening."""
        opened = opener()
        yield opened
        opened.close()

    @pytest.fixture
    def begun(self, store: Opened) -> Loaded:
        """Rollout r-1 of route churn, running."""
        return store.rollouts.create(samples.state(), spec_source=samples.ODD, salt="salt-1")


class RolloutSuite(StoreFixtures):
    """What `RolloutStore` promises."""

    def test_a_rollout_comes_back_as_it_was_put_in(self, store: Opened, begun: Loaded) -> None:
        """State, source and salt come back equal, to the microsecond and the last bit."""
        assert store.rollouts.load("r-1") == begun
        assert begun == Loaded(state=samples.state(), spec_source=samples.ODD, salt="salt-1", token=begun.token)

    def test_another_opening_sees_what_a_call_returned(self, opener: Opener, store: Opened, begun: Loaded) -> None:
        """What one opening was told is there for the next."""
        saved = store.rollouts.save(samples.decision(1), begun.state, begun.token)
        other = opener()
        try:
            assert other.rollouts.load("r-1") == saved
        finally:
            other.close()

    def test_an_unknown_rollout_is_not_found(self, store: Opened, begun: Loaded) -> None:
        """Every question about an unknown rollout is `NotFound`, and names the nearest."""
        state = samples.state("r-9")
        with pytest.raises(NotFound, match="r-1"):
            store.rollouts.load("r-9")
        with pytest.raises(NotFound):
            store.rollouts.save(samples.decision(1, "r-9"), state, begun.token)
        with pytest.raises(NotFound):
            store.rollouts.decisions("r-9")

    def test_a_route_has_one_live_rollout(self, store: Opened, begun: Loaded) -> None:
        """A second one is a Conflict that names the first; another route's is not."""
        with pytest.raises(Conflict, match=begun.state.rollout):
            store.rollouts.create(samples.state("r-2"), spec_source="", salt="")
        with pytest.raises(NotFound):
            store.rollouts.load("r-2")
        store.rollouts.create(samples.state("r-3", "delay"), spec_source="", salt="")

    def test_an_id_is_given_once(self, store: Opened, begun: Loaded) -> None:
        """The same id on another route is a Conflict and changes nothing."""
        with pytest.raises(Conflict):
            store.rollouts.create(samples.state("r-1", "delay"), spec_source="", salt="")
        assert store.rollouts.load("r-1") == begun

    @pytest.mark.parametrize("phase", ["promoted", "rolled_back", "aborted"])
    def test_the_route_is_free_when_its_rollout_is_over(self, store: Opened, begun: Loaded, phase: Phase) -> None:
        """After each of the last phases the next rollout may begin, and only that one is live."""
        store.rollouts.save(samples.decision(1), samples.state(phase=phase), begun.token)
        following = store.rollouts.create(samples.state("r-2"), spec_source="", salt="")
        assert list(store.rollouts.rollouts("churn", live=True)) == [following]

    @pytest.mark.parametrize("phase", ["pending", "paused", "awaiting_approval", "held", "champion_unhealthy", "watching"])
    def test_the_route_is_taken_in_every_other_phase(self, store: Opened, begun: Loaded, phase: Phase) -> None:
        """A rollout that stands still is not over."""
        store.rollouts.save(samples.decision(1), samples.state(phase=phase), begun.token)
        with pytest.raises(Conflict):
            store.rollouts.create(samples.state("r-2"), spec_source="", salt="")

    def test_queued_rollouts_wait_beside_a_live_one(self, store: Opened, begun: Loaded) -> None:
        """Any number may wait, none of them is live, and one begins only when the route is free."""
        queued = [
            store.rollouts.create(samples.state(name, phase="queued"), spec_source="", salt="") for name in ("r-2", "r-3")
        ]
        assert list(store.rollouts.rollouts("churn", live=True)) == [begun]
        with pytest.raises(Conflict):
            store.rollouts.save(samples.decision(1, "r-2"), samples.state("r-2", phase="pending"), queued[0].token)
        store.rollouts.save(samples.decision(1), samples.state(phase="aborted"), begun.token)
        first = store.rollouts.save(samples.decision(1, "r-2"), samples.state("r-2", phase="pending"), queued[0].token)
        assert list(store.rollouts.rollouts("churn", live=True)) == [first]
        with pytest.raises(Conflict):
            store.rollouts.save(samples.decision(1, "r-3"), samples.state("r-3", phase="pending"), queued[1].token)
        assert [it.state.rollout for it in store.rollouts.rollouts("churn")] == ["r-3", "r-2", "r-1"]

    def test_a_finished_rollout_does_not_come_back_beside_a_live_one(self, store: Opened, begun: Loaded) -> None:
        """A save that would make a second rollout live is a Conflict and changes nothing."""
        over = store.rollouts.save(samples.decision(1), samples.state(phase="aborted"), begun.token)
        store.rollouts.create(samples.state("r-2"), spec_source="", salt="")
        with pytest.raises(Conflict):
            store.rollouts.save(samples.decision(2), samples.state(), over.token)
        assert store.rollouts.load("r-1") == over
        assert len(store.rollouts.decisions("r-1")) == 1

    def test_rollouts_are_listed_newest_first(self, store: Opened, begun: Loaded) -> None:
        """All; of one route; and those that are not over."""
        over = store.rollouts.save(samples.decision(1), samples.state(phase="promoted"), begun.token)
        second = store.rollouts.create(samples.state("r-2"), spec_source="", salt="")
        third = store.rollouts.create(samples.state("r-3", "delay"), spec_source="", salt="")
        assert list(store.rollouts.rollouts()) == [third, second, over]
        assert list(store.rollouts.rollouts("churn")) == [second, over]
        assert list(store.rollouts.rollouts(live=True)) == [third, second]
        assert list(store.rollouts.rollouts("nowhere")) == []
        assert list(store.rollouts.rollouts(span=Span(after=1, most=1))) == [second]
        assert list(store.rollouts.rollouts("churn", span=Span(after=1))) == [over]

    def test_a_route_stands_by_its_live_and_its_newest_rollout(self, store: Opened, begun: Loaded) -> None:
        """Those before are left out; where another waits in the queue behind a live one, both are there."""
        store.rollouts.save(samples.decision(1), samples.state(phase="promoted"), begun.token)
        live = store.rollouts.create(samples.state("r-2"), spec_source="", salt="")
        waiting = store.rollouts.create(samples.state("r-3", phase="queued"), spec_source="", salt="")
        other = store.rollouts.create(samples.state("r-4", "delay"), spec_source="", salt="")
        over = store.rollouts.save(samples.decision(1, "r-4"), samples.state("r-4", "delay", phase="aborted"), other.token)
        assert list(store.rollouts.rollouts(standing=True)) == [over, waiting, live]
        assert list(store.rollouts.rollouts("churn", standing=True, span=Span(after=1))) == [live]

    def test_a_save_keeps_all_of_it(self, store: Opened, begun: Loaded) -> None:
        """Decision, state, commands and acts are there, equal, after one call; the token has grown."""
        commands = (samples.publish_command(), samples.move_command())
        decision = samples.decision(1, commands=commands, acts=(samples.act(),))
        state = samples.state(stage=1, decisions=1)
        saved = store.rollouts.save(decision, state, begun.token)
        assert saved.state == state
        assert saved.token > begun.token
        assert store.rollouts.load("r-1") == saved
        assert list(store.rollouts.decisions("r-1")) == [decision]
        assert list(store.commands.pending("r-1")) == list(commands)

    def test_a_stale_token_changes_nothing(self, store: Opened, begun: Loaded) -> None:
        """The loser's save is a Conflict, and not one row of it is kept."""
        winner = store.rollouts.save(samples.decision(1), samples.state(stage=1), begun.token)
        store.commands.ask(samples.act())
        loser = samples.decision(2, commands=(samples.publish_command(),), acts=(samples.act(),))
        with pytest.raises(Conflict):
            store.rollouts.save(loser, samples.state(stage=2), begun.token)
        assert store.rollouts.load("r-1") == winner
        assert len(store.rollouts.decisions("r-1")) == 1
        assert list(store.commands.pending("r-1")) == []
        assert list(store.commands.asked("r-1")) == [samples.act()]

    def test_a_save_that_fails_late_changes_nothing(self, store: Opened, begun: Loaded) -> None:
        """Where the last row of a save is refused, the first ones are gone too."""
        command = samples.publish_command()
        first = store.rollouts.save(samples.decision(1, commands=(command,)), samples.state(stage=1), begun.token)
        twice = samples.decision(2, commands=(samples.move_command(), command))
        with pytest.raises(Conflict):
            store.rollouts.save(twice, samples.state(stage=2), first.token)
        assert store.rollouts.load("r-1") == first
        assert [it.number for it in store.rollouts.decisions("r-1")] == [1]
        assert list(store.commands.pending("r-1")) == [command]

    def test_a_decision_number_is_given_once(self, store: Opened, begun: Loaded) -> None:
        """Two decisions of one number are a Conflict, whatever the token."""
        first = store.rollouts.save(samples.decision(1), begun.state, begun.token)
        again: Decision = msgspec.structs.replace(samples.decision(1), id="another")
        with pytest.raises(Conflict):
            store.rollouts.save(again, begun.state, first.token)

    def test_decision_and_state_are_of_one_rollout(self, store: Opened, begun: Loaded) -> None:
        """A mix-up is the caller's bug."""
        with pytest.raises(DomainError):
            store.rollouts.save(samples.decision(1, "r-2"), begun.state, begun.token)

    def test_decisions_come_in_order(self, store: Opened, begun: Loaded) -> None:
        """By number, also past 9, and only those after the one that is known."""
        loaded = begun
        for number in range(1, 13):
            loaded = store.rollouts.save(samples.decision(number), begun.state, loaded.token)
        assert [it.number for it in store.rollouts.decisions("r-1")] == list(range(1, 13))
        assert [it.number for it in store.rollouts.decisions("r-1", after=10)] == [11, 12]
        assert list(store.rollouts.decisions("r-1", after=12)) == []
        assert [it.number for it in store.rollouts.decisions("r-1", after=3, most=2)] == [4, 5]
        (one,) = store.rollouts.decisions("r-1", after=6, most=1)
        assert store.rollouts.decision(one.id) == one
        with pytest.raises(NotFound):
            store.rollouts.decision("nobody's")


class CommandSuite(StoreFixtures):
    """What `CommandStore` promises."""

    def test_pending_keeps_the_order_of_decisions_and_of_commands(self, store: Opened, begun: Loaded) -> None:
        """Commands come as they were decided, whatever their ids."""
        first = (samples.move_command("z"), samples.publish_command("m"))
        second = (samples.publish_command("a"),)
        loaded = store.rollouts.save(samples.decision(1, commands=first), begun.state, begun.token)
        store.rollouts.save(samples.decision(2, commands=second), begun.state, loaded.token)
        assert list(store.commands.pending("r-1")) == [*first, *second]

    def test_done_twice_is_once(self, store: Opened, begun: Loaded) -> None:
        """A command that was carried out is pending no more; the others still are."""
        commands = (samples.publish_command("a"), samples.move_command("b"))
        store.rollouts.save(samples.decision(1, commands=commands), begun.state, begun.token)
        store.commands.done("a")
        store.commands.done("a")
        assert list(store.commands.pending("r-1")) == [commands[1]]

    def test_unknown_is_not_found(self, store: Opened, begun: Loaded) -> None:
        """An unknown command, and an unknown rollout in any question."""
        assert begun.state.rollout == "r-1"
        with pytest.raises(NotFound):
            store.commands.done("nobody decided this")
        with pytest.raises(NotFound):
            store.commands.pending("r-9")
        with pytest.raises(NotFound):
            store.commands.asked("r-9")
        with pytest.raises(NotFound):
            store.commands.ask(samples.act(rollout="r-9"))

    def test_an_act_is_kept_until_it_is_applied(self, store: Opened, begun: Loaded) -> None:
        """In the order of asking, once each; the same save that applies it takes it out."""
        first, second = samples.act("z"), samples.act("a")
        for act in (first, second, first):
            store.commands.ask(act)
        assert list(store.commands.asked("r-1")) == [first, second]
        store.rollouts.save(samples.decision(1, acts=(first,)), begun.state, begun.token)
        assert list(store.commands.asked("r-1")) == [second]

    def test_an_applied_act_is_not_asked_again(self, store: Opened, begun: Loaded) -> None:
        """A repeated request that comes after the tick does nothing; an act that nobody stored before counts as applied."""
        store.rollouts.save(samples.decision(1, acts=(samples.act(),)), begun.state, begun.token)
        store.commands.ask(samples.act())
        assert list(store.commands.asked("r-1")) == []

    def test_waiting_names_who_has_something_to_be_done(self, store: Opened, begun: Loaded) -> None:
        """A rollout waits while a command of it is not done or an act is not applied, and no longer."""
        assert list(store.commands.waiting()) == []
        store.commands.ask(samples.act())
        assert list(store.commands.waiting()) == ["r-1"]
        decision = samples.decision(1, commands=(samples.publish_command("a"),), acts=(samples.act(),))
        store.rollouts.save(decision, begun.state, begun.token)
        assert list(store.commands.waiting()) == ["r-1"]
        store.commands.done("a")
        assert list(store.commands.waiting()) == []
