"""Rollouts: begin, look, steer."""

from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

import msgspec

from segue.api.operation import After, Call, Filter, Operation, Paging, Reply, page, page_of_all, span_of
from segue.api.views import (
    ActAsked,
    ActState,
    Begun,
    Differences,
    Explained,
    Page,
    RolloutDetail,
    RolloutView,
    SpecAsked,
    Wanted,
)
from segue.errors import InvariantError
from segue.facts.decision import Decision
from segue.facts.summary import Cell

T = TypeVar("T", bound=msgspec.Struct)


class Which(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rollouts: of one route, only those that are not over, or only those by which routes stand: live or newest."""

    route: Filter = ""
    live: bool = False
    standing: bool = False


class Deciding(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which decisions: without holds where nothing moved."""

    holds: bool = True


class Measured(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cells of one metric, or of all."""

    metric: Filter = ""


class Following(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on; the header `Last-Event-ID` wins."""

    after: After = 0


def as_(kind: type[T], given: object) -> T:
    """What an operation has declared to take.

    Raises:
        InvariantError: it was given something else.
    """
    if not isinstance(given, kind):
        raise InvariantError(f"{kind.__name__} declared, {type(given).__name__} given")
    return given


def _list(call: Call) -> Reply:
    which = as_(Which, call.query)
    return Reply(
        value=page(call.desk.rollouts(which.route, live=which.live, standing=which.standing, span=span_of(which)), which)
    )


def _get(call: Call) -> Reply:
    found = call.desk.rollout(call.path["rollout"])
    return Reply(value=found, etag=found.token)


def _apply(call: Call) -> Reply:
    begun = call.desk.apply(as_(SpecAsked, call.body))
    return Reply(value=begun, status=201 if begun.created else 200)


def _diff(call: Call) -> Reply:
    return Reply(value=call.desk.diff(as_(SpecAsked, call.body)))


def _decisions(call: Call) -> Reply:
    asked = as_(Deciding, call.query)
    found = list(islice(_decided(call, asked), asked.limit + 1))
    items = found[: asked.limit]
    more = len(found) > len(items)
    return Reply(value=Page(items=items, next=str(items[-1].number) if more else None))


def _decided(call: Call, asked: Deciding) -> Iterator[Decision]:
    """The decisions that are asked for, read a page at a time: those that did not hold may lie far apart."""
    after, most = asked.after, asked.limit + 1
    while some := call.desk.decisions(call.path["rollout"], after=after, most=most):
        yield from (decision for decision in some if asked.holds or decision.kind != "hold")
        after = some[-1].number


def _decision(call: Call) -> Reply:
    return Reply(value=call.desk.explained(call.path["decision"]))


def _ask(call: Call) -> Reply:
    asked = as_(ActAsked, call.body)
    state = call.desk.ask(call.path["rollout"], asked, once=call.once, token=call.token)
    return Reply(value=state, status=200 if asked.dry_run else 202)


def _act(call: Call) -> Reply:
    return Reply(value=call.desk.act(call.path["rollout"], call.path["act"]))


def _cells(call: Call) -> Reply:
    asked = as_(Measured, call.query)
    rollout = call.desk.rollout(call.path["rollout"]).view.rollout
    return Reply(value=page(call.office.summaries.cells(rollout, metric=asked.metric, span=span_of(asked)), asked))


def _wanted(call: Call) -> Reply:
    return Reply(value=page_of_all(call.desk.wanted(call.path["rollout"]), as_(Paging, call.query)))


OPERATIONS = (
    Operation(
        name="listRollouts",
        method="GET",
        path="/v1/rollouts",
        says="All rollouts, newest first.",
        role="viewer",
        gives=Page[RolloutView],
        does=_list,
        query=Which,
    ),
    Operation(
        name="applyRollout",
        method="POST",
        path="/v1/rollouts",
        says="Begin a rollout; the same file again while it is live changes nothing.",
        role="operator",
        gives=Begun,
        does=_apply,
        body=SpecAsked,
        statuses=(200, 201),
        once=True,
    ),
    Operation(
        name="diffRollout",
        method="POST",
        path="/v1/diff",
        says="What differs between a file and its route's newest rollout.",
        role="viewer",
        gives=Differences,
        does=_diff,
        body=SpecAsked,
    ),
    Operation(
        name="getRollout",
        method="GET",
        path="/v1/rollouts/{rollout}",
        says="A rollout by its id, or the newest one of a route.",
        role="viewer",
        gives=RolloutDetail,
        does=_get,
    ),
    Operation(
        name="listDecisions",
        method="GET",
        path="/v1/rollouts/{rollout}/decisions",
        says="The decisions of a rollout, oldest first; `after` is a decision's number.",
        role="viewer",
        gives=Page[Decision],
        does=_decisions,
        query=Deciding,
    ),
    Operation(
        name="explainDecision",
        method="GET",
        path="/v1/decisions/{decision}",
        says="A decision with every number that it used, and the same in sentences.",
        role="viewer",
        gives=Explained,
        does=_decision,
    ),
    Operation(
        name="askForAct",
        method="POST",
        path="/v1/rollouts/{rollout}/acts",
        says="Promote, approve, pause, resume, abort, retry, override or undo; the monitor's next tick applies or refuses it.",
        role="operator",
        gives=ActState,
        does=_ask,
        body=ActAsked,
        statuses=(200, 202),
        once=True,
        matched=True,
    ),
    Operation(
        name="getAct",
        method="GET",
        path="/v1/rollouts/{rollout}/acts/{act}",
        says="What has become of an act.",
        role="viewer",
        gives=ActState,
        does=_act,
    ),
    Operation(
        name="listCells",
        method="GET",
        path="/v1/rollouts/{rollout}/cells",
        says="Metrics by variant, allocation, segment and hour, as the monitor has measured them last.",
        role="viewer",
        gives=Page[Cell],
        does=_cells,
        query=Measured,
    ),
    Operation(
        name="listWantedOutcomes",
        method="GET",
        path="/v1/rollouts/{rollout}/outcomes-wanted",
        says="The requests of a shadow stage whose outcomes are worth asking for.",
        role="viewer",
        gives=Page[Wanted],
        does=_wanted,
        query=Paging,
    ),
)
