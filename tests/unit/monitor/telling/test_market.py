"""The way to market of a version is read off the log."""

from datetime import timedelta
from pathlib import Path

from segue.adapters.stores.store import open_store
from segue.monitor.begin import apply
from segue.monitor.telling.market import milestones
from segue.monitor.tick import Monitor
from segue.ports.audit import Entry
from segue.testkit import samples
from segue.testkit.small_world import SPEC, SmallWorld


def entry(number: int, deed: str, subject: str, **facts: str) -> Entry:
    """An entry some hours after the samples' time."""
    at = samples.NOW + timedelta(hours=number)
    named = {name.replace("_", " "): text for name, text in facts.items()}
    return Entry(number=number, at=at, deed=deed, subject=subject, facts=named)  # type: ignore[arg-type]


LOG = [
    entry(1, "registered", "churn/7"),
    entry(2, "registered", "churn/8"),
    entry(3, "published", "churn", rollout="r", share_of_champion="1", shadow_of_v8="1", version_of_v8="models:/churn/8"),
    entry(4, "published", "churn", rollout="r", share_of_v8="0.1", version_of_v8="models:/churn/8"),
    entry(5, "published", "churn", rollout="r", share_of_v8="0.5", version_of_v8="models:/churn/8"),
    entry(6, "alias_moved", "churn/8", alias="champion", before="7", after="8"),
    entry(7, "alias_moved", "churn/7", alias="previous", before="", after="7"),
    entry(8, "registered", "churned/8"),
]


def test_each_milestone_is_the_first_of_its_kind() -> None:
    """Of the model's own versions, and only the champion's alias promotes."""
    seven, eight = milestones(LOG, "churn")
    at = [samples.NOW + timedelta(hours=hours) for hours in range(9)]
    assert (seven.registered_at, seven.served_at, seven.promoted_at, seven.days_to_market) == (at[1], None, None, None)
    assert (eight.registered_at, eight.shadowed_at, eight.served_at, eight.promoted_at) == (at[2], at[3], at[4], at[6])
    assert (eight.days_to_market, eight.rollout) == (4 / 24, "r")


def test_a_whole_rollout_leaves_its_milestones(small_world: SmallWorld, tmp_path: Path) -> None:
    """From the registration to the alias's move, in a real store."""
    small_world.host()
    apply(small_world.outside, SPEC)
    monitor = Monitor(small_world.outside)
    monitor.tick()
    for _ in range(12):
        small_world.traffic(300, hours=1)
        small_world.host()
        monitor.tick()
    with open_store(f"sqlite:///{tmp_path}/segue.db") as stores:
        eight = next(it for it in milestones(stores.audit.entries(most=10_000), "churn") if it.version == "8")
    times = [eight.registered_at, eight.shadowed_at, eight.served_at, eight.promoted_at]
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]
