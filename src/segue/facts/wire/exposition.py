"""How are numbers written for Prometheus, and for all who read its text format (version 0.0.4)?"""

from collections.abc import Mapping
from typing import Final, TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
Sample: TypeAlias = tuple[str, Labels, float]
Families: TypeAlias = Mapping[str, tuple[str, str]]
"""Metric -> its type (counter, gauge, histogram) and what it says."""
MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"


def family(sample: str, families: Families) -> str:
    """The metric that a sample belongs to.

    >>> known = {"segue_overhead_seconds": ("histogram", "")}
    >>> family("segue_overhead_seconds_bucket", known), family("segue_requests_total", known)
    ('segue_overhead_seconds', 'segue_requests_total')
    """
    for ending in ("_bucket", "_sum", "_count"):
        if sample.removesuffix(ending) in families:
            return sample.removesuffix(ending)
    return sample


def exposition(samples: Mapping[tuple[str, Labels], float], families: Families) -> bytes:
    r"""The text; samples of a metric stand together, in the order given, metrics in that of their names.

    >>> families = {"segue_allocation": ("gauge", "Number of the allocation in force.")}
    >>> exposition({("segue_allocation", (("route", "churn"),)): 3.0}, families).decode().splitlines()[-1]
    'segue_allocation{route="churn"} 3'
    """
    lines: list[str] = []
    told = ""
    for (name, labels), value in sorted(samples.items(), key=lambda item: (family(item[0][0], families), item[0][0])):
        if family(name, families) != told:
            told = family(name, families)
            kind, text = families[told]
            lines += [f"# HELP {told} {text}", f"# TYPE {told} {kind}"]
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
        lines.append(f"{name}{{{inner}}} {value:.17g}" if inner else f"{name} {value:.17g}")
    return "\n".join([*lines, ""]).encode()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
