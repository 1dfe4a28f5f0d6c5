"""Which statement answers a gate on drift, and what does training say to it?

A gate looks at coarse bins only: deciles and categories, which is all that the stability index reads.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.drift.profile import Profile
from segue.facts.question import Question
from segue.facts.summary import Answer
from segue.facts.wire.codec import to_json
from segue.ids import digest
from segue.measure.drift.served import Statement, of_requests
from segue.measure.expressions import quoted
from segue.measure.rows import apart
from segue.measure.sql import HOUR_US

TRAINING = "training"
"""The arm of a summary that holds the counts of training (`evidence.drift.any_look` knows it by this name)."""

Row = tuple[Any, ...]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question on drift, in the bins of a profile."""

    question: Question
    profile: Profile

    @property
    def key(self) -> str:
        """What the counts belong to."""
        return digest(to_json(self.profile))

    @property
    def columns(self) -> tuple[str, ...]:
        """The features' names."""
        return tuple(feature.name for feature in self.profile.features)

    def statement(self, touched: str) -> Statement:
        """The query by hour and variant.

        Args:
            touched: a condition on the hours, which begins with `hour`.
        """
        question, hour = self.question, f'epoch_us("at") // {HOUR_US}'
        candidate = quoted(question.candidate)
        arm = candidate
        if question.metric.parameters["asked"] == "assigned":
            other = (
                f" WHEN assigned = {quoted(question.champion)} THEN {quoted(question.champion)}" if question.champion else ""
            )
            arm = f"CASE WHEN assigned = {candidate} THEN {candidate}{other} END"
        where = (
            f"rollout = {quoted(question.rollout)} AND stage = {quoted(question.stage)} "
            f"AND allocation >= {question.since_allocation} AND ({hour}) {touched.removeprefix('hour')}"
        )
        where += " AND comparable" if question.champion else ""
        where += f" AND {apart(question, 'allocation')}" if question.apart else ""
        coarse = msgspec.structs.replace(self.profile, features=tuple(it.coarse for it in self.profile.features))
        return of_requests(coarse, arm=arm, where=where)

    def answers(self, statement: Statement, rows: Sequence[Row]) -> Iterator[Answer]:
        """One summary an hour."""
        hours: dict[int, list[ArmBins]] = {}
        for hour, arm in statement.read(rows):
            hours.setdefault(hour, []).append(arm)
        for hour, arms in sorted(hours.items()):
            summary = Bins(profile=self.key, columns=self.columns, arms=tuple(sorted(arms)))
            yield Answer(question=self.question.id, hour=hour, summary=summary)

    def beside_training(self, summary: Bins) -> Bins:
        """The summary with the counts of training, which are the same however many hours were added."""
        counts = tuple(feature.coarse.counts for feature in self.profile.features)
        training = ArmBins(arm=TRAINING, rows=self.profile.rows, counts=counts)
        return msgspec.structs.replace(summary, arms=tuple(sorted((*summary.arms, training))))
