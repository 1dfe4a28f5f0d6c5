"""Which files does a measurement have to read?

The history only grows, and a tick must not. So a plan first binds what is new, asks which older files hold the same requests
and units, and binds those; nothing else can change what it finds. Each function leaves bound what it returns.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Generic

import msgspec

from segue.measure.history.touched import Since, fresh, fresh_units, of_age
from segue.measure.measurement.steps import Bind, Column, Count, F, Files, Find, Kind, Steps, whole
from segue.measure.sql import filled
from segue.measure.views import Scope, wanted, wanted_units

HOURS_AT_ONCE: Final = 48
"""So many hours are measured at a time, at most: each has cells for all segments, in memory until they are kept."""

_UNITS_TOLD: Final = "SELECT DISTINCT unit FROM new_outcomes WHERE request_id = ''"
_UNITS_OF: Final = "SELECT DISTINCT unit FROM predictions WHERE request_id IN ($requests)"


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What an hour's rows are judged with.

    Args:
        scope: of the judged view.
        histories: whether all earlier sightings of the hours' units are needed.
    """

    scope: Scope
    histories: bool


def changed(files: Files[F], since: Since) -> "Steps[F, bool]":
    """Bind all that says which hours are touched; False where nothing can be."""
    new = Bind(
        new_predictions=tuple(file for file in files.predictions if file.key not in files.seen),
        new_outcomes=tuple(file for file in files.outcomes if file.key not in files.seen),
    )
    aged = [file for file in files.predictions if of_age(file.hour, since)]
    bound = _Bound(files.predictions, aged, new)
    if not (bound.names or new.new_predictions or new.new_outcomes):
        return False
    yield bound.bind()
    if new.new_outcomes:
        yield from bound.find("unit", _UNITS_TOLD)
    if new.new_predictions or new.new_outcomes:
        yield from bound.find("request_id", fresh(since))
    if since.exposed:
        yield from bound.find("unit", fresh_units(since))
    return True


def around(hours: Sequence[int], files: Files[F], it: Around) -> "Steps[F, None]":
    """Bind all that the judged view of these hours can rest on."""
    inside = set(hours)
    if all(file.hour in inside for file in files.predictions):
        yield Bind(predictions=tuple(files.predictions), outcomes=tuple(files.outcomes))
        return
    bound = _Bound(files.predictions, [file for file in files.predictions if file.hour in inside], Bind())
    yield bound.bind()
    if it.scope.whole_units:
        yield from bound.find("unit", wanted_units(it.scope))
    yield from bound.find("request_id", wanted(it.scope))
    if it.histories:
        yield from bound.find("unit", filled(_UNITS_OF, requests=wanted(it.scope)))
    outcomes: _Bound[F] = _Bound(files.outcomes, (), Bind())
    yield from outcomes.ask("request_id", wanted(it.scope), "outcomes")
    yield from outcomes.ask("unit", filled(_UNITS_OF, requests=wanted(it.scope)), "outcomes")
    yield Bind(predictions=bound.chosen, outcomes=outcomes.chosen)


def stretches(hours: Sequence[int], files: Files[F], rows_at_once: int) -> "Steps[F, tuple[tuple[int, ...], ...]]":
    """The hours in order, in stretches of about so many predictions; an hour is never divided."""
    inside = set(hours)
    mine = tuple(file for file in files.predictions if file.hour in inside)
    rows: dict[int, int] = dict.fromkeys(sorted(inside), 0)
    for file, (count,) in zip(mine, (yield Count(mine)), strict=True):
        rows[file.hour] += whole(count)
    return tuple(_stretches(rows, rows_at_once))


def _stretches(rows: dict[int, int], rows_at_once: int) -> Iterator[tuple[int, ...]]:
    stretch: list[int] = []
    total = 0
    for hour, count in rows.items():
        if stretch and (total + count > rows_at_once or len(stretch) == HOURS_AT_ONCE):
            yield tuple(stretch)
            stretch, total = [], 0
        stretch.append(hour)
        total += count
    if stretch:
        yield tuple(stretch)


class _Bound(Generic[F]):
    """Files of one kind that are bound, in the lake's order, and more and more of them."""

    def __init__(self, files: Sequence[F], chosen: Sequence[F], new: Bind[F]) -> None:
        self._files = files
        self._new = new
        self.names = {file.key for file in (*chosen, *new.new_predictions)}

    @property
    def chosen(self) -> tuple[F, ...]:
        return tuple(file for file in self._files if file.key in self.names)

    def bind(self) -> Bind[F]:
        new = self._new
        return Bind(predictions=self.chosen, new_predictions=new.new_predictions, new_outcomes=new.new_outcomes)

    def find(self, column: Column, keys: str) -> Steps[F, None]:
        if (yield from self.ask(column, keys, "predictions")):
            yield self.bind()

    def ask(self, column: Column, keys: str, kind: Kind) -> Steps[F, bool]:
        others = tuple(file for file in self._files if file.key not in self.names)
        if not others:
            return False
        found = yield Find(kind=kind, column=column, keys=keys, files=others)
        self.names |= {others[whole(place)].key for (place,) in found}
        return bool(found)
