"""An allocation becomes the weights of an HTTPRoute, and nothing else of it changes."""

import copy
from collections.abc import Iterator
from pathlib import Path

import api_objects
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.adapters.providers.by_spec import ProviderBySpec
from segue.adapters.providers.httproute import HttpRoutes, HttpRouteSettings
from segue.adapters.providers.weights import weights_of
from segue.assign.ownership import rebalance
from segue.errors import DomainError, NotFound, Refused, Unavailable
from segue.facts.allocation import Allocation, Split, Target
from segue.testkit import samples


@pytest.fixture
def server() -> Iterator[api_objects.Kept]:
    """An API server with one route."""
    with api_objects.keeping() as kept:
        yield kept


@pytest.fixture
def provider() -> ProviderBySpec:
    """Ours, without a token."""
    return ProviderBySpec(HttpRoutes(HttpRouteSettings()))


def allocation(number: int, **shares: float) -> Allocation:
    """An allocation of the two Services, and of others that are named."""
    urls = {"champion": "http://churn-v7:8080", "v8": "http://churn-v8.models.svc:8080", "v9": "http://churn-v9:8080"}
    return msgspec.structs.replace(
        samples.allocation(),
        number=number,
        variants={name: Target(version="", url=urls[name]) for name in shares},
        split=Split(salt="s", kind="variant", ranges=rebalance(None, shares)),
        audiences=(),
    )


def test_shares_become_weights_and_are_read_back(server: api_objects.Kept, provider: ProviderBySpec) -> None:
    """Percents in, percents out; other rules, fields and annotations stay as they were; the same again writes nothing."""
    before = copy.deepcopy(server.object)
    found = provider.carry(server.provider, allocation(3, champion=0.95, v8=0.05))
    assert (found.shares, found.number) == ({"champion": 0.95, "v8": 0.05}, 3)
    assert server.weights == [("churn-v7", 95), ("churn-v8", 5)]
    provider.carry(server.provider, allocation(3, champion=0.95, v8=0.05))
    assert len(server.patches) == 1
    after = server.object
    for ref, weight in zip(after["spec"]["rules"][0]["backendRefs"], (1, 0), strict=True):
        ref["weight"] = weight
    assert after["metadata"].pop("annotations") == {"team": "risk", "segue/allocation": "3"}
    before["metadata"].pop("annotations")
    for each in (before, after):
        each["metadata"].pop("resourceVersion")
    assert after == before


def test_a_conflict_is_read_again(server: api_objects.Kept, provider: ProviderBySpec) -> None:
    """What somebody else changed in between is kept; where they never stop, it is Unavailable, and nothing was set."""
    meddled: list[None] = []

    def once() -> None:
        if not meddled:
            meddled.append(None)
            server.touch()

    server.before_patch = once
    assert provider.carry(server.provider, allocation(1, champion=0.5, v8=0.5)).number == 1
    assert "touched" in server.object["metadata"]["labels"]
    server.before_patch = server.touch
    with pytest.raises(Unavailable, match="all the time"):
        provider.carry(server.provider, allocation(2, champion=1.0, v8=0.0))
    assert server.weights == [("churn-v7", 50), ("churn-v8", 50)]


def test_an_older_allocation_changes_nothing(server: api_objects.Kept, provider: ProviderBySpec) -> None:
    """A monitor that was frozen and wakes finds the newer one in force and leaves it there."""
    provider.carry(server.provider, allocation(5, champion=1.0, v8=0.0))
    found = provider.carry(server.provider, allocation(4, champion=0.5, v8=0.5))
    assert (found.number, found.shares) == (5, {"champion": 1.0, "v8": 0.0})


def test_weights_that_somebody_else_has_set_are_set_back(server: api_objects.Kept, provider: ProviderBySpec) -> None:
    """The same allocation again puts right what was changed by hand."""
    provider.carry(server.provider, allocation(1, champion=0.9, v8=0.1))
    rules = copy.deepcopy(server.object["spec"]["rules"])
    rules[0]["backendRefs"][1]["weight"] = 90
    server.patch({"spec": {"rules": rules}})
    provider.carry(server.provider, allocation(1, champion=0.9, v8=0.1))
    assert server.weights == [("churn-v7", 90), ("churn-v8", 10)]


def test_a_route_that_does_not_fit_is_refused(server: api_objects.Kept, provider: ProviderBySpec) -> None:
    """A backend that is not there, one too many, no rule of ours, no such route: each by name, and nothing is written."""
    with pytest.raises(Refused, match="does not know churn-v9"):
        provider.carry(server.provider, allocation(1, champion=0.5, v8=0.3, v9=0.2))
    with pytest.raises(NotFound, match="not found"):
        provider.carry(server.provider.replace("/churn", "/other"), allocation(1, champion=1.0))
    server.object["spec"]["rules"][0]["backendRefs"][1]["weight"] = 1
    with pytest.raises(Refused, match="also sends requests to churn-v8"):
        provider.carry(server.provider, allocation(1, champion=1.0))
    server.object["spec"]["rules"].pop(0)
    with pytest.raises(Refused, match="no rule"):
        provider.carry(server.provider, allocation(1, champion=0.5, v8=0.5))
    assert server.patches == []


def test_who_does_not_answer_is_asked_again_later(server: api_objects.Kept, provider: ProviderBySpec) -> None:
    """500, 429 and nobody there are Unavailable, 403 is Refused, each with what was said."""
    for code, kind in ((500, Unavailable), (429, Unavailable), (403, Refused)):
        server.failures = [code]
        with pytest.raises(kind, match="as the test asked for"):
            provider.carry(server.provider, allocation(1, champion=1.0, v8=0.0))
    with pytest.raises(Unavailable, match="does not answer"):
        provider.carry("httproute+http://127.0.0.1:1#models/churn", allocation(1, champion=1.0))
    with pytest.raises(DomainError):
        provider.carry("nobody", allocation(1, champion=1.0))


def test_the_token_is_read_at_each_request(server: api_objects.Kept, tmp_path: Path) -> None:
    """Tokens of service accounts are renewed in their file."""
    file = tmp_path / "token"
    provider = ProviderBySpec(HttpRoutes(HttpRouteSettings(token=file)))
    for word in ("one", "two"):
        file.write_text(word + "\n")
        provider.carry(server.provider, allocation(1, champion=1.0, v8=0.0))
    assert [server.tokens[0], server.tokens[-1]] == ["Bearer one", "Bearer two"]


@given(st.floats(0, 1), st.floats(0, 1))
def test_weights_say_the_shares_to_the_millionth(one: float, other: float) -> None:
    """Whatever the shares, the weights are whole, in the API's range, and proportional to the buckets that are owned."""
    shares = {"champion": 1 - one, "v8": one * other, "v9": one - one * other}
    made = allocation(1, **shares)
    weights = weights_of(made)
    total = sum(weights.values())
    assert total in {10**power for power in range(2, 7)}
    for variant, weight in weights.items():
        owned = sum(it.end - it.start for it in made.split.ranges if it.variant == variant)
        assert weight * 1_000_000 == owned * total
