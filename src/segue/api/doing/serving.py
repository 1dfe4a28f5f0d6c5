"""Routes, models and the audit log: what is served, what could be, and who did what."""

from segue.api.doing.rollouts import as_
from segue.api.operation import Call, Filter, Operation, Paging, Reply, page
from segue.api.views import AliasAsked, AliasView, Page, Serving, VersionView
from segue.errors import Conflict, NotFound
from segue.facts.allocation import Allocation
from segue.ids import derived
from segue.ports.audit import Entry
from segue.ports.registry import AliasMove
from segue.ports.store import WorkerReport


class Models(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one model, or of all."""

    model: Filter = ""


class Log(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entries of one rollout, route, `model/version`, key or token, or all."""

    subject: Filter = ""


def _serving(call: Call) -> Reply:
    found = call.office.control.allocations.directory(call.path["route"])
    if found is None:
        raise NotFound("nothing has been published for this route yet", route=call.path["route"])
    return Reply(value=Serving(revision=found.revision, allocation=found.allocation, endpoints=list(found.endpoints)))


def _allocations(call: Call) -> Reply:
    return Reply(value=page(call.office.control.allocations.allocations(call.path["route"]), as_(Paging, call.query)))


def _workers(call: Call) -> Reply:
    return Reply(value=page(call.office.control.allocations.reports(call.path["route"]), as_(Paging, call.query)))


def _versions(call: Call) -> Reply:
    asked = as_(Models, call.query)
    registry = call.office.control.registry
    aliases = registry.aliases(asked.model)
    rows = [
        VersionView(
            model=it.model,
            version=it.version,
            aliases=[alias for model, alias, at in aliases if (model, at) == (it.model, it.version)],
            registered_at=it.registered_at,
            factory=it.factory,
            artifact=it.artifact,
            digest=it.digest,
            tags=it.tags,
            profile=it.profile,
        )
        for it in registry.versions(asked.model)
    ]
    return Reply(value=page(rows, asked))


def _aliases(call: Call) -> Reply:
    asked = as_(Models, call.query)
    found = call.office.control.registry.aliases(asked.model)
    return Reply(value=page([AliasView(model=model, alias=alias, version=at) for model, alias, at in found], asked))


def _moves(call: Call) -> Reply:
    return Reply(value=page(call.office.control.registry.moves(call.path["model"]), as_(Paging, call.query)))


def _move(call: Call) -> Reply:
    asked, model, alias = as_(AliasAsked, call.body), call.path["model"], call.path["alias"]
    registry = call.office.control.registry
    known = [entry.version for entry in registry.versions(model)]
    if asked.version not in known:
        raise NotFound(f"{model} has no version {asked.version!r}", hint=f"it has {', '.join(known) or 'none'}")
    before = registry.alias(model, alias) or ""
    if asked.expected is not None and before not in {asked.expected, asked.version}:
        raise Conflict(f"{model}@{alias} points at {before or 'nothing'}, not at {asked.expected or 'nothing'}", model=model)
    if before != asked.version and not asked.dry_run:
        move = AliasMove(
            model=model,
            alias=alias,
            before=before,
            after=asked.version,
            who=call.person.name,
            why=asked.reason,
            at=call.office.control.clock.now(),
            command_id=derived("alias", "once", call.person.name, call.once) if call.once else "",
        )
        registry.move(move)
        before = registry.alias(model, alias) or ""
    return Reply(value=AliasView(model=model, alias=alias, version=before))


def _audit(call: Call) -> Reply:
    asked = as_(Log, call.query)
    found = call.office.audit.entries(after=asked.after, most=asked.limit + 1, subject=asked.subject)
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
        name="listVersions",
        method="GET",
        path="/v1/models",
        says="The registered versions, with the aliases that point at them.",
        role="viewer",
        gives=Page[VersionView],
        does=_versions,
        query=Models,
    ),
    Operation(
        name="listAliases",
        method="GET",
        path="/v1/aliases",
        says="Where each alias points.",
        role="viewer",
        gives=Page[AliasView],
        does=_aliases,
        query=Models,
    ),
    Operation(
        name="listAliasMoves",
        method="GET",
        path="/v1/models/{model}/moves",
        says="Every move of the model's aliases: who, when, why, on what evidence.",
        role="viewer",
        gives=Page[AliasMove],
        does=_moves,
        query=Paging,
    ),
    Operation(
        name="moveAlias",
        method="PUT",
        path="/v1/models/{model}/aliases/{alias}",
        says="Point an alias at a version; serving follows where a rollout file names the alias.",
        role="approver",
        gives=AliasView,
        does=_move,
        body=AliasAsked,
        once=True,
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
