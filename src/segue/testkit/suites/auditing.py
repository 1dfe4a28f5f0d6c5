"""Does a store write down who did what, so that nobody can change it unnoticed?"""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from segue.errors import Conflict
from segue.ports.audit import SEGUE, Entry, faults, latest
from segue.ports.store import Loaded
from segue.testkit import samples
from segue.testkit.stores import Opened, Opener, StoreFixtures
from segue.testkit.suites.keys import key


def log(store: Opened) -> list[Entry]:
    """All of it."""
    return list(store.audit.entries())


class AuditSuite(StoreFixtures):
    """Inherit it, and override `opener`."""

    def test_every_deed_is_in_the_log_once(self, store: Opened, begun: Loaded) -> None:
        """In its order, by whom and why, chained from the first; doing a thing twice is one entry."""
        act, decision = samples.act("a1"), samples.decision(1, commands=(samples.publish_command(), samples.move_command()))
        for _ in range(2):
            store.commands.ask(act)
        store.rollouts.save(decision, begun.state, begun.token)
        for command in decision.commands * 2:
            store.commands.done(command.id)
        for _ in range(2):
            store.registry.register(samples.model_version("7"))
            store.registry.move(samples.alias_move("", "7", "first"))
            store.allocations.publish(samples.allocation(), command_id="c1")
        store.keys.add(key())
        store.keys.revoke("k1", samples.NOW)
        store.keys.revoke("k1", samples.NOW)
        entries = log(store)
        done = ["done"] * len(decision.commands)
        deeds = ["applied", "asked", "decided", *done, "registered", "alias_moved", "published", "key_added", "key_revoked"]
        assert [entry.deed for entry in entries] == deeds
        assert (entries[1].subject, entries[1].who, entries[1].why) == (act.rollout, act.who, act.why)
        assert entries[2].why == decision.reasons[0]
        assert list(faults(entries)) == []

    def test_every_entry_says_who(self, store: Opened, begun: Loaded) -> None:
        """Who did it; of what comes of a decision those whose wishes it took, each once; Segue where nobody wished for it."""
        acts = [msgspec.structs.replace(samples.act(name), who=who) for name, who in (("a", "ada"), ("b", "bob"), ("c", "ada"))]
        for it in acts:
            store.commands.ask(it)
        wished = samples.decision(1, acts=tuple(acts), commands=(samples.publish_command("p1"), samples.move_command("m1")))
        saved = store.rollouts.save(wished, begun.state, begun.token)
        itself = samples.decision(2, commands=(samples.publish_command("p2"), samples.move_command("m2")))
        store.rollouts.save(itself, saved.state, saved.token)
        store.registry.register(samples.model_version("7"), who="ci")
        store.registry.register(samples.model_version("8"), who="ci")
        for number, before, after in (("1", "", "7"), ("2", "7", "8")):
            store.allocations.publish(samples.allocation(), command_id=f"p{number}")
            move = samples.alias_move(before, after, f"m{number}")
            store.registry.move(msgspec.structs.replace(move, who=SEGUE))
            store.commands.done(f"p{number}")
        store.allocations.publish(samples.allocation(), command_id="first", who="eve")
        store.registry.move(samples.alias_move("8", "7"))
        said = [(entry.deed, entry.who) for entry in log(store)]
        assert said[1:4] == [("asked", "ada"), ("asked", "bob"), ("asked", "ada")]
        assert said[4:8] == [("decided", "ada, bob"), ("decided", SEGUE), ("registered", "ci"), ("registered", "ci")]
        deeds = ("published", "alias_moved", "done")
        assert said[8:14] == [(deed, who) for who in ("ada, bob", SEGUE) for deed in deeds]
        assert said[14:] == [("published", "eve"), ("alias_moved", "ada")]

    def test_what_did_not_happen_is_not_in_the_log(self, store: Opened, begun: Loaded) -> None:
        """A transaction that is taken back takes its entry with it."""
        store.rollouts.save(samples.decision(1), begun.state, begun.token)
        before = log(store)
        with pytest.raises(Conflict):
            store.rollouts.save(samples.decision(2), begun.state, begun.token)
        assert log(store) == before

    def test_entries_of_a_subject_and_after_a_number(self, store: Opened, begun: Loaded) -> None:
        """In order, at most so many."""
        store.keys.add(key("k1"))
        store.keys.add(key("k2", minutes=1))
        assert [entry.subject for entry in store.audit.entries(after=1)] == ["k1", "k2"]
        assert [entry.number for entry in store.audit.entries(subject="k2")] == [3]
        assert [entry.subject for entry in store.audit.entries(most=1)] == [begun.state.rollout]
        assert [entry.number for entry in store.audit.entries(newest=True)] == [3, 2, 1]
        assert [entry.number for entry in store.audit.entries(newest=True, after=3, most=1)] == [2]
        assert [entry.number for entry in store.audit.entries(newest=True, subject="k1")] == [2]
        assert list(store.audit.entries(newest=True, after=1)) == []
        assert [entry.number for entry in latest(store.audit, 2)] == [2, 3]
        assert latest(store.audit, 9) == log(store)

    def test_many_writers_make_one_chain(self, opener: Opener) -> None:
        """Whoever writes at once: no gap, no fork."""
        openings = [opener() for _ in range(4)]

        def write(place: int) -> None:
            for number in range(5):
                openings[place].keys.add(key(f"k{place}-{number}", minutes=number))

        try:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(write, range(4)))
            entries = log(openings[0])
            assert len(entries) == 20
            assert list(faults(entries)) == []
        finally:
            for opened in openings:
                opened.close()

    def test_a_change_is_found_out(self, store: Opened, begun: Loaded) -> None:
        """Another word, an entry left out, two exchanged, the last one cut off and made anew: each is told by number."""
        for number in range(3):
            store.keys.add(key(f"k{number}", minutes=number))
        one, two, three, four = log(store)
        assert one.subject == begun.state.rollout
        changed = msgspec.structs.replace(two, who="somebody else")
        assert list(faults([one, changed, three, four])) == ["entry 2 was changed: its content has another digest"]
        assert next(faults([one, three, four])) == "entry 2 is missing"
        assert list(faults([one, three, two, four]))
