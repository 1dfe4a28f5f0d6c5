"""Does a store keep summaries, leases and training profiles as promised, and write nothing of one who leads no more?"""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from segue.errors import Conflict, DomainError
from segue.ports.span import Span
from segue.ports.store import Loaded
from segue.testkit import samples
from segue.testkit.stores import Opened, Opener, StoreFixtures


class SummarySuite(StoreFixtures):
    """What `SummaryStore` promises."""

    def test_nothing_measured_is_nothing(self, store: Opened) -> None:
        """A rollout without measurement has no summary, has seen nothing and was never judged."""
        assert store.summaries.seen("r-1") == frozenset()
        assert store.summaries.judged_until("r-1") is None
        assert list(store.summaries.answers("r-1", ["q1"])) == []
        assert list(store.summaries.cells("r-1")) == []

    def test_summaries_come_back_as_they_were_put_in(self, store: Opened) -> None:
        """Answers of the questions asked for, by hour; cells of a metric or all; of this rollout only."""
        answers = [samples.answer("q1", 101), samples.answer("q1", 100), samples.answer("q2", 100)]
        cells = [samples.cell("p99", 100), samples.cell("p99", 100, "champion"), samples.cell("auc", 101)]
        store.summaries.replace("r-1", hours=[100, 101], answers=answers, cells=cells)
        store.summaries.replace("r-2", hours=[100], answers=[samples.answer("q1", 100, 9)], cells=[])
        assert list(store.summaries.answers("r-1", ["q1"])) == [answers[1], answers[0]]
        assert list(store.summaries.answers("r-1", ["q2", "q2", "unknown"])) == [answers[2]]
        assert list(store.summaries.answers("r-1", [])) == []
        assert list(store.summaries.cells("r-1", metric="p99")) == cells[:2]
        assert list(store.summaries.cells("r-1")) == cells
        parts = [store.summaries.cells("r-1", span=Span(after=after, most=1)) for after in range(4)]
        assert [cell for part in parts for cell in part] == cells

    def test_replacing_an_hour_leaves_the_others(self, store: Opened) -> None:
        """What was kept for the hours named is gone, also where nothing comes in its place."""
        hours = [100, 101, 102]
        old = [samples.answer(question, hour) for question in ("q1", "q2") for hour in hours]
        store.summaries.replace("r-1", hours=hours, answers=old, cells=[samples.cell("auc", hour) for hour in hours])
        new = samples.answer("q1", 101, 5)
        store.summaries.replace("r-1", hours=[101, 102], answers=[new], cells=[])
        assert list(store.summaries.answers("r-1", ["q1"])) == [samples.answer("q1", 100), new]
        assert list(store.summaries.answers("r-1", ["q2"])) == [samples.answer("q2", 100)]
        assert list(store.summaries.cells("r-1")) == [samples.cell("auc", 100)]

    def test_a_summary_of_another_hour_is_refused(self, store: Opened) -> None:
        """It would be counted twice some day; nothing changes."""
        store.summaries.replace("r-1", hours=[100], answers=[samples.answer("q1", 100)], cells=[])
        with pytest.raises(DomainError):
            store.summaries.replace("r-1", hours=[100], answers=[], cells=[samples.cell("auc", 101)])
        assert len(store.summaries.answers("r-1", ["q1"])) == 1

    def test_segments_are_remembered(self, store: Opened) -> None:
        """All that were ever marked, once each, and the last `judged_until`, to the microsecond."""
        store.summaries.mark_seen("r-1", ["a", "b", "a"], samples.NOW)
        store.summaries.mark_seen("r-1", ["b", "c"], samples.NOW + timedelta(microseconds=1))
        store.summaries.mark_seen("r-2", [], samples.NOW)
        assert store.summaries.seen("r-1") == {"a", "b", "c"}
        assert store.summaries.seen("r-1", by=samples.NOW) == {"a", "b"}
        assert store.summaries.judged_until("r-1") == samples.NOW + timedelta(microseconds=1)
        assert store.summaries.judged_until("r-2") == samples.NOW


class LeaseSuite(StoreFixtures):
    """What `LeaseStore` promises."""

    def test_one_holder_at_a_time(self, store: Opened) -> None:
        """Nobody else gets it before its end; at its end somebody does, with a greater fence."""
        first = store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        assert first is not None
        assert first.until == samples.NOW + timedelta(seconds=10)
        assert store.leases.acquire("monitor", "m2", ttl_s=10, now=samples.NOW + timedelta(seconds=9.999999)) is None
        second = store.leases.acquire("monitor", "m2", ttl_s=10, now=samples.NOW + timedelta(seconds=10))
        assert second is not None
        assert second.fence > first.fence
        assert store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW + timedelta(seconds=11)) is None

    def test_a_renewal_keeps_the_fence(self, store: Opened) -> None:
        """The holder may go on, with a later end."""
        first = store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        again = store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW + timedelta(seconds=5))
        assert first is not None
        assert again is not None
        assert again.fence == first.fence
        assert again.until == samples.NOW + timedelta(seconds=15)

    def test_a_lease_given_back_is_free(self, store: Opened) -> None:
        """The next holder gets it at once, with a greater fence, and the old one's late release does not take it away."""
        first = store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        assert first is not None
        store.leases.release(first)
        second = store.leases.acquire("monitor", "m2", ttl_s=10, now=samples.NOW)
        assert second is not None
        assert second.fence > first.fence
        store.leases.release(first)
        assert store.leases.acquire("monitor", "m3", ttl_s=10, now=samples.NOW) is None

    def test_a_lease_taken_again_is_a_new_one(self, store: Opened) -> None:
        """Who gave it back and takes it again has a greater fence, and the old lease can't be used to give back the new one."""
        first = store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        assert first is not None
        store.leases.release(first)
        again = store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        assert again is not None
        assert again.fence > first.fence
        store.leases.release(first)
        assert store.leases.acquire("monitor", "m2", ttl_s=10, now=samples.NOW) is None

    def test_a_renewal_lasts_longer(self, store: Opened) -> None:
        """The same fence, a later end, and nobody else gets it before."""
        first = store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        assert first is not None
        renewed = store.leases.renew(first, ttl_s=10, now=samples.NOW + timedelta(seconds=5))
        assert renewed == msgspec.structs.replace(first, until=samples.NOW + timedelta(seconds=15))
        assert store.leases.acquire("monitor", "m2", ttl_s=10, now=samples.NOW + timedelta(seconds=14)) is None

    def test_a_renewal_takes_nothing(self, store: Opened) -> None:
        """A lease that somebody else has had since, or that was given back, is not renewed, and stays with whom it is."""
        first = store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        second = store.leases.acquire("monitor", "m2", ttl_s=10, now=samples.NOW + timedelta(seconds=10))
        assert first is not None
        assert second is not None
        assert store.leases.renew(first, ttl_s=99, now=samples.NOW) is None
        store.leases.release(second)
        assert store.leases.renew(first, ttl_s=99, now=samples.NOW) is None
        assert store.leases.renew(second, ttl_s=99, now=samples.NOW) is None
        assert store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW) is not None

    def test_time_is_the_store_s_own(self, store: Opened) -> None:
        """Who names no time competes by the store's clock; a machine's clock has no say."""
        first = store.leases.acquire("monitor", "m1", ttl_s=3600)
        assert first is not None
        assert store.leases.acquire("monitor", "m2", ttl_s=3600) is None
        assert store.leases.renew(first, ttl_s=-1) is not None
        assert store.leases.acquire("monitor", "m2", ttl_s=3600) is not None

    def test_who_looks_sees_who_holds(self, store: Opened) -> None:
        """From its beginning to its end, and nobody once it was given back; looking takes nothing."""
        assert store.leases.held("monitor", now=samples.NOW) is None
        first = store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        assert first is not None
        assert store.leases.held("monitor", now=samples.NOW + timedelta(seconds=9.999999)) == first
        assert store.leases.held("monitor", now=samples.NOW + timedelta(seconds=10)) is None
        assert store.leases.held("retrain", now=samples.NOW) is None
        store.leases.release(first)
        assert store.leases.held("monitor", now=samples.NOW) is None
        own = store.leases.acquire("monitor", "m2", ttl_s=3600)
        assert store.leases.held("monitor") == own

    def test_leases_are_apart(self, store: Opened) -> None:
        """One name says nothing about another."""
        assert store.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW) is not None
        assert store.leases.acquire("retrain", "m2", ttl_s=10, now=samples.NOW) is not None

    def test_nobody_cannot_lead(self, store: Opened) -> None:
        """A lease has a holder and lasts."""
        with pytest.raises(DomainError):
            store.leases.acquire("monitor", "", ttl_s=10, now=samples.NOW)
        with pytest.raises(DomainError):
            store.leases.acquire("monitor", "m1", ttl_s=0, now=samples.NOW)


class ProfileSuite(StoreFixtures):
    """What `ProfileStore` promises."""

    def test_a_profile_comes_back_as_it_was_put_in(self, store: Opened, opener: Opener) -> None:
        """Bit by bit, for another opening too; of a version without one there is none."""
        profile = samples.profile()
        kept = store.profiles.keep("churn", "8", profile)
        again = opener()
        try:
            assert again.profiles.profile("churn", "8") == profile
            assert again.profiles.profile("churn", "9") is None
            assert again.profiles.keep("churn", "8", profile) == kept
        finally:
            again.close()

    def test_a_version_has_one_profile(self, store: Opened) -> None:
        """Another one is a Conflict, and changes nothing."""
        store.profiles.keep("churn", "8", samples.profile())
        with pytest.raises(Conflict):
            store.profiles.keep("churn", "8", samples.profile(rows=4))
        assert store.profiles.profile("churn", "8") == samples.profile()

    def test_a_profile_belongs_to_a_version(self, store: Opened) -> None:
        """Nameless is refused."""
        with pytest.raises(DomainError):
            store.profiles.keep("churn", "", samples.profile())


class FenceSuite(StoreFixtures):
    """What a store promises to one who leads, and about one who did."""

    def test_who_leads_writes(self, store: Opened, begun: Loaded) -> None:
        """Under the lease everything goes as without; the lease may have run out, as long as nobody else has had it."""
        leader = store.led()
        assert leader.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW) is not None
        for write in _writes(leader, begun).values():
            write()
        assert [it.number for it in store.rollouts.decisions("r-1")] == [1]
        assert [it.number for it in store.allocations.allocations("churn")] == [1]
        assert list(store.commands.pending("r-1")) == []

    def test_who_led_writes_nothing(self, store: Opened, begun: Loaded) -> None:
        """Each write of one whose lease went to another is a Conflict and changes nothing; reading goes on."""
        frozen, leader = store.led(), store.led()
        frozen.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        assert leader.leases.acquire("monitor", "m2", ttl_s=10, now=samples.NOW + timedelta(seconds=11)) is not None
        before = _all_of(store)
        for write in _writes(frozen, begun).values():
            with pytest.raises(Conflict):
                write()
        assert _all_of(frozen) == before
        assert _all_of(store) == before
        leader.rollouts.save(samples.decision(1), begun.state, begun.token)

    def test_another_lead_is_another_fence(self, store: Opened, begun: Loaded) -> None:
        """Who lost the lead and took it again writes on, and nobody who leads no more does, not even when the lead is free."""
        first, second = store.led(), store.led()
        first.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        lease = second.leases.acquire("monitor", "m2", ttl_s=10, now=samples.NOW + timedelta(seconds=11))
        assert lease is not None
        second.leases.release(lease)
        for gone in (first, second):
            with pytest.raises(Conflict):
                gone.rollouts.save(samples.decision(1), begun.state, begun.token)
        first.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW + timedelta(seconds=12))
        first.rollouts.save(samples.decision(1), begun.state, begun.token)

    def test_who_was_refused_the_lead_writes_nothing(self, store: Opened, begun: Loaded) -> None:
        """Neither before the first attempt nor after one in vain."""
        leader, other = store.led(), store.led()
        with pytest.raises(Conflict):
            other.rollouts.save(samples.decision(1), begun.state, begun.token)
        leader.leases.acquire("monitor", "m1", ttl_s=10, now=samples.NOW)
        assert other.leases.acquire("monitor", "m2", ttl_s=10, now=samples.NOW) is None
        with pytest.raises(Conflict):
            other.rollouts.save(samples.decision(1), begun.state, begun.token)


def _writes(store: Opened, begun: Loaded) -> dict[str, Callable[[], object]]:
    """Everything that a tick may write, in its order."""
    decision = samples.decision(1, commands=(samples.publish_command("p"), samples.move_command("m")))
    answers = [samples.answer("q1", 100)]
    version = samples.model_version("7")
    return {
        "replace": lambda: store.summaries.replace("r-1", hours=[100], answers=answers, cells=[]),
        "seen": lambda: store.summaries.mark_seen("r-1", ["s1"], samples.NOW),
        "save": lambda: store.rollouts.save(decision, begun.state, begun.token),
        "publish": lambda: store.allocations.publish(samples.allocation(), command_id="p"),
        "register": lambda: store.registry.register(version),
        "move": lambda: store.registry.move(samples.alias_move("", "7", "m")),
        "done p": lambda: store.commands.done("p"),
        "done m": lambda: store.commands.done("m"),
    }


def _all_of(store: Opened) -> list[object]:
    """Everything that a tick may change."""
    return [
        store.rollouts.load("r-1"),
        list(store.rollouts.decisions("r-1")),
        list(store.commands.pending("r-1")),
        list(store.allocations.allocations("churn")),
        list(store.summaries.answers("r-1", ["q1"])),
        store.summaries.seen("r-1"),
        list(store.registry.versions()),
        list(store.registry.aliases()),
    ]
