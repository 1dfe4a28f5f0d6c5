"""What do the catalogue's metrics say of these rows? Through a lake and an engine, over hours and segments."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from segue.facts.evidence import NotEnough
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.facts.question import MetricRef
from segue.facts.summary import Cell, Summary
from segue.measure.kinds.catalogue import value
from segue.spec.metric import Metric
from segue.testkit.worlds import World, measurement, metric, spec

_numbers: Final = itertools.count()
_HOURS: Final = 500.0  # after the begin: everything is judged


def ask(kind: str, **settings: str | float) -> Metric:
    """A metric of a kind, with a name of its own; all but `of`, `missing`, `cap` and `window_s` are parameters."""
    own = {name: settings.pop(name) for name in ("of", "missing", "cap", "window_s") if name in settings}
    return metric(f"m{next(_numbers)}", kind, parameters=settings, **own)


class Seen:
    """What was measured."""

    def __init__(self, world: World, refs: Iterable[MetricRef]) -> None:
        self._world = world
        self._refs = {ref.name: ref for ref in refs}

    def ref(self, about: Metric) -> MetricRef:
        """The metric as the estimators take it."""
        return self._refs[about.name]

    def summary(self, about: Metric, variant: str = "champion", **segment: str) -> Summary | None:
        """The summary of all hours."""
        return self._world.cell(about.name, variant, **segment)

    def cells(self, about: Metric, variant: str = "champion") -> list[Cell]:
        """The cells of everybody, hour by hour."""
        mine = (about.name, variant)
        return [c for cells in self._world.cells.values() for c in cells if (c.metric, c.variant) == mine and not c.segment]

    def value(self, about: Metric, variant: str = "champion", **segment: str) -> float:
        """A metric's value; that there is none is a failure."""
        found = value(self.ref(about), self.summary(about, variant, **segment))
        assert not isinstance(found, NotEnough), f"{about}: {found}"
        return found


def measured(world: World, rows: Sequence[Prediction | Outcome], asked: Sequence[Metric]) -> Seen:
    """All of these metrics, of everybody and by country."""
    world.put(*rows)
    plan = measurement(spec_of=spec(asked, segments=(("country",),)))
    world.measure(plan, _HOURS)
    return Seen(world, plan.metrics)
