"""Commands as allocations."""

from datetime import UTC, datetime

import msgspec
import pytest

from segue.assign.ownership import owned
from segue.facts.allocation import BUCKETS, Allocation
from segue.facts.decision import PublishAllocation
from segue.monitor.acting.publish import allocation, at_rest
from segue.spec.load import load
from segue.spec.rollout import Rollout
from segue.testkit.small_world import SPEC

NOW = datetime(2013, 3, 1, tzinfo=UTC)
SHARES = PublishAllocation(
    id="c",
    rollout="churn-1",
    stage="canary",
    shares={"champion": 0.95, "v8": 0.05},
    versions={"champion": "models:/churn/7", "v8": "models:/churn/8"},
)


@pytest.fixture(scope="module")
def spec() -> Rollout:
    """Two variants."""
    return load(SPEC)


def of(spec: Rollout, before: list[Allocation], **changes: object) -> Allocation:
    """The allocation of a command like `SHARES`."""
    return allocation(msgspec.structs.replace(SHARES, **changes), spec, "salt", before=before, now=NOW)


def test_a_ramp_moves_only_whom_it_must(spec: Rollout) -> None:
    """Who has the candidate keeps it when its share grows, and gets it back when it grows again after a fall."""
    ranges = [of(spec, [])]
    for share in (0.25, 0.05, 0.25):
        ranges.append(of(spec, ranges, shares={"champion": 1 - share, "v8": share}))
    mine = [{(r.start, r.end) for r in it.split.ranges if r.variant == "v8"} for it in ranges]
    assert [owned(it.split.ranges)["v8"] for it in ranges] == [50_000, 250_000, 50_000, 250_000]
    assert mine[0] == mine[2]
    assert {it.split.salt for it in ranges} == {"salt"}


def test_variants_are_pinned_and_the_rest_is_the_specs(spec: Rollout) -> None:
    """What a gateway reads stands in the allocation: versions, sources, where the answer is."""
    found = of(spec, [])
    assert {name: target.version for name, target in found.variants.items()} == SHARES.versions
    assert (found.unit, found.context, found.reading.label) == (spec.unit, spec.context, "outputs.label")
    assert (found.rollout, found.stage, found.spec_digest) == ("churn-1", "canary", spec.digest)


def test_shadows_get_their_sample(spec: Rollout) -> None:
    """A shadow is asked for its share, and nobody else's share changes."""
    found = of(spec, [], shares={"champion": 1.0}, shadows={"v8": 0.5})
    assert [(shadow.variant, shadow.share) for shadow in found.shadows] == [("v8", 0.5)]
    assert owned(found.split.ranges) == {"champion": BUCKETS}


@pytest.mark.parametrize(("share", "comparable"), [(1.0, False), (0.5, True)])
def test_an_audience_served_by_rule_is_not_compared(spec: Rollout, share: float, *, comparable: bool) -> None:
    """A share of 1 is no draw."""
    changes = {
        "shares": {"champion": 1.0},
        "audience": "tier == 'staff'",
        "audience_shares": {"champion": 1 - share, "v8": share},
    }
    (audience,) = of(spec, [], **changes).audiences
    assert (audience.where, audience.comparable) == ("tier == 'staff'", comparable)
    assert owned(audience.split.ranges)["v8"] == round(share * BUCKETS)
    (again,) = of(spec, [of(spec, [], **changes)], **changes).audiences
    assert again.split.kind == audience.split.kind
    assert audience.split.kind != of(spec, []).split.kind, "the audience's draw would repeat everybody's"


def test_rest_follows_the_alias(spec: Rollout) -> None:
    """Without a rollout there is one variant, by its name in the spec."""
    rest = at_rest(spec, NOW)
    assert (rest.rollout, rest.stage) == ("", "")
    assert {name: target.version for name, target in rest.variants.items()} == {"champion": "models:/churn@champion"}
