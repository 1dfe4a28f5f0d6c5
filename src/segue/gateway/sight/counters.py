"""How is this worker doing? Plain numbers that cost next to nothing to keep."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from segue.facts.wire.exposition import Labels, Sample

BOUNDS_S: Final[tuple[float, ...]] = (
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
HELP: Final = {
    "segue_requests_total": ("counter", "Answers by variant, version, role and outcome (ok or the error)."),
    "segue_overhead_seconds": (
        "histogram",
        "What the gateway added until an answer left: total minus the upstream's time; one in 16.",
    ),
    "segue_upstream_seconds": ("histogram", "Time until the variant's answer was whole."),
    "segue_capture_total": (
        "counter",
        "Shadow requests: answered (state: sent), without a good answer (failed), or not asked (dropped).",
    ),
    "segue_capture_queue_depth": ("gauge", "Shadow requests waiting."),
    "segue_variant_share": ("gauge", "Share of each variant in the allocation in force."),
    "segue_refused_total": ("counter", "Requests turned away at the door: without a valid key, or one too many."),
    "segue_ejections_total": ("counter", "Places that were left out for a while because they kept failing."),
    "segue_ejected_places": ("gauge", "Places that are left out now."),
    "segue_killed": ("gauge", "1 for a variant that this machine's override file kills."),
    "segue_allocation": ("gauge", "Number of the allocation in force."),
    "segue_server_requests_total": ("counter", "Whole requests that callers have sent, of whatever path."),
    "segue_server_refused_total": (
        "counter",
        "Requests and connections refused before anything was asked, by status.",
    ),
    "segue_connections": ("gauge", "Connections of callers that are open now."),
    "segue_upstream_in_flight": ("gauge", "Requests that an upstream is answering now."),
    "segue_upstream_waiting": ("gauge", "Requests that wait for a connection to an upstream now."),
    "segue_journal_rows_total": ("counter", "Frames written to the journal: answers, outcomes and allocations."),
    "segue_journal_bytes_total": ("counter", "Bytes written to the journal."),
    "segue_journal_failures_total": ("counter", "Writes to the journal, or seals of its files, that failed."),
    "segue_journal_lost_rows_total": ("counter", "Frames of writes that failed: they are nowhere."),
}
_ADDED: Final = frozenset(
    ("segue_connections", "segue_upstream_in_flight", "segue_upstream_waiting", "segue_capture_queue_depth")
)  # levels of a machine that are the sum of its workers'; of the others each worker knows the whole
_BOUNDS_US: Final = [round(bound_s * 1e6) for bound_s in BOUNDS_S]
_NEAR_US: Final = 25_000
_CELLS: Final = bytes(bisect_left(_BOUNDS_US, us) for us in range(_NEAR_US))  # of the times that most answers take
Kind = tuple[str, str, str, str, str]
"""Route, variant, version, role and outcome of an answer."""
_KIND: Final = ("route", "variant", "version", "role", "outcome")


class Spread:
    """A histogram of microseconds with fixed bounds."""

    __slots__ = ("counts", "total_us")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS_US) + 1)
        self.total_us = 0

    def add(self, took_us: int) -> None:
        """Count one time."""
        self.total_us += took_us
        self.counts[_CELLS[took_us] if 0 <= took_us < _NEAR_US else bisect_left(_BOUNDS_US, took_us)] += 1


class Tally:
    """The answers of one kind: how many, and how long their variant took."""

    __slots__ = ("number", "upstream")

    def __init__(self, upstream: Spread) -> None:
        self.number = 0
        self.upstream = upstream

    def add(self, upstream_us: int) -> None:
        """Count one answer."""
        self.number += 1
        spread = self.upstream
        spread.total_us += upstream_us
        spread.counts[_CELLS[upstream_us] if 0 <= upstream_us < _NEAR_US else bisect_left(_BOUNDS_US, upstream_us)] += 1


class Counters:
    """The numbers of one worker."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, Labels], float] = {}
        self._spreads: dict[tuple[str, Labels], Spread] = {}
        self._tallies: dict[Kind, Tally] = {}

    def add(self, metric: str, labels: Labels, amount: float = 1.0) -> None:
        """Count up."""
        key = (metric, labels)
        self._numbers[key] = self._numbers.get(key, 0.0) + amount

    def set(self, metric: str, labels: Labels, value: float) -> None:
        """Note a level."""
        self._numbers[metric, labels] = value

    def tally(self, kind: Kind) -> Tally:
        """Where answers of a kind are counted; in the request path one look-up stands for two metrics and their labels."""
        tally = self._tallies.get(kind)
        if tally is None:
            tally = self._tallies[kind] = Tally(self._spread("segue_upstream_seconds", _labels(kind)[:2]))
        return tally

    def overhead(self, route: str) -> Spread:
        """Where it is counted what the gateway added to a route's answers."""
        return self._spread("segue_overhead_seconds", (("route", route),))

    def _spread(self, metric: str, labels: Labels) -> Spread:
        return self._spreads.setdefault((metric, labels), Spread())

    def _captured(self) -> list[Sample]:
        """What became of the shadows that were asked: counted already, by version and outcome."""
        found: dict[Labels, int] = {}
        for kind, tally in self._tallies.items():
            if kind[3] == "shadow":
                labels = (*_labels(kind)[:2], ("state", _shadow_state(kind[4])))
                found[labels] = found.get(labels, 0) + tally.number
        return [("segue_capture_total", labels, number) for labels, number in found.items()]

    def snapshot(self) -> list[Sample]:
        """Every sample as (name, labels, value), histograms spelled out."""
        samples: list[Sample] = [(metric, labels, value) for (metric, labels), value in self._numbers.items()]
        samples += [("segue_requests_total", _labels(kind), tally.number) for kind, tally in self._tallies.items()]
        samples += self._captured()
        for (metric, labels), spread in self._spreads.items():
            running = 0
            for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), spread.counts, strict=True):
                running += count
                samples.append((f"{metric}_bucket", (*labels, ("le", bound)), running))
            samples.append((f"{metric}_sum", labels, spread.total_us / 1e6))
            samples.append((f"{metric}_count", labels, running))
        return samples


def _shadow_state(outcome: str) -> str:
    return "sent" if outcome == "ok" else "failed"


def _labels(kind: Kind) -> Labels:
    return tuple(zip(_KIND, kind, strict=True))


def is_level(sample: str) -> bool:
    """Whether a sample says how something stands now, not how much of it there has been.

    >>> is_level("segue_connections"), is_level("segue_overhead_seconds_sum")
    (True, False)
    """
    return HELP.get(sample, ("", ""))[0] == "gauge"


def merged(snapshots: Iterable[Iterable[Sample]]) -> dict[tuple[str, Labels], float]:
    """The samples of all workers together: counts add up, and levels of which each has a part; else the highest."""
    total: dict[tuple[str, Labels], float] = {}
    for snapshot in snapshots:
        for name, labels, value in snapshot:
            key = (name, labels)
            highest = is_level(name) and name not in _ADDED
            total[key] = max(total.get(key, 0.0), value) if highest else total.get(key, 0.0) + value
    return total
