"""What is wanted, and what is there."""

from datetime import UTC, datetime, timedelta

from segue.monitor.acting.served import Wanted, missing, resolved
from segue.monitor.begin import apply, ask
from segue.monitor.tick import Monitor
from segue.spec.load import load
from segue.testkit.small_world import SPEC, SmallWorld

BOTH = {"models:/churn@champion", "models:/churn/7", "models:/churn/8"}


def test_hosts_hear_of_every_name_in_good_time(small_world: SmallWorld) -> None:
    """Before anything is published: the alias, and each version by its own name; after the end only what is in force."""
    wanted = Wanted(small_world.outside, ("churn",))
    assert wanted() == frozenset()
    apply(small_world.outside, SPEC)
    assert wanted() == BOTH
    small_world.host()
    monitor = Monitor(small_world.outside)
    monitor.tick()
    ask(small_world.outside, "churn-1", "promote_full", who="ana", why="")
    monitor.tick()
    assert small_world.outside.registry.alias("churn", "champion") == "8"
    assert wanted() == BOTH, "the old champion has to stay for the hold-back"
    ask(small_world.outside, "churn-1", "promote", who="ana", why="")
    monitor.tick()
    small_world.host()
    monitor.tick()
    assert Wanted(small_world.outside)() == {"models:/churn@champion"}


def test_what_an_unregistered_candidate_stands_for_is_not_known(small_world: SmallWorld) -> None:
    """A version to be promoted has to be registered; a champion that somebody else serves need not be."""
    elsewhere = SPEC.replace("models:/churn@champion}", 'models:/churn/6, url: "http://10.0.0.8:80"}').replace(
        "churn/8", "churn/88"
    )
    assert resolved(small_world.outside, load(elsewhere)) == {"champion": "6"}
    assert resolved(small_world.outside, load(SPEC)) == {"champion": "7", "v8": "8"}


def test_missing_is_what_gives_no_sign_of_life(small_world: SmallWorld) -> None:
    """A version counts as served while one endpoint of its own name is alive; an address of somebody else's always."""
    spec, now = load(SPEC), datetime.now(UTC)
    versions = {"champion": "7", "v8": "8"}
    small_world.serve("models:/churn/8")
    assert missing(small_world.outside, spec, versions, now) == ("models:/churn/7",)
    assert len(missing(small_world.outside, spec, versions, now + timedelta(minutes=1))) == 2
    elsewhere = load(SPEC.replace("models:/churn@champion}", 'models:/churn/7, url: "http://10.0.0.8:80"}'))
    assert missing(small_world.outside, elsewhere, versions, now) == ()
