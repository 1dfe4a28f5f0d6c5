"""Which variant answers this unit under this allocation, and which shadows are asked beside it?"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from segue.assign.buckets import digest, least, prefix_of
from segue.assign.expressions import compile_predicate
from segue.assign.ownership import owned
from segue.facts.allocation import BUCKETS, Allocation, Shadow, Split
from segue.spec.expression import parse


class Assignment(NamedTuple):
    """What a unit gets.

    Args:
        propensity: the share of this variant among the buckets that the unit was drawn from; in (0, 1].
        comparable: the unit was drawn at random; those served by rule or by a person's override are not compared.
    """

    variant: str
    propensity: float
    comparable: bool


class _Table:
    """A split, ready to be asked: one hash and one bisection; the answers are made beforehand."""

    __slots__ = ("_answers", "_prefix", "_starts")

    def __init__(self, split: Split, *, comparable: bool) -> None:
        shares = owned(split.ranges)
        self._prefix = prefix_of(split.salt, split.kind)
        self._starts = [least(piece.start) for piece in split.ranges[1:]]
        self._answers = [Assignment(piece.variant, shares[piece.variant] / BUCKETS, comparable) for piece in split.ranges]

    def draw(self, unit: str) -> Assignment:
        if not self._starts:
            return self._answers[0]
        return self._answers[bisect_right(self._starts, digest(self._prefix, unit))]


class Assigner:
    """An allocation, compiled; about a microsecond per question.

    The order of precedence: a person's override, the first audience that matches, everybody's split. A missing attribute
    matches no audience.

    Raises:
        SpecError: an audience's expression is none.
    """

    __slots__ = ("_audiences", "_overrides", "_shadows", "_table")

    def __init__(self, allocation: Allocation) -> None:
        self._overrides = {unit: Assignment(variant, 1.0, comparable=False) for unit, variant in allocation.overrides.items()}
        self._audiences = [
            (
                compile_predicate(parse(audience.where, allocation.context)),
                _Table(audience.split, comparable=audience.comparable),
            )
            for audience in allocation.audiences
        ]
        self._table = _Table(allocation.split, comparable=True)
        self._shadows = [
            (shadow, prefix_of(allocation.split.salt, f"shadow:{shadow.variant}"), _end(round(shadow.share * BUCKETS)))
            for shadow in allocation.shadows
        ]

    def assign(self, unit: str, context: Mapping[str, str]) -> Assignment:
        """The unit's variant; the same unit and context under the same allocation give the same answer everywhere."""
        if self._overrides and unit in self._overrides:
            return self._overrides[unit]
        for matches, table in self._audiences:
            if matches(context):
                return table.draw(unit)
        return self._table.draw(unit)

    def shadows(self, request_id: str, served: str) -> list[Shadow]:
        """The shadows to ask beside this request: those whose sample holds it, and not the variant that serves it."""
        return [
            shadow
            for shadow, prefix, end in self._shadows
            if shadow.variant != served and (end is None or digest(prefix, request_id) < end)
        ]


def _end(limit: int) -> bytes | None:
    """What is above the digests of so many buckets; None where that is all of them."""
    return None if limit >= BUCKETS else least(limit)
