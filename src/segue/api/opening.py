"""How does somebody who has the store at hand come to a desk, and what is the API made of?"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from segue.api.access import Person
from segue.api.desk import Desk, LookAtLake
from segue.api.views import Wanted
from segue.decide.walk import stage_of
from segue.errors import NotFound
from segue.facts.decision import State
from segue.measure.wanted import wanted
from segue.spec.rollout import Rollout
from segue.spec.stage import Shadow
from segue.wiring import HOOKS_SIGNED_WITH, Home, control_of, engine_of, lake_of, stores_of

if TYPE_CHECKING:
    from segue.adapters.stores.store import Stores
    from segue.api.doing.models import ModelDesk
    from segue.api.doing.people import PeopleDesk
    from segue.api.operation import Office

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def desk_of(home: Home, who: str) -> Iterator[Desk]:
    """The desk of somebody who has the store at hand, and so may do everything."""
    with stores_of(home) as stores:
        yield Desk(control_of(home, stores), Person(name=who, role="admin"), look_at_lake(home))


@contextmanager
def models_at_hand(home: Home, who: str) -> "Iterator[ModelDesk]":
    """The desk of models of somebody who has the store at hand, and so may do everything."""
    from segue.api.doing.models import ModelDesk  # noqa: PLC0415 - most commands need none of it

    with stores_of(home) as stores:
        yield ModelDesk(control_of(home, stores), stores.profiles, stores.audit, Person(name=who, role="admin"))


@contextmanager
def people_at_hand(home: Home, who: str) -> "Iterator[PeopleDesk]":
    """The desk of tokens, keys and the audit log of somebody who has the store at hand, and so may do everything."""
    from segue.api.doing.people import PeopleDesk  # noqa: PLC0415 - most commands need none of it

    with stores_of(home) as stores:
        person = Person(name=who, role="admin")
        yield PeopleDesk(person, tokens=stores.tokens, keys=stores.keys, audit=stores.audit, rollouts=stores.rollouts)


def office_of(home: Home, stores: "Stores", *, guarded: bool) -> "Office":
    """All that the API is made of."""
    from segue.api.operation import Office  # noqa: PLC0415 - the command line needs none of it

    return Office(
        control=control_of(home, stores),
        summaries=stores.summaries,
        leases=stores.leases,
        tokens=stores.tokens,
        keys=stores.keys,
        answered=stores.answered,
        audit=stores.audit,
        profiles=stores.profiles,
        wanted=look_at_lake(home),
        hook_secrets=tuple(os.environ.get(HOOKS_SIGNED_WITH, "").split()),
        guarded=guarded,
    )


def look_at_lake(home: Home) -> LookAtLake:
    """Asks the lake of an installation which outcomes are worth asking for."""

    def look(spec: Rollout, state: State) -> list[Wanted]:
        stage, share, lake = stage_of(spec, state), spec.outcome.wanted or 1.0, lake_of(home)
        if not isinstance(stage.strategy, Shadow):
            raise NotFound(f"{state.rollout} is in stage {stage.name}, where no two variants answer the same request")
        sources = {kind: lake.locations(lake.segments(kind, state.route)) for kind in ("predictions", "outcomes")}
        found = []
        with engine_of(home) as engine:
            for candidate in spec.candidates:
                engine.bind(sources)
                variants = (spec.champion, candidate)
                sql = wanted(state.rollout, stage.name, variants=variants, share=share, since_allocation=state.since_allocation)
                found += [_asked_for(row, candidate, share) for row in engine.run(sql)]
        return found

    return look


def _asked_for(row: tuple[object, ...], candidate: str, share: float) -> Wanted:
    request_id, at_us, champion, label = row
    return Wanted(
        request_id=str(request_id),
        at=_EPOCH + timedelta(microseconds=int(str(at_us))),
        champion=None if champion is None else str(champion),
        candidate=None if label is None else str(label),
        variant=candidate,
        share=share,
    )
