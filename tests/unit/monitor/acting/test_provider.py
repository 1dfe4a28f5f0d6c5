"""A mesh does the splitting, and Segue the deciding."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import api_objects
import pytest

from segue.adapters.providers.by_spec import ProviderBySpec
from segue.adapters.providers.httproute import HttpRoutes, HttpRouteSettings
from segue.monitor.begin import apply, ask
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SmallWorld

SPEC = """\
segue: 1
route: churn
unit: request
provider: PROVIDER
variants:
  champion: {version: models:/churn/7, url: "http://churn-v7:8080"}
  v8: {version: models:/churn/8, url: "http://churn-v8:8080"}
stages:
  - name: few
    strategy: canary
    steps: [{share: 10%, age: 1h}]
    approve: product
  - name: half
    strategy: ab
    shares: {champion: 50%, v8: 50%}
    at_least: {age: 1h}
    approve: product
  - name: everyone
    strategy: full
"""
ROLLOUT = "churn-1"


@pytest.fixture
def server() -> Iterator[api_objects.Kept]:
    """An API server with one route."""
    with api_objects.keeping() as kept:
        yield kept


@pytest.fixture
def monitor(small_world: SmallWorld, server: api_objects.Kept) -> Monitor:
    """A monitor that speaks to it, and a rollout that has begun."""
    outside = dataclasses.replace(small_world.outside, provider=ProviderBySpec(HttpRoutes(HttpRouteSettings())))
    apply(outside, SPEC.replace("PROVIDER", server.provider))
    return Monitor(outside)


def test_the_whole_walk(small_world: SmallWorld, server: api_objects.Kept, monitor: Monitor) -> None:
    """Stage by stage, each by a person's yes once it is old enough, never by the clock alone; the weights follow."""
    monitor.tick()
    for weights in ([("churn-v7", 90), ("churn-v8", 10)], [("churn-v7", 50), ("churn-v8", 50)]):
        assert server.weights == weights
        monitor.tick()
        assert small_world.outside.rollouts.load(ROLLOUT).state.phase == "running"
        small_world.clock.at += timedelta(hours=1.1)
        monitor.tick()
        small_world.clock.at += timedelta(days=30)
        monitor.tick()
        assert small_world.outside.rollouts.load(ROLLOUT).state.phase == "awaiting_approval"
        assert server.weights == weights
        ask(small_world.outside, ROLLOUT, "approve", who="ana", why="seen")
        monitor.tick()
    monitor.tick()
    assert server.weights == [("churn-v7", 0), ("churn-v8", 100)]
    assert small_world.outside.rollouts.load(ROLLOUT).state.phase == "promoted"
    assert small_world.outside.registry.alias("churn", "champion") == "8"


def test_the_way_back_arrives(small_world: SmallWorld, server: api_objects.Kept, monitor: Monitor) -> None:
    """A rollback that the API server refuses, or that it does not answer, is tried at every tick until it is in force."""
    monitor.tick()
    ask(small_world.outside, ROLLOUT, "abort", who="ana", why="wrong")
    server.failures = [500, 403, 500]
    for _ in range(2):
        monitor.tick()
        assert server.weights == [("churn-v7", 90), ("churn-v8", 10)]
    monitor.tick()
    assert server.weights == [("churn-v7", 100), ("churn-v8", 0)]
    assert not small_world.outside.commands.waiting()


def test_a_step_waits_for_what_is_not_in_force(small_world: SmallWorld, server: api_objects.Kept, monitor: Monitor) -> None:
    """While the mesh does not take the shares, the history says why."""
    server.failures = [503] * 2
    monitor.tick()
    monitor.tick()
    last = small_world.outside.rollouts.decisions(ROLLOUT)[-1]
    assert any("is not in force" in verdict.reason for verdict in last.verdicts)
