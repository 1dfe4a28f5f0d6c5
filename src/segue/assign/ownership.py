"""Who owns which buckets when the shares change?

A table of owned ranges, not cumulative weights: a change moves exactly sum(max(0, old - new)) buckets, from variants that
shrink to variants that grow, and nobody else. What a variant got last it gives up first, so a rollback takes a candidate
away from those who saw it last, and a second ramp gives it to those who have seen it before.
"""

from collections.abc import Mapping, Sequence

from segue.errors import DomainError
from segue.facts.allocation import BUCKETS, Range


def whole_buckets(shares: Mapping[str, float]) -> dict[str, int]:
    """Shares as whole numbers of buckets that sum to all of them (largest remainder; ties to the earlier variant).

    Raises:
        DomainError: a share outside [0, 1], or a sum that is not 1.

    >>> whole_buckets({"champion": 2 / 3, "v8": 1 / 3})
    {'champion': 666667, 'v8': 333333}
    """
    total = sum(shares.values())
    if any(not 0 <= share <= 1 for share in shares.values()) or abs(total - 1) > 1e-9:
        raise DomainError(f"shares lie in [0, 1] and sum to 1; these sum to {total:g}: {dict(shares)}")
    exact = {variant: share * BUCKETS for variant, share in shares.items()}
    whole = {variant: int(count) for variant, count in exact.items()}
    by_remainder = sorted(exact, key=lambda variant: whole[variant] - exact[variant])
    for variant in by_remainder[: BUCKETS - sum(whole.values())]:
        whole[variant] += 1
    return whole


def rebalance(old: Sequence[Range] | None, shares: Mapping[str, float]) -> tuple[Range, ...]:
    """The table after a change of shares; the smallest possible number of buckets changes hands.

    Args:
        old: the table before, or None at the beginning: then variants lie in the order of `shares`.
        shares: variant -> share in [0, 1], sum 1; a variant that is not named gets nothing.

    Returns:
        Ranges in order from 0 to BUCKETS, without gap or overlap.

    Raises:
        DomainError: shares that are none.

    >>> start = rebalance(None, {"champion": 1.0})
    >>> [(r.start, r.end, r.variant) for r in rebalance(start, {"champion": 0.95, "v8": 0.05})]
    [(0, 950000, 'champion'), (950000, 1000000, 'v8')]
    """
    target = {variant: count for variant, count in whole_buckets(shares).items() if count}
    if old is None:
        return _laid_out(target)
    kept, free = _give_up(old, target)
    since = max(piece.since for piece in old) + 1
    return _merged(kept + _take(free, kept, target, since))


def _laid_out(target: Mapping[str, int]) -> tuple[Range, ...]:
    ranges, start = [], 0
    for variant, count in target.items():
        ranges.append(Range(start=start, end=start + count, variant=variant))
        start += count
    return tuple(ranges)


def owned(ranges: Sequence[Range]) -> dict[str, int]:
    """How many buckets each variant owns."""
    counts: dict[str, int] = {}
    for piece in ranges:
        counts[piece.variant] = counts.get(piece.variant, 0) + piece.end - piece.start
    return counts


def _give_up(old: Sequence[Range], target: Mapping[str, int]) -> tuple[list[Range], list[tuple[int, int]]]:
    """What stays with its owner, and what is free: the last got first, from the tail."""
    surplus = {variant: count - target.get(variant, 0) for variant, count in owned(old).items()}
    kept, free = [], []
    for piece in sorted(old, key=lambda piece: (-piece.since, -piece.start)):
        cut = min(max(surplus[piece.variant], 0), piece.end - piece.start)
        surplus[piece.variant] -= cut
        if cut:
            free.append((piece.end - cut, piece.end))
        if cut < piece.end - piece.start:
            kept.append(Range(start=piece.start, end=piece.end - cut, variant=piece.variant, since=piece.since))
    return kept, sorted(free, reverse=True)


def _take(free: list[tuple[int, int]], kept: list[Range], target: Mapping[str, int], since: int) -> list[Range]:
    """The free buckets for those that grow, from the top, in the order of the shares."""
    have = owned(kept)
    taken: list[Range] = []
    for variant, count in target.items():
        missing = count - have.get(variant, 0)
        while missing > 0:
            start, end = free.pop(0)
            cut = min(missing, end - start)
            taken.append(Range(start=end - cut, end=end, variant=variant, since=since))
            missing -= cut
            if cut < end - start:
                free.insert(0, (start, end - cut))
    return taken


def _merged(ranges: list[Range]) -> tuple[Range, ...]:
    merged: list[Range] = []
    for piece in sorted(ranges):
        last = merged[-1] if merged else None
        if last and (last.end, last.variant, last.since) == (piece.start, piece.variant, piece.since):
            merged[-1] = Range(start=last.start, end=piece.end, variant=last.variant, since=last.since)
        else:
            merged.append(piece)
    return tuple(merged)
