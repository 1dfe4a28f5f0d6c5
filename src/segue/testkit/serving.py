"""Does a store hand out allocations and endpoints as the port promises?"""

from datetime import timedelta

import msgspec
import pytest

from segue.errors import NotFound
from segue.facts.allocation import Directory
from segue.ports.span import Span
from segue.ports.store import WorkerReport
from segue.testkit import samples
from segue.testkit.stores import Opened, StoreFixtures

CHAMPION = "models:/churn@champion"


def directory(store: Opened, route: str = "churn") -> Directory:
    """The directory in force."""
    found = store.allocations.directory(route)
    assert found is not None
    return found


class AllocationSuite(StoreFixtures):
    """What `AllocationStore` promises."""

    def test_allocations_are_numbered_by_route(self, store: Opened) -> None:
        """1, 2, 3 over all rollouts of a route, whatever number came in; each comes back as it was put in."""
        asked = [
            samples.allocation(rollout=rollout, share=share) for rollout, share in (("r-1", 0.1), ("r-1", 0.2), ("r-2", 1 / 3))
        ]
        published = [store.allocations.publish(it, command_id=f"c{place}") for place, it in enumerate(asked)]
        other = store.allocations.publish(samples.allocation("delay"), command_id="c9")
        assert published == [msgspec.structs.replace(it, number=place + 1) for place, it in enumerate(asked)]
        assert other.number == 1
        assert list(store.allocations.allocations("churn")) == published
        assert list(store.allocations.allocations("churn", rollout="r-2")) == published[2:]
        assert list(store.allocations.allocations("nowhere")) == []
        assert list(store.allocations.allocations("churn", span=Span(after=1, most=1))) == published[1:2]

    def test_the_same_command_twice_is_the_same_allocation(self, store: Opened) -> None:
        """A repeated publication gives what the first gave, also after others, and changes nothing."""
        first = store.allocations.publish(samples.allocation(), command_id="c1")
        second = store.allocations.publish(samples.allocation(share=0.5), command_id="c2")
        revision = directory(store).revision
        assert store.allocations.publish(samples.allocation(share=0.9), command_id="c1") == first
        assert directory(store).allocation == second
        assert directory(store).revision == revision

    def test_nothing_published_is_not_found(self, store: Opened) -> None:
        """Before the first publication there is no directory, and the hint names the nearest route."""
        store.allocations.publish(samples.allocation(), command_id="c1")
        with pytest.raises(NotFound, match="churn"):
            store.allocations.directory("chrun")
        with pytest.raises(NotFound):
            store.allocations.directory("chrun", unless="1-x")

    def test_the_directory_is_the_one_in_force(self, store: Opened) -> None:
        """The last publication, None while its revision is known, and itself again for any other one."""
        store.allocations.publish(samples.allocation(), command_id="c1")
        old = directory(store)
        published = store.allocations.publish(samples.allocation(share=0.5), command_id="c2")
        new = directory(store)
        assert new.allocation == published
        assert store.allocations.directory("churn", unless=new.revision) is None
        assert store.allocations.directory("churn", unless=old.revision) == new

    def test_the_same_content_published_again_is_another_revision(self, store: Opened) -> None:
        """The number is in every capture, so gateways must learn it."""
        store.allocations.publish(samples.allocation(), command_id="c1")
        old = directory(store).revision
        store.allocations.publish(samples.allocation(), command_id="c2")
        assert directory(store).revision != old

    def test_the_directory_holds_the_endpoints_that_it_needs(self, store: Opened) -> None:
        """Those of its variants, announced before or after; no others."""
        early = samples.endpoint(CHAMPION, "h1")
        store.endpoints.announce(early)
        store.endpoints.announce(samples.endpoint("models:/churn/6"))
        store.allocations.publish(samples.allocation(), command_id="c1")
        late = samples.endpoint("models:/churn/8", "h1")
        store.endpoints.announce(late)
        assert {it.name: it for it in directory(store).endpoints} == {late.name: late, early.name: early}

    @pytest.mark.parametrize(
        "changes",
        [{"version": "9"}, {"url": "http://127.0.0.1:9"}, {"path": "/else"}, {"host": "h2"}],
        ids=lambda it: next(iter(it)),
    )
    def test_what_a_gateway_acts_on_changes_the_revision(self, store: Opened, changes: dict[str, str]) -> None:
        """Another version, url or path of an endpoint, or one more host."""
        store.allocations.publish(samples.allocation(), command_id="c1")
        store.endpoints.announce(samples.endpoint())
        old = directory(store)
        changed = samples.endpoint(**changes)
        store.endpoints.announce(changed)
        new = store.allocations.directory("churn", unless=old.revision)
        assert new is not None
        assert changed in new.endpoints
        assert new.revision != old.revision

    def test_a_sign_of_life_does_not_change_the_revision(self, store: Opened) -> None:
        """Heartbeats, and endpoints of others, leave a gateway in peace; the directory knows the heartbeat anyway."""
        store.allocations.publish(samples.allocation(), command_id="c1")
        store.endpoints.announce(samples.endpoint())
        old = directory(store)
        alive = samples.endpoint(seen_at=samples.NOW + timedelta(seconds=1))
        store.endpoints.announce(alive)
        store.endpoints.announce(samples.endpoint("models:/delay/3"))
        store.endpoints.withdraw("models:/delay/3", "h1")
        assert store.allocations.directory("churn", unless=old.revision) is None
        assert directory(store).endpoints == (alive,)

    def test_a_withdrawn_endpoint_changes_the_revision(self, store: Opened) -> None:
        """It is gone from the directory; come back as it was, the revision is as it was."""
        store.allocations.publish(samples.allocation(), command_id="c1")
        store.endpoints.announce(samples.endpoint())
        old = directory(store)
        store.endpoints.withdraw("models:/churn/8", "h1")
        gone = store.allocations.directory("churn", unless=old.revision)
        assert gone is not None
        assert gone.endpoints == ()
        store.endpoints.announce(samples.endpoint())
        assert directory(store) == old

    def test_the_last_report_of_a_worker_counts(self, store: Opened) -> None:
        """One report a worker and route, the last one."""
        first = WorkerReport(worker="w1", route="churn", allocation=1, at=samples.NOW)
        last = WorkerReport(worker="w1", route="churn", allocation=2, at=samples.NOW, ejected=("v8",))
        other = WorkerReport(worker="w2", route="churn", allocation=1, at=samples.NOW)
        elsewhere = WorkerReport(worker="w1", route="delay", allocation=7, at=samples.NOW)
        for report in (first, last, other, elsewhere):
            store.allocations.report(report)
        assert sorted(store.allocations.reports("churn"), key=lambda it: it.worker) == [last, other]
        assert list(store.allocations.reports("delay")) == [elsewhere]
        assert list(store.allocations.reports("nowhere")) == []
        assert len(store.allocations.reports("churn", span=Span(after=1, most=5))) == 1


class EndpointSuite(StoreFixtures):
    """What `EndpointStore` promises."""

    def test_an_endpoint_is_entered_by_name_and_host(self, store: Opened) -> None:
        """The same name on two hosts is two; the same again is one, the last; all come back as they were put in."""
        store.endpoints.announce(samples.endpoint(host="h1"))
        moved = samples.endpoint(
            host="h1", url="http://127.0.0.1:9", version="9", seen_at=samples.NOW + timedelta(microseconds=1)
        )
        other = samples.endpoint(host="h2")
        alias = samples.endpoint(CHAMPION, "h1")
        for endpoint in (moved, other, alias):
            store.endpoints.announce(endpoint)
        assert sorted(store.endpoints.endpoints(), key=lambda it: (it.name, it.host)) == [moved, other, alias]
        assert list(store.endpoints.endpoints(CHAMPION)) == [alias]

    def test_withdraw_takes_out_one(self, store: Opened) -> None:
        """The other host's stays; an unknown one is fine, and twice is once."""
        store.endpoints.announce(samples.endpoint(host="h1"))
        store.endpoints.announce(samples.endpoint(host="h2"))
        for _ in range(2):
            store.endpoints.withdraw("models:/churn/8", "h1")
        store.endpoints.withdraw("unknown", "h1")
        assert [it.host for it in store.endpoints.endpoints()] == ["h2"]
        assert list(store.endpoints.endpoints("unknown")) == []
