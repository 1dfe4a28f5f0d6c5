"""Which versions does a rollout need served, and which of them are?"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

import msgspec

from segue.decide.allocate import pinned, versions_of
from segue.errors import PortError
from segue.monitor.acting.carry_out import allocation_in_force
from segue.monitor.outside import Control
from segue.ports.span import Span
from segue.ports.store import Loaded
from segue.spec.load import load
from segue.spec.rollout import Rollout

STALE_AFTER_S: Final = 30.0
"""Real time without a sign of life after which an endpoint counts for nothing."""


def resolved(control: Control, spec: Rollout) -> dict[str, str]:
    """Variant -> the version that its name in the spec stands for now; those that the registry does not know are left out.

    Raises:
        Unavailable: the registry did not answer.
    """
    found = {
        name: _version(control, variant.version, trusted=bool(variant.url) and name == spec.champion)
        for name, variant in spec.variants.items()
    }
    return {name: version for name, version in found.items() if version}


def missing(control: Control, spec: Rollout, versions: Mapping[str, str], real_now: datetime) -> tuple[str, ...]:
    """The pinned versions that nobody serves; what somebody else serves counts as there.

    Args:
        control: where endpoints are asked for.
        spec: names the variants.
        versions: variant -> version.
        real_now: real time, for signs of life.
    """
    since = real_now - timedelta(seconds=STALE_AFTER_S)
    names = pinned(spec, dict(versions)).values()
    return tuple(name for name in names if not any(endpoint.seen_at >= since for endpoint in control.endpoints.endpoints(name)))


class Wanted:
    """The names that hosts are to serve: what every route's allocation names, and what live rollouts will need.

    An alias that is followed is wanted by its own name and, during a rollout, also by the version that it points at: the
    rollout is pinned to that version, and it has to stay when the alias moves. The name that a route's champion has in its
    newest spec stays wanted when the rollout is over: the route comes to rest at it, and must find it served.

    Args:
        control: the stores and the registry.
        routes: routes to be served beside those that have had a rollout.
    """

    def __init__(self, control: Control, routes: tuple[str, ...] = ()) -> None:
        self._control = control
        self._routes = {*routes, *(loaded.state.route for loaded in control.rollouts.rollouts(standing=True))}
        self._specs: dict[str, Rollout] = {}
        self._lock = Lock()

    def __call__(self) -> frozenset[str]:
        """The names now.

        Raises:
            Unavailable: store or registry did not answer; what was wanted before is wanted still.
        """
        with self._lock:
            live = self._control.rollouts.rollouts(live=True)
            self._routes |= {loaded.state.route for loaded in live}
            names = {name for loaded in live for name in self._of_rollout(loaded)}
            return frozenset(names.union(*(self._of_route(route) | self._at_rest(route) for route in self._routes)))

    def _of_route(self, route: str) -> set[str]:
        allocation = allocation_in_force(self._control, route)
        return {target.version for target in allocation.variants.values() if not target.url} if allocation else set()

    def _at_rest(self, route: str) -> set[str]:
        newest = next(iter(self._control.rollouts.rollouts(route, span=Span(most=1))), None)
        if newest is None:
            return set()
        spec = self._spec(newest)
        champion = spec.variants[spec.champion]
        return set() if champion.url else {champion.version}

    def _spec(self, loaded: Loaded) -> Rollout:
        rollout = loaded.state.rollout
        if rollout not in self._specs or self._specs[rollout].digest != loaded.state.spec_digest:
            self._specs[rollout] = load(loaded.source)
        return self._specs[rollout]

    def _of_rollout(self, loaded: Loaded) -> set[str]:
        spec = self._spec(loaded)
        versions = versions_of(spec, loaded.state) or resolved(self._control, spec)
        own = {variant.version for variant in spec.variants.values() if not variant.url}
        return own | set(pinned(spec, versions).values())


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry says about a rollout; None and nothing where it does not answer.

    Args:
        before: what the version before the champion is, where the spec may go back to it.
    """

    points_at: str | None
    versions: dict[str, str]
    before: str = ""


def look(control: Control, spec: Rollout, model: str) -> Alias:
    """What the alias of the rollout and the names of its variants stand for now."""
    try:
        alias = control.registry.alias(model, spec.after.registry_alias) or ""
        before = ""
        if spec.unhealthy_champion.then == "previous" and spec.after.keep_previous_as:
            before = control.registry.alias(model, spec.after.keep_previous_as) or ""
        return Alias(points_at=alias, versions=resolved(control, spec), before=before)
    except PortError:
        return Alias(points_at=None, versions={})


def real_now() -> datetime:
    """Real time, for leases and signs of life; everything else is stream time."""
    return datetime.now(UTC)


def _version(control: Control, name: str, *, trusted: bool) -> str:
    """What a name stands for; a champion that somebody else serves need not be registered, a version to be promoted must."""
    model, at, alias = name.removeprefix("models:/").partition("@")
    if at:
        return control.registry.alias(model, alias) or ""
    model, _, version = model.rpartition("/")
    known = {entry.version for entry in control.registry.versions(model)}
    return version if trusted or version in known else ""
