"""Which version is the champion, where MLflow is the registry?

MLflow sets an alias without looking at what was there. So whoever moves one through Segue takes turns on a row of the store,
compares, sets, reads back, and writes the move into the history, all in one transaction of the store: of two movers one wins,
and a monitor that leads no more moves nothing. Only somebody who moves the alias past Segue in that very moment is not seen
before, but by the read-back or at the monitor's next tick.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import select, update

from segue.adapters.registries.embedded import EmbeddedRegistry
from segue.adapters.registries.mlflow.artifacts import fetched, upload
from segue.adapters.registries.mlflow.client import Server
from segue.adapters.registries.mlflow.entries import ENTRY, OURS, READY, Known, tags_of, version_of
from segue.adapters.stores.database import schema
from segue.adapters.stores.database.connect import Database, insert
from segue.adapters.stores.database.failures import nearest
from segue.errors import Conflict, DomainError, NotFound, PortError, Refused, Unavailable
from segue.facts.wire.codec import to_json
from segue.ports.registry import AliasMove, ModelVersion
from segue.ports.span import WHOLE, Span

log: Final = logging.getLogger("segue.registry")
_aliases = schema.aliases.c
_PAGE: Final = 200
_OLDEST_FIRST: Final = ("creation_timestamp ASC", "version_number ASC")


class MlflowRegistry:
    """Versions and aliases on an MLflow server; the history of moves in the store.

    Args:
        address: `mlflow+http://HOST:PORT`.
        database: of the store.
        cache: folder for artifacts that are downloaded to this machine.
    """

    def __init__(self, address: str, database: Database, cache: Path) -> None:
        self._server = Server(address)
        self._database = database
        self._cache = cache
        self._history = EmbeddedRegistry(database)

    def register(self, version: ModelVersion, *, who: str = "") -> None:  # noqa: ARG002 - the store's log has no entry of it
        """Enter a version; its folder is uploaded. A version that MLflow has and that we know nothing of is described.

        Raises:
            Conflict: the version is taken by another content.
            Refused: MLflow, which counts versions itself, gave another number.
        """
        if not version.model or not version.version:
            raise DomainError("a version needs a model and a name")
        there = self._version(version.model, version.version)
        if there is not None and ENTRY in there.tags:
            if msgspec.structs.replace(version_of(there), registered_at=version.registered_at) != version:
                raise Conflict("another content is registered under this version", model=version.model, version=version.version)
            return
        if there is not None and not version.factory:
            return  # MLflow has it, and there is nothing to add
        if there is not None:
            with self._server.asked() as client:
                for name, value in tags_of(version).items():
                    client.set_model_version_tag(version.model, version.version, name, value)
            return
        if not version.artifact:
            raise Refused(
                "MLflow keeps each version's folder, and this one has none", hint="name it with --factory and --artifact"
            )
        self._create(version)

    def _create(self, version: ModelVersion) -> None:
        try:
            with self._server.asked() as client:
                client.create_registered_model(version.model)
        except Conflict:
            pass  # it is there
        source, run = upload(self._server, version)
        with self._server.asked() as client:
            made = client.create_model_version(version.model, source, run, tags=tags_of(version))
            if str(made.version) != version.version:
                client.delete_model_version(version.model, made.version)
                raise Refused(
                    f"MLflow counts versions itself: {version.model} {version.version} is not the next one",
                    hint=f"register it as {int(made.version) + 1}",
                )

    def versions(self, model: str = "", *, span: Span = WHOLE) -> Sequence[ModelVersion]:
        """All versions that are ready, oldest first; no page of MLflow's is read beyond the last one that is asked for."""
        where = f"name = '{_plain(model)}'" if model else None
        known: Iterator[Known] = self._paged(
            lambda client, page: client.search_model_versions(where, order_by=list(_OLDEST_FIRST), **page)
        )
        ready = (it for it in known if it.status == READY)
        return [version_of(it) for it in islice(ready, span.after, None if span.most is None else span.after + span.most)]

    def alias(self, model: str, alias: str) -> str | None:
        """The version that the alias points at; asked by name, because MLflow's searches leave aliases out."""
        return self._aliases_of(model).get(alias)

    def aliases(self, model: str = "") -> Sequence[tuple[str, str, str]]:
        """All (model, alias, version), ordered."""
        named = self._paged(lambda client, page: client.search_registered_models(**page))
        names = [model] if model else sorted(it.name for it in named)
        return [(name, alias, version) for name in names for alias, version in sorted(self._aliases_of(name).items())]

    def move(self, move: AliasMove) -> None:
        """Point the alias at `after` if it points at `before`, and read it back; the same command id twice is once.

        Raises:
            Conflict: the alias points elsewhere, before or after; nothing is written into the history.
            NotFound: `after` is not registered.
        """
        key = {"model": move.model, "alias": move.alias}
        with self._database.write() as connection:
            entry = {"command_id": move.command_id or None, "model": move.model, "body": to_json(move).decode()}
            entered = insert(connection, schema.alias_moves).values(entry).on_conflict_do_nothing(index_elements=["command_id"])
            if connection.execute(entered.returning(schema.alias_moves.c.seq)).scalar() is None:
                return  # this command has moved it already
            first = insert(connection, schema.aliases).values(**key, version="")
            connection.execute(first.on_conflict_do_nothing(index_elements=["model", "alias"]))
            here = (_aliases.model == move.model) & (_aliases.alias == move.alias)
            connection.execute(select(_aliases.version).where(here).with_for_update()).all()  # movers take turns
            self._set(move)
            connection.execute(update(schema.aliases).where(here).values(version=move.after))

    def _set(self, move: AliasMove) -> None:
        if self._version(move.model, move.after) is None:
            known = [it.version for it in self.versions(move.model)]
            hint = nearest(move.after, known)
            raise NotFound("there is no such version", hint=hint, model=move.model, version=move.after)
        there = self.alias(move.model, move.alias) or ""
        if there not in {move.before, move.after if move.command_id else move.before}:
            raise Conflict(f"the alias points at {there or 'nothing'}, not at {move.before or 'nothing'}", alias=move.alias)
        with self._server.asked() as client:
            client.set_registered_model_alias(move.model, move.alias, move.after)
        there = self.alias(move.model, move.alias) or ""
        if there != move.after:
            raise Conflict(f"it was set, and points at {there or 'nothing'} when read back", alias=move.alias)
        self._say(move)

    def _say(self, move: AliasMove) -> None:
        """Put who, why and on which evidence on the version, for people who look there; the history is in the store."""
        said = {"alias": move.alias, "at": move.at.isoformat(), "who": move.who, "why": move.why, "evidence": move.evidence}
        try:
            with self._server.asked() as client:
                for name, value in said.items():
                    client.set_model_version_tag(move.model, move.after, f"{OURS}moved.{name}", value)
        except PortError as error:
            log.warning("%s %s: the move of %s is not told in tags: %s", move.model, move.after, move.alias, error.message)

    def moves(self, model: str, *, span: Span = WHOLE) -> Sequence[AliasMove]:
        """All moves that went through Segue, in order."""
        return self._history.moves(model, span=span)

    def fetch(self, version: ModelVersion) -> ModelVersion:
        """The version with its artifact on this machine, as the server has it now; from the cache while it does not answer."""
        try:
            there = self._version(version.model, version.version)
        except Unavailable:
            there = None
        return fetched(self._server, version if there is None else version_of(there), self._cache)

    def _paged(self, search: Callable[[Any, dict[str, Any]], Any]) -> Iterator[Any]:
        """What a search of MLflow's finds, a page at a time by its own tokens."""
        token: str | None = None
        while token is None or token:
            with self._server.asked() as client:
                page = search(client, {"max_results": _PAGE, "page_token": token})
            yield from page
            token = page.token or ""

    def _aliases_of(self, model: str) -> dict[str, str]:
        try:
            with self._server.asked() as client:
                return {alias: str(version) for alias, version in client.get_registered_model(model).aliases.items()}
        except NotFound:
            return {}

    def _version(self, model: str, version: str) -> Known | None:
        """MLflow's entry; None where there is none that is ready."""
        if not version.isdecimal():
            return None
        try:
            with self._server.asked() as client:
                found: Known = client.get_model_version(model, version)
        except NotFound:
            return None
        return found if found.status == READY else None


def _plain(model: str) -> str:
    """A name that can stand in a search of MLflow's."""
    if "'" in model:
        raise DomainError(f"MLflow cannot look for a model with a quote in its name: {model!r}")
    return model
