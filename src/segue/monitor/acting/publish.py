"""What does a gateway have to know for these shares?

A split of a rollout goes on from the rollout's split before it, so that a change of shares moves only the units that must
move; its salt is the rollout's own, so that no two rollouts draw the same people.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from segue.assign.ownership import rebalance
from segue.facts.allocation import Allocation, Audience, Range, Reading, Shadow, Split, Target
from segue.facts.decision import PublishAllocation, State
from segue.ids import derived
from segue.spec.rollout import Rollout

_DRAW: Final = "variant"
_SHADOW_TIMEOUT_S: Final = 5.0


def allocation(
    command: PublishAllocation, spec: Rollout, salt: str, *, before: Sequence[Allocation], now: datetime
) -> Allocation:
    """The allocation that a command asks for; the store gives it its number.

    Args:
        command: the shares, and which version each variant is pinned to.
        spec: everything that does not change from stage to stage.
        salt: of the rollout's splits.
        before: this rollout's allocations so far, in order.
        now: stream time.
    """
    old = before[-1] if before and before[-1].split.salt == salt else None
    return _filled(
        spec,
        rollout=command.rollout,
        stage=command.stage,
        split=Split(
            salt=salt, kind=_DRAW, ranges=rebalance(old.split.ranges if old else None, _in_order(spec, command.shares))
        ),
        audiences=_audiences(command, spec, salt, old),
        shadows=tuple(
            Shadow(variant=name, share=share, timeout_s=max(_SHADOW_TIMEOUT_S, spec.variants[name].timeout_s))
            for name, share in command.shadows.items()
        ),
        versions=command.versions,
        now=now,
    )


def salt_of(salt: str, state: State) -> str:
    """The salt of the rollout's current draw: its own, until a retry asks for a new draw."""
    return derived("salt", salt, state.draw) if state.draw else salt


def at_rest(spec: Rollout, now: datetime) -> Allocation:
    """The allocation of a route at rest: everybody to the champion by its name in the spec, so that it follows the alias."""
    everybody = Split(salt=spec.route, kind=_DRAW, ranges=rebalance(None, {spec.champion: 1.0}))
    return _filled(spec, rollout="", stage="", split=everybody, audiences=(), shadows=(), versions={}, now=now)


def _filled(
    spec: Rollout,
    *,
    rollout: str,
    stage: str,
    split: Split,
    audiences: tuple[Audience, ...],
    shadows: tuple[Shadow, ...],
    versions: Mapping[str, str],
    now: datetime,
) -> Allocation:
    reading = spec.prediction
    names = spec.variants if rollout else (spec.champion,)
    return Allocation(
        number=0,
        route=spec.route,
        rollout=rollout,
        stage=stage,
        spec_digest=spec.digest,
        published_at=now,
        protocol=spec.protocol,
        unit=spec.unit,
        context=spec.context,
        champion=spec.champion,
        variants={name: _target(spec, name, versions) for name in names},
        split=split,
        audiences=audiences,
        shadows=shadows,
        reading=Reading(label=reading.label, score=reading.score, features=reading.features, cost=reading.cost),
    )


def _target(spec: Rollout, name: str, versions: Mapping[str, str]) -> Target:
    variant = spec.variants[name]
    return Target(version=versions.get(name, variant.version), url=variant.url, timeout_s=variant.timeout_s)


def _audiences(command: PublishAllocation, spec: Rollout, salt: str, old: Allocation | None) -> tuple[Audience, ...]:
    if not command.audience:
        return ()
    kind = derived("audience", command.audience)
    shares = _in_order(spec, command.audience_shares)
    ranges = rebalance(_ranges_of(old, kind), shares)
    drawn = 0 < shares.get(spec.champion, 0.0) < 1  # whom a rule gives a candidate is served and recorded, never compared
    return (Audience(where=command.audience, split=Split(salt=salt, kind=kind, ranges=ranges), comparable=drawn),)


def _ranges_of(old: Allocation | None, kind: str) -> tuple[Range, ...] | None:
    same = (audience.split.ranges for audience in old.audiences if audience.split.kind == kind) if old else ()
    return next(iter(same), None)


def _in_order(spec: Rollout, shares: Mapping[str, float]) -> dict[str, float]:
    return {name: shares[name] for name in spec.variants if name in shares}
