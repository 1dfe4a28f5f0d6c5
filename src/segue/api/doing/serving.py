"""Routes and the audit log: what is served, and who did what."""

from segue.api.doing.rollouts import as_
from segue.api.operation import Call, Filter, Operation, Paging, Reply, page, span_of
from segue.api.views import Page, Serving
from segue.errors import NotFound
from segue.facts.allocation import Allocation
from segue.ports.audit import Entry
from segue.ports.store import WorkerReport


class Log(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entries of one rollout, route, `model/version`, key or token, or all; the newest first, if that is asked for."""

    subject: Filter = ""
    newest: bool = False


def _serving(call: Call) -> Reply:
    found = call.office.control.allocations.directory(call.path["route"])
    if found is None:
        raise NotFound("nothing has been published for this route yet", route=call.path["route"])
    return Reply(value=Serving(revision=found.revision, allocation=found.allocation, endpoints=list(found.endpoints)))


def _allocations(call: Call) -> Reply:
    asked = as_(Paging, call.query)
    return Reply(value=page(call.office.control.allocations.allocations(call.path["route"], span=span_of(asked)), asked))


def _workers(call: Call) -> Reply:
    asked = as_(Paging, call.query)
    return Reply(value=page(call.office.control.allocations.reports(call.path["route"], span=span_of(asked)), asked))


def _audit(call: Call) -> Reply:
    asked = as_(Log, call.query)
    found = call.office.audit.entries(after=asked.after, most=asked.limit + 1, subject=asked.subject, newest=asked.newest)
    items = list(found[: asked.limit])
    return Reply(value=Page(items=items, next=str(items[-1].number) if len(found) > len(items) else None))


OPERATIONS = (
    Operation(
        name="getServing",
        method="GET",
        path="/v1/routes/{route}",
        says="The allocation in force, and where its versions are served.",
        role="viewer",
        gives=Serving,
        does=_serving,
    ),
    Operation(
        name="listAllocations",
        method="GET",
        path="/v1/routes/{route}/allocations",
        says="Every allocation that was ever published for the route.",
        role="viewer",
        gives=Page[Allocation],
        does=_allocations,
        query=Paging,
    ),
    Operation(
        name="listWorkers",
        method="GET",
        path="/v1/routes/{route}/workers",
        says="What each gateway worker runs, by its last report.",
        role="viewer",
        gives=Page[WorkerReport],
        does=_workers,
        query=Paging,
    ),
    Operation(
        name="listAudit",
        method="GET",
        path="/v1/audit",
        says="Who did what, in a log that cannot be changed unnoticed; `after` is an entry's number.",
        role="viewer",
        gives=Page[Entry],
        does=_audit,
        query=Log,
    ),
)
