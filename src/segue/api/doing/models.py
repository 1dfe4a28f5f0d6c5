"""Versions and aliases in the registry: look, register, move."""

import re
from typing import Final

from segue.api.access import Person, require
from segue.api.doing.rollouts import as_
from segue.api.operation import MODEL, Call, Filter, Office, Operation, Paging, Reply, page, page_of_all, span_of
from segue.api.views import AliasAsked, AliasMoved, AliasView, Page, Registered, VersionAsked, VersionView
from segue.errors import Conflict, DomainError, NotFound
from segue.facts.drift.profile import Profile
from segue.facts.wire.codec import to_json
from segue.ids import derived, digest
from segue.monitor.outside import Control
from segue.monitor.telling.market import Milestones, milestones
from segue.ports.audit import AuditLog, every
from segue.ports.registry import AliasMove, ModelVersion, ProfileStore, require_version, required_profile
from segue.ports.span import WHOLE, Span

_NAME: Final = re.compile(MODEL)


class ModelDesk:
    """Answers questions about the registry, and takes what people want of it.

    Args:
        control: its registry and clock.
        profiles: what versions saw in training.
        audit: who did what.
        person: who asks.
    """

    def __init__(self, control: Control, profiles: ProfileStore, audit: AuditLog, person: Person) -> None:
        self._registry = control.registry
        self._clock = control.clock
        self._profiles = profiles
        self._audit = audit
        self._person = person

    def versions(self, model: str = "", *, span: Span = WHOLE) -> list[VersionView]:
        """The versions of all models, or of one, with the aliases that point at them."""
        aliases = self._registry.aliases(model)
        return [
            VersionView(
                model=it.model,
                version=it.version,
                aliases=[alias for name, alias, at in aliases if (name, at) == (it.model, it.version)],
                registered_at=it.registered_at,
                factory=it.factory,
                artifact=it.artifact,
                digest=it.digest,
                tags=it.tags,
                profile=it.profile,
            )
            for it in self._registry.versions(model, span=span)
        ]

    def moves(self, model: str, *, span: Span = WHOLE) -> list[AliasMove]:
        """Every move of the model's aliases."""
        return list(self._registry.moves(model, span=span))

    def register(self, model: str, asked: VersionAsked) -> Registered:
        """Enter a version, and its profile; the same again is harmless.

        Raises:
            Conflict: another content is registered under this version, or another profile.
            DomainError: no rollout file could name the model.
            Refused: they may not; or a registry that counts versions itself gave another number.
        """
        require(self._person, "approver")
        if not _NAME.fullmatch(model):
            raise DomainError(
                f"{model!r} is no name of a model", hint="letters, digits, `.`, `_` and `-`, as in models:/churn/8"
            )
        loading = asked.loading
        entry = ModelVersion(
            model=model,
            version=asked.version,
            factory=loading.factory if loading else "",
            artifact=loading.artifact if loading else "",
            digest=loading.digest if loading else "",
            registered_at=self._clock.now(),
            path=loading.path if loading else "",
            warmup=loading.warmup if loading else "",
            tags=asked.tags,
            profile="" if asked.profile is None else digest(to_json(asked.profile)),
        )
        if not asked.dry_run:
            self._registry.register(entry, who=self._person.name)
            if asked.profile is not None:
                self._profiles.keep(model, asked.version, asked.profile)
        return Registered(model=model, version=asked.version, digest=entry.digest, profile=entry.profile)

    def move(self, model: str, alias: str, asked: AliasAsked, *, once: str = "") -> AliasMoved:
        """Point an alias at a version.

        Args:
            model: whose.
            alias: its name.
            asked: where to, and why.
            once: a key under which it is done once; "" for as often as it is asked.

        Raises:
            NotFound: there is no such version.
            Conflict: it points elsewhere than was expected.
        """
        require(self._person, "approver")
        require_version(self._registry, model, asked.version)
        before = self._registry.alias(model, alias) or ""
        if asked.expected is not None and before not in {asked.expected, asked.version}:
            raise Conflict(
                f"{model}@{alias} points at {before or 'nothing'}, not at {asked.expected or 'nothing'}", model=model
            )
        if before == asked.version or asked.dry_run:
            return AliasMoved(model=model, alias=alias, version=before, before=before, moved=False)
        move = AliasMove(
            model=model,
            alias=alias,
            before=before,
            after=asked.version,
            who=self._person.name,
            why=asked.reason,
            at=self._clock.now(),
            command_id=derived("alias", "once", self._person.name, once) if once else "",
        )
        self._registry.move(move)
        there = self._registry.alias(model, alias) or ""
        return AliasMoved(model=model, alias=alias, version=there, before=before, moved=True)

    def profile(self, model: str, version: str) -> Profile:
        """What a version saw in training.

        Raises:
            NotFound: it has no profile, or there is no such version.
        """
        return required_profile(self._registry, self._profiles, model, version)

    def timeline(self, model: str) -> list[Milestones]:
        """Each version's way to market, out of the audit log.

        Raises:
            NotFound: the log knows no version of it.
        """
        found = milestones(every(self._audit), model)
        if not found:
            raise NotFound(f"the log knows no version of {model!r}", hint="segue model list")
        return found


def models_of(office: Office, person: Person) -> ModelDesk:
    """Where somebody asks about the registry."""
    return ModelDesk(office.control, office.profiles, office.audit, person)


class Models(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one model, or of all."""

    model: Filter = ""


def _desk(call: Call) -> ModelDesk:
    return models_of(call.office, call.person)


def _versions(call: Call) -> Reply:
    asked = as_(Models, call.query)
    return Reply(value=page(_desk(call).versions(asked.model, span=span_of(asked)), asked))


def _aliases(call: Call) -> Reply:
    asked = as_(Models, call.query)
    found = call.office.control.registry.aliases(asked.model)
    return Reply(value=page_of_all([AliasView(model=model, alias=alias, version=at) for model, alias, at in found], asked))


def _moves(call: Call) -> Reply:
    asked = as_(Paging, call.query)
    return Reply(value=page(_desk(call).moves(call.path["model"], span=span_of(asked)), asked))


def _register(call: Call) -> Reply:
    asked = as_(VersionAsked, call.body)
    return Reply(value=_desk(call).register(call.path["model"], asked), status=200 if asked.dry_run else 201)


def _move(call: Call) -> Reply:
    return Reply(value=_desk(call).move(call.path["model"], call.path["alias"], as_(AliasAsked, call.body), once=call.once))


def _profile(call: Call) -> Reply:
    return Reply(value=_desk(call).profile(call.path["model"], call.path["version"]))


def _timeline(call: Call) -> Reply:
    return Reply(value=page_of_all(_desk(call).timeline(call.path["model"]), as_(Paging, call.query)))


OPERATIONS = (
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
        name="registerVersion",
        method="POST",
        path="/v1/models/{model}/versions",
        says="Enter a version; hosts load its folder by the path that is given. The same again is harmless.",
        role="approver",
        gives=Registered,
        does=_register,
        body=VersionAsked,
        statuses=(200, 201),
        once=True,
    ),
    Operation(
        name="getProfile",
        method="GET",
        path="/v1/models/{model}/versions/{version}/profile",
        says="What a version saw in training: each column's bins and counts.",
        role="viewer",
        gives=Profile,
        does=_profile,
    ),
    Operation(
        name="listMilestones",
        method="GET",
        path="/v1/models/{model}/timeline",
        says="Each version's way to market: registered, in the shadow, served, promoted.",
        role="viewer",
        gives=Page[Milestones],
        does=_timeline,
        query=Paging,
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
        gives=AliasMoved,
        does=_move,
        body=AliasAsked,
        once=True,
    ),
)
