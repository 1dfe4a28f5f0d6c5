"""Which weights give a Kubernetes `HTTPRoute` the shares of an allocation?

Pure: an object in, a JSON merge patch (RFC 7396) out. A merge patch, because strategic ones are for built-in types only; it
replaces the list of rules whole, so it carries the `resourceVersion` that it was made from, and the API server answers 409
where that one is not in force any more. `backendRefs[].weight` is an integer from 0 to 1,000,000, proportional to the sum of a
rule's weights (Gateway API v1, `BackendRef`): an allocation's parts per million fit exactly.
"""

import math
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from segue.assign.ownership import owned
from segue.errors import Refused
from segue.facts.allocation import BUCKETS, Allocation

NUMBER: Final = "segue/allocation"
"""The annotation that says which allocation is in force."""
_PORTS: Final = {"http": 80, "https": 443}


class Backend(msgspec.Struct, frozen=True):
    """A Service, as a `backendRef` names it."""

    namespace: str
    name: str
    port: int


def backends_of(allocation: Allocation, namespace: str) -> dict[str, Backend]:
    """Variant -> the Service that its url names: `http://NAME[.NAMESPACE[.svc...]][:PORT]`.

    Args:
        allocation: its variants have urls.
        namespace: of the route, where a url names none.
    """
    found = {}
    for variant, target in allocation.variants.items():
        url = urlsplit(target.url)
        name, _, rest = (url.hostname or "").partition(".")
        found[variant] = Backend(rest.partition(".")[0] or namespace, name, url.port or _PORTS.get(url.scheme, 80))
    return found


def weights_of(allocation: Allocation) -> dict[str, int]:
    """Variant -> weight: the smallest power of ten from 100 on in which the shares are whole.

    Shares that are whole percents are percents; what no smaller sum can say is said in parts per million.
    """
    counts = dict.fromkeys(allocation.variants, 0) | owned(allocation.split.ranges)
    common = math.gcd(BUCKETS, *counts.values())
    total = next(total for total in (10**power for power in range(2, 7)) if total * common % BUCKETS == 0)
    return {variant: count * total // BUCKETS for variant, count in counts.items()}


def patch_of(found: Mapping[str, Any], wanted: Mapping[Backend, int], number: int) -> dict[str, Any] | None:
    """The patch that puts the weights in force; None where they are, or where a newer allocation is.

    Every rule that sends anything to one of the backends is split; the others are left as they are.

    Args:
        found: the route as the API server gave it.
        wanted: backend -> weight.
        number: of the allocation.

    Raises:
        Refused: no rule sends anything to the backends, one lacks a backend that is to get requests, or sends some to another.
    """
    if number_of(found) > number:
        return None
    rules = [dict(rule) for rule in found["spec"].get("rules", [])]
    split = 0
    for index, rule in enumerate(rules):
        refs = [dict(ref) for ref in rule.get("backendRefs", [])]
        keys = [_backend(ref, found) for ref in refs]
        if not any(key in wanted for key in keys):
            continue
        split += 1
        _require_whole(index, keys, refs, wanted)
        rule["backendRefs"] = [
            ref | ({"weight": wanted[key]} if key in wanted else {}) for ref, key in zip(refs, keys, strict=True)
        ]
    if not split:
        raise Refused("no rule of the route sends anything to the variants", hint="name their Services under `backendRefs`")
    if rules == found["spec"]["rules"] and number_of(found) == number:
        return None
    metadata = {"resourceVersion": found["metadata"]["resourceVersion"], "annotations": {NUMBER: str(number)}}
    return {"metadata": metadata, "spec": {"rules": rules}}


def shares_of(found: Mapping[str, Any], backends: Mapping[str, Backend]) -> dict[str, float]:
    """Variant -> its share, in every rule that is split.

    Raises:
        Refused: the rules do not agree: what is in force is no one split.
    """
    seen: list[dict[str, float]] = []
    for rule in found["spec"].get("rules", []):
        refs = rule.get("backendRefs", [])
        weights = {_backend(ref, found): int(ref.get("weight", 1)) for ref in refs}
        if any(backend in weights for backend in backends.values()):
            total = sum(weights.values())
            seen.append({name: weights.get(backend, 0) / total if total else 0.0 for name, backend in backends.items()})
    if not seen or any(shares != seen[0] for shares in seen):
        raise Refused("the rules of the route split differently")
    return seen[0]


def number_of(found: Mapping[str, Any]) -> int:
    """The allocation that a route says is in force; 0 before the first."""
    said = str(found["metadata"].get("annotations", {}).get(NUMBER, "0"))
    return int(said) if said.isascii() and said.isdigit() else 0


def _backend(ref: Mapping[str, Any], found: Mapping[str, Any]) -> Backend:
    return Backend(ref.get("namespace") or found["metadata"]["namespace"], ref["name"], int(ref.get("port", 0)))


def _require_whole(index: int, keys: list[Backend], refs: list[dict[str, Any]], wanted: Mapping[Backend, int]) -> None:
    lacking = [backend.name for backend, weight in wanted.items() if weight and backend not in keys]
    if lacking:
        raise Refused(f"rule {index} of the route does not know {', '.join(lacking)}", hint="add them with `weight: 0`")
    others = [key.name for key, ref in zip(keys, refs, strict=True) if key not in wanted and ref.get("weight", 1)]
    if others:
        raise Refused(f"rule {index} of the route also sends requests to {', '.join(others)}", hint="give these `weight: 0`")
