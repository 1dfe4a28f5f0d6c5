"""What would the cube of a rollout be, counted anew from the lake by the metrics of another spec? Nothing is written."""

from segue.facts.summary import Cell
from segue.measure.measurement.plan import Measurement
from segue.measure.measurement.steps import Files, Keep
from segue.monitor.carrying import Means, carried_through
from segue.monitor.outside import Outside
from segue.ports.store import Loaded
from segue.spec.rollout import Rollout


def recounted(outside: Outside, loaded: Loaded, spec: Rollout) -> list[Cell]:
    """The cells of everybody and of the spec's segments, of all hours of the rollout.

    Args:
        outside: lake and engine, and the store to read from.
        loaded: the rollout whose rows are counted.
        spec: says what is counted.
    """
    state = loaded.state
    measurement = Measurement(
        spec=spec,
        rollout=state.rollout,
        began_at=state.created_at,
        questions=(),
        allocations=tuple(outside.allocations.allocations(state.route, rollout=state.rollout)),
    )
    found: list[Cell] = []

    def keep(counted: Keep) -> None:
        found.extend(counted.cells)

    lake, route = outside.lake, state.route
    files = Files(predictions=lake.segments("predictions", route), outcomes=lake.segments("outcomes", route), seen=frozenset())
    now = outside.clock.now()
    steps = measurement.steps(files, now=now, judged_until=None, rows_at_once=outside.engine.rows_at_once)
    carried_through(steps, Means(outside.lake, outside.engine, keep))
    return found
