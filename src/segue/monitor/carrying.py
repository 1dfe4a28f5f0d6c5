"""How is a measurement's plan carried through? Its steps, one after the other, on the engine and the lake."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from segue.measure.measurement.steps import Bind, Count, Execute, Find, Keep, Query, Steps, Tally
from segue.ports.engine import Engine, Row
from segue.ports.lake import Lake, Segment

T = TypeVar("T")


class Means(msgspec.Struct, frozen=True):
    """What a plan is carried through with.

    Args:
        keep: takes the summaries of some hours; what it kept before of these hours is replaced.
    """

    lake: Lake
    engine: Engine
    keep: Callable[[Keep], None]


def carried_through(steps: "Steps[Segment, T]", means: Means) -> T:
    """What the plan returns.

    Raises:
        PortError: lake or engine did not answer.
    """
    try:
        step = next(steps)
        while True:
            step = steps.send(_rows(step, means))
    except StopIteration as end:
        found: T = end.value
        return found


def _rows(step: Bind[Segment] | Execute | Query | Tally | Find[Segment] | Count[Segment] | Keep, means: Means) -> Sequence[Row]:
    lake, engine = means.lake, means.engine
    match step:
        case Bind():
            names = ("predictions", "outcomes", "new_predictions", "new_outcomes")
            engine.bind({name: lake.locations(getattr(step, name)) for name in names})
        case Keep():
            means.keep(step)
        case Execute(sql=sql):
            engine.execute(sql)
        case Query(sql=sql):
            return engine.run(sql)
        case Tally():
            return tally(engine, step)
        case Find(kind=kind, column=column, keys=keys, files=files):
            locations = lake.locations(files)
            held = set(engine.holding(kind, column, keys, locations))
            return [(place,) for place, location in enumerate(locations) if location in held]
        case Count(files=files):
            return [(count,) for count in engine.counts(lake.locations(files))]
    return ()


def tally(engine: Engine, asked: Tally) -> Sequence[Row]:
    """What the engine answers.

    Raises:
        PortError: it did not.
    """
    return engine.tally(asked.sql, asked.keys, asked.columns)
