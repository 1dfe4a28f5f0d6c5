"""How are simulated rollouts said to people?"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from segue.planning.figures import count, percent, span
from segue.simulate.tally import Share, Tally

_SHOULD: Final = {"promote": "go", "stay": "stay", "unknown": "?"}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `segue simulate` has found.

    Args:
        days: after which a rollout that was not over was left alone.
        notes: what was taken for granted, by policy.
    """

    tallies: tuple[Tally, ...]
    days: float
    notes: dict[str, tuple[str, ...]]


def told(found: Told) -> str:
    """As text: a table a policy, then what is wrong in the worst case, and what was taken for granted."""
    return "\n".join(line.rstrip() for line in _lines(found))


def headline(policy: str, tallies: Sequence[Tally]) -> str:
    """One sentence: how often the policy was wrong in the world where it was wrong most."""
    promotion = max((it.wrong_promotion for it in tallies if it.wrong_promotion), key=_share, default=None)
    rollback = max((it.wrong_rollback for it in tallies if it.wrong_rollback), key=_share, default=None)
    said = [
        f"{what} in {percent(share.share)} (at most {percent(share.high)}) of the rollouts where it hurts most"
        for what, share in (("promoted wrongly", promotion), ("rolled back wrongly", rollback))
        if share is not None
    ]
    return f"{policy}: {', '.join(said)}." if said else f"{policy}: no world to be wrong in."


def ended(tally: Tally) -> str:
    """Where the rollouts of one world ended, the most frequent end first."""
    ends = (
        ("promoted", tally.promoted),
        ("rolled back", tally.rolled_back),
        ("out of time", tally.timed_out),
        ("held", tally.held),
        ("still open", tally.open),
    )
    named = sorted(((share.share, name) for name, share in ends if share.count), reverse=True)
    return ", ".join(f"{name} {percent(share)}" for share, name in named)


def wrong(tally: Tally) -> str:
    """How often it was wrong, and at most, or "-" where it cannot be."""
    parts = [
        f"{name} {percent(share.share)} (at most {percent(share.high)})"
        for name, share in (("promoted", tally.wrong_promotion), ("rolled back", tally.wrong_rollback))
        if share is not None
    ]
    return "; ".join(parts) or "-"


def _share(share: Share) -> float:
    return share.share


def _lines(found: Told) -> Iterator[str]:
    for policy, group in groupby(found.tallies, key=lambda it: it.policy):
        tallies = list(group)
        yield headline(policy, tallies)
        yield f"{tallies[0].runs:,} rollouts of at most {span(found.days)} in each world."
        yield ""
        rows = [("world", "should", "ended", "half by", "90 % by", "wrongly", "answered by a bad candidate")]
        rows += [
            (
                it.world.name,
                _SHOULD[it.world.right] if not it.world.harmful else "back",
                ended(it),
                span(it.days),
                span(it.days_most),
                wrong(it),
                "-" if it.exposed is None else count(it.exposed),
            )
            for it in tallies
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for place, row in enumerate(rows):
            cells = (cell.upper() for cell in row) if place == 0 else row
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        yield ""
        yield from (f"  {it.world.name}: {it.world.says}" for it in tallies)
        if found.notes.get(policy):
            yield from ("", "Taken for granted:", *(f"  {note}" for note in found.notes[policy]))
        yield ""
