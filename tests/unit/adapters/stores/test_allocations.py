"""What a revision says, beyond what every store promises."""

from segue.adapters.stores.store import open_store
from segue.testkit import samples


def revision_of(share: float) -> str:
    """The revision of a new store's first allocation."""
    with open_store("sqlite:///:memory:") as store:
        store.allocations.publish(samples.allocation(share=share), command_id="c1")
        found = store.allocations.directory("churn")
        assert found is not None
        return found.revision


def test_a_revision_is_of_the_content() -> None:
    """A gateway that outlived its store learns that the new store's allocation 1 is another one, or that it is the same."""
    assert revision_of(0.1) != revision_of(0.2)
    assert revision_of(0.1) == revision_of(0.1)
