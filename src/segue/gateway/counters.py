"""How is this worker doing? Plain numbers that cost next to nothing to keep, given out in Prometheus' text format."""

from collections.abc import Iterable
from typing import Final

BOUNDS_S: Final = (
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
Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]

HELP: Final = {
    "segue_requests_total": ("counter", "Answers by variant, version, role and outcome (ok or the error)."),
    "segue_overhead_seconds": ("histogram", "What the gateway added: total minus the upstream's time."),
    "segue_upstream_seconds": ("histogram", "Time until the variant's answer was whole."),
    "segue_capture_total": ("counter", "Answers recorded, or lost (state: sent, dropped, failed)."),
    "segue_capture_queue_depth": ("gauge", "Shadow requests waiting."),
    "segue_variant_share": ("gauge", "Share of each variant in the allocation in force."),
    "segue_allocation": ("gauge", "Number of the allocation in force."),
}


class Spread:
    """A histogram of seconds with fixed bounds."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, value_s: float) -> None:
        """Count one value."""
        self.total_s += value_s
        place = 0
        for bound in BOUNDS_S:
            if value_s <= bound:
                break
            place += 1
        self.counts[place] += 1


class Counters:
    """The numbers of one worker, by metric and labels."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, Labels], float] = {}
        self.spreads: dict[tuple[str, Labels], Spread] = {}

    def add(self, metric: str, labels: Labels, amount: float = 1.0) -> None:
        """Count up."""
        key = (metric, labels)
        self.numbers[key] = self.numbers.get(key, 0.0) + amount

    def set(self, metric: str, labels: Labels, value: float) -> None:
        """Note a level."""
        self.numbers[metric, labels] = value

    def observe(self, metric: str, labels: Labels, value_s: float) -> None:
        """Add to a histogram."""
        spread = self.spreads.get((metric, labels))
        if spread is None:
            spread = self.spreads[metric, labels] = Spread()
        spread.add(value_s)

    def snapshot(self) -> list[Sample]:
        """Every sample as (name, labels, value), histograms spelled out."""
        samples = [(metric, labels, value) for (metric, labels), value in self.numbers.items()]
        for (metric, labels), spread in self.spreads.items():
            running = 0
            for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), spread.counts, strict=True):
                running += count
                samples.append((f"{metric}_bucket", (*labels, ("le", bound)), running))
            samples.append((f"{metric}_sum", labels, spread.total_s))
            samples.append((f"{metric}_count", labels, running))
        return samples


def family(sample: str) -> str:
    """The metric that a sample belongs to.

    >>> family("segue_overhead_seconds_bucket"), family("segue_requests_total")
    ('segue_overhead_seconds', 'segue_requests_total')
    """
    for ending in ("_bucket", "_sum", "_count"):
        if sample.removesuffix(ending) in HELP:
            return sample.removesuffix(ending)
    return sample


def merged(snapshots: Iterable[Iterable[Sample]]) -> dict[tuple[str, Labels], float]:
    """The samples of all workers together: counts add up, levels are the highest."""
    total: dict[tuple[str, Labels], float] = {}
    for snapshot in snapshots:
        for name, labels, value in snapshot:
            key = (name, labels)
            gauge = HELP.get(name, ("", ""))[0] == "gauge"
            total[key] = max(total.get(key, 0.0), value) if gauge else total.get(key, 0.0) + value
    return total


def exposition(samples: dict[tuple[str, Labels], float]) -> bytes:
    r"""Prometheus' text format, version 0.0.4.

    >>> exposition({("segue_allocation", (("route", "churn"),)): 3.0}).decode().splitlines()[-1]
    'segue_allocation{route="churn"} 3'
    """
    lines: list[str] = []
    told = ""
    for (name, labels), value in sorted(samples.items(), key=lambda item: (family(item[0][0]), item[0][0])):
        if family(name) != told:
            told = family(name)
            kind, text = HELP[told]
            lines += [f"# HELP {told} {text}", f"# TYPE {told} {kind}"]
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
        lines.append(f"{name}{{{inner}}} {value:.17g}" if inner else f"{name} {value:.17g}")
    return "\n".join([*lines, ""]).encode()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
