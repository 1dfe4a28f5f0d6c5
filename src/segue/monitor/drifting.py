"""What has moved in a route's traffic? One look over a window of the lake, in the bins of a training profile."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, Self

import msgspec

from segue.evidence.drift.columns import as_trained, compared
from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.drift.findings import Moved
from segue.facts.drift.profile import Profile
from segue.facts.merging import merge
from segue.facts.question import Question
from segue.measure.drift.asking import Asked
from segue.measure.drift.served import Statement, of_answers, of_requests
from segue.measure.expressions import quoted
from segue.measure.sql import HOUR_US, micros
from segue.monitor.carrying import tally
from segue.ports.engine import Engine
from segue.ports.lake import Lake
from segue.ports.registry import ProfileStore


class Profiles:
    """Profiles by the name of their version ("churn/8"), each looked up once it is there."""

    def __init__(self, store: ProfileStore | None) -> None:
        self._store = store
        self._known: dict[str, Profile] = {}

    def of(self, version: str) -> Profile | None:
        """The version's profile; None where it has none, or nobody keeps any."""
        if version not in self._known and self._store is not None:
            model, _, name = version.rpartition("/")
            found = self._store.profile(model, name)
            if found is not None:
                self._known[version] = found
        return self._known.get(version)

    def drifting(self, asked: Iterable[Question]) -> tuple[Asked, ...]:
        """The questions on drift that can be answered, each in the bins of its profile."""
        wanted = ((question, self.of(str(question.metric.parameters["profile"]))) for question in asked if is_drift(question))
        return tuple(Asked(question=question, profile=profile) for question, profile in wanted if profile is not None)


def is_drift(question: Question) -> bool:
    """Whether a question takes a profile."""
    return question.design == "drift"


def unprofiled(question: Question) -> str:
    """Why a question on drift has no answer."""
    return f"{question.metric.parameters['profile']} has no training profile: register it with --profile"


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Whole hours since the epoch, stream time: from `begin` up to before `end`."""

    begin: int
    end: int

    @classmethod
    def of_last(cls, now: datetime, hours: float) -> Self:
        """The hours that reach into the last so many."""
        return cls(begin=micros(now - timedelta(hours=hours)) // HOUR_US, end=micros(now) // HOUR_US + 1)


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared with what.

    Args:
        version: whose requests and answers are current.
        against: training: the profile. champion: the requests and answers of another version in the same window. before: those
            of this version before the window.
        champion: that other version.
    """

    route: str
    version: str
    against: Literal["training", "champion", "before"] = "training"
    champion: str = ""
    window: Window


def look(engine: Engine, lake: Lake, profile: Profile, looked: Looked) -> tuple[Moved, ...]:
    """Every statistic of every column; nothing where there is nothing to compare.

    Raises:
        Unavailable: lake or engine did not answer.
    """
    if not bound(engine, lake, looked):
        return ()
    arm = arm_of(looked)
    statements = (of_requests(profile, arm=arm), of_answers(profile, arm=arm))
    counted = [_counted(engine, statement) for statement in statements if statement is not None]
    current = _joined(counted, "current")
    reference = as_trained(profile) if looked.against == "training" else _joined(counted, "reference")
    return compared(profile, reference, current)


def bound(engine: Engine, lake: Lake, looked: Looked) -> bool:
    """Name the files that a look reads; False where there are none."""
    window = looked.window
    segments = [
        segment
        for segment in lake.segments("predictions", looked.route)
        if segment.hour < window.end and (looked.against == "before" or segment.hour >= window.begin)
    ]
    engine.bind({"predictions": lake.locations(segments)})
    return bool(segments)


def arm_of(looked: Looked) -> str:
    """Which side a row of `predictions` is on, NULL for none; SQL."""
    hour = f'epoch_us("at") // {HOUR_US}'
    inside = f"{hour} BETWEEN {looked.window.begin} AND {looked.window.end - 1}"
    mine = f"version = {quoted(looked.version)}"
    sides = {
        "training": "NULL",
        "champion": f"CASE WHEN version = {quoted(looked.champion)} AND {inside} THEN 'reference' END",
        "before": f"CASE WHEN {mine} AND {hour} < {looked.window.begin} THEN 'reference' END",
    }
    return f"CASE WHEN {mine} AND {inside} THEN 'current' ELSE {sides[looked.against]} END"


def _counted(engine: Engine, statement: Statement) -> Bins:
    bins = (arm for _, arm in statement.read(tally(engine, statement.tally)))
    empty = Bins(profile="", columns=statement.columns, arms=())
    whole = merge([empty, *(Bins(profile="", columns=statement.columns, arms=(arm,)) for arm in bins)])
    assert isinstance(whole, Bins)  # noqa: S101 - merging bins gives bins
    return whole


def _joined(counted: Iterable[Bins], arm: str) -> ArmBins:
    """Features, label and score of one side, in the order of the profile."""
    sides = [(bins.of(arm), len(bins.columns)) for bins in counted]
    counts = [column for side, width in sides for column in (side.counts if side else ((0,),) * width)]
    return ArmBins(arm=arm, rows=sum(side.rows for side, _ in sides[:1] if side), counts=tuple(counts))
