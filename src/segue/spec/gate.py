"""Which conditions may move a rollout?"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

Test = Literal[
    "not_worse_than_champion_by",
    "worse_than_champion_by",
    "better_than_champion",
    "at_least",
    "at_most",
    "above",
    "below",
    "best_with",
]
OBJECTIVE_TESTS: Final[tuple[Test, ...]] = (
    "not_worse_than_champion_by",
    "better_than_champion",
    "at_least",
    "at_most",
    "best_with",
)
"""What may promote, under `promote_when`."""
GUARDRAIL_TESTS: Final[tuple[Test, ...]] = ("worse_than_champion_by", "above", "below")
"""What rolls back, under `guardrails`."""
RETRAIN_TESTS: Final[tuple[Test, ...]] = ("above", "below")
"""What starts a training, under `retrain`: conditions on the served champion."""


class Margin(msgspec.Struct, frozen=True, kw_only=True):
    """How much, and of what: `0.5pp` and `80ms` are absolute, `1%` of a mean is relative to the champion.

    Args:
        value: in the metric's own unit (0.005 for 0.5pp; 0.08 for 80ms), or as a share of the champion's value.
    """

    value: float
    relative: bool = False


class MetricGate(msgspec.Struct, frozen=True, kw_only=True, tag="metric"):
    """A condition on one metric, against the champion or a constant, for everybody or a population.

    Args:
        path: where it stands in the spec (`stages[0].promote_when[1]`).
        margin: for `better_than_champion` the amount by which (0).
        where: an expression over the context, as written, or "".
        weight: of a guardrail, its part of what all guardrails may spend, beside the others'; None for what its metric weighs.
    """

    path: str
    metric: str
    test: Test
    margin: Margin
    where: str = ""
    weight: float | None = None


class StableGate(msgspec.Struct, frozen=True, kw_only=True, tag="stable"):
    """The variance of the metric between periods is at most so many times the champion's."""

    path: str
    metric: str
    every_s: float
    at_most_times_champion: float


class DriftGate(msgspec.Struct, frozen=True, kw_only=True, tag="drift"):
    """The served features are still distributed as in training (or as in front of the champion)."""

    path: str
    against: Literal["training", "champion"]
    psi_below: float | None = None
    psi_above: float | None = None


class FairnessGate(msgspec.Struct, frozen=True, kw_only=True, tag="fairness", omit_defaults=True):
    """A gap of the metric between the groups of an attribute is at most so large.

    Args:
        positive: the label that it is about.
    """

    path: str
    metric: str
    over: str
    at_most: float
    positive: str = "1"


Alternatives = tuple[tuple[str, ...], ...]
"""Paths of gates: each tuple is one alternative, all of whose gates have to pass; one alternative is enough."""


def grouped(groups: Iterable[Alternatives]) -> frozenset[str]:
    """The gates that stand in some alternative, so that none of them has to pass by itself.

    >>> sorted(grouped(((("a", "b"), ("c",)),)))
    ['a', 'b', 'c']
    """
    return frozenset(path for group in groups for alternative in group for path in alternative)


Gate = MetricGate | StableGate | DriftGate | FairnessGate
