"""`segue drift --concept`: when did the losses of a version change?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segue.cli.output import Listing, say
from segue.extras import installing
from segue.facts.drift.findings import Change, Detected

if TYPE_CHECKING:
    from segue.evidence.change.signals import Watcher
    from segue.monitor.telling.changing import Watched


def others() -> "Sequence[Watcher]":
    """River's detectors; none where River is not installed, which is said."""
    try:
        from segue.evidence.change.river import ALL
    except ModuleNotFoundError:
        say(f"ADWIN and Page-Hinkley are left out: {installing('river')}")
        return ()
    return ALL


def listing(found: "Watched") -> Listing:
    """Signals as rows, and a row for each detector that had none; what is proved and what was measured goes to stderr."""
    mean = "" if found.mean is None else f", {found.mean:.4g} on average"
    say(f"{found.losses:,} losses{mean}; {found.unjudged:,} answers have none")
    for one in found.found:
        say(f"{one.detector}: proved: {one.guarantee}; measured: {_measured(one)}")
    rows = [row for one in found.found for row in _rows(one)]
    names = ("detector", "signalled", "changed", "before", "after")
    wide = {"n before": "rows_before", "n after": "rows_after"}
    wide |= {"false per million": "false_per_million"}
    return Listing(rows=rows, name="detector", columns={name: name for name in names}, wide=wide, empty="too few losses yet")


def _measured(one: Detected) -> str:
    if not one.false_per_million:
        return f"no false alarm in {one.drawn:,} losses drawn from those before any change"
    return f"one false alarm in {1e6 / one.false_per_million:,.0f} losses drawn from those before any change"


def _rows(one: Detected) -> list[dict[str, object]]:
    about = {"detector": one.detector, "guarantee": one.guarantee, "false_per_million": one.false_per_million}
    if not one.changes:
        return [{**about, "signalled": None}]
    return [{**about, **_row(change)} for change in one.changes]


def _row(change: Change) -> dict[str, object]:
    at, since = change.at, change.since
    return {
        "signalled": at.isoformat(timespec="seconds") if at else None,
        "changed": since.isoformat(timespec="seconds") if since else None,
        "before": change.before,
        "after": change.after,
        "rows_before": change.rows_before,
        "rows_after": change.rows_after,
    }
