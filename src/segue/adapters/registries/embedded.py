"""Which version is the champion, kept in the store's own database?

A move compares, sets and is written into the history in one transaction, so there is no window in which two movers both
believe that they have won.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select

from segue.adapters.stores.database import schema
from segue.adapters.stores.database.audit import Deeds, note
from segue.adapters.stores.database.connect import Database, insert, part
from segue.adapters.stores.database.failures import nearest
from segue.adapters.stores.rollouts import who_asked
from segue.errors import Conflict, DomainError, NotFound
from segue.facts.wire.codec import from_json, to_json
from segue.ports.audit import SEGUE
from segue.ports.registry import AliasMove, ModelVersion
from segue.ports.span import WHOLE, Span

_versions = schema.model_versions.c
_aliases = schema.aliases.c
_moves = schema.alias_moves.c


class EmbeddedRegistry:
    """Versions and aliases in the store's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, version: ModelVersion, *, who: str = "") -> None:
        """Enter a version; the same again is harmless and keeps the first `registered_at`. `who` stands in the audit log.

        Raises:
            Conflict: the version is taken by another content.
            DomainError: the model or version has no name.
        """
        if not version.model or not version.version:
            raise DomainError("a version needs a model and a name")
        key = {"model": version.model, "version": version.version}
        with self._database.write() as connection:
            row = insert(connection, schema.model_versions).values(**key, body=to_json(version).decode())
            entered = row.on_conflict_do_nothing(index_elements=["model", "version"]).returning(_versions.seq)
            fresh = connection.execute(entered).scalar() is not None
            query = select(_versions.body).where(_versions.model == version.model, _versions.version == version.version)
            kept = from_json(ModelVersion, connection.execute(query).scalar_one())
            if msgspec.structs.replace(kept, registered_at=version.registered_at) != version:
                raise Conflict("another content is registered under this version", hint="register it as a new version", **key)
            if fresh:
                facts = {"digest": version.digest, "factory": version.factory}
                subject = f"{version.model}/{version.version}"
                note(connection, Deeds(deed="registered", subject=subject, who=who, facts=facts))

    def versions(self, model: str = "", *, span: Span = WHOLE) -> Sequence[ModelVersion]:
        """All versions, oldest first."""
        query = select(_versions.body).order_by(_versions.seq)
        if model:
            query = query.where(_versions.model == model)
        with self._database.read() as connection:
            return [from_json(ModelVersion, body) for body in connection.execute(part(query, span)).scalars()]

    def alias(self, model: str, alias: str) -> str | None:
        """The version that the alias points at, None where there is no such alias."""
        with self._database.glance() as connection:
            return _target(connection, model, alias) or None

    def aliases(self, model: str = "") -> Sequence[tuple[str, str, str]]:
        """All (model, alias, version), ordered."""
        query = select(_aliases.model, _aliases.alias, _aliases.version).order_by(_aliases.model, _aliases.alias)
        if model:
            query = query.where(_aliases.model == model)
        with self._database.read() as connection:
            return [(row.model, row.alias, row.version) for row in connection.execute(query)]

    def move(self, move: AliasMove) -> None:
        """Point the alias at `after` if it points at `before`; the same command id twice is once.

        Raises:
            Conflict: the alias points elsewhere; nothing has changed.
            NotFound: `after` is not registered.
        """
        key = {"model": move.model, "alias": move.alias}
        with self._database.write() as connection:
            entry = {"command_id": move.command_id or None, "model": move.model, "body": to_json(move).decode()}
            entered = insert(connection, schema.alias_moves).values(entry).on_conflict_do_nothing(index_elements=["command_id"])
            if connection.execute(entered.returning(_moves.seq)).scalar() is None:
                return  # this command has moved it already
            _require(connection, move.model, move.after)
            first = insert(connection, schema.aliases).values(**key, version="")
            connection.execute(first.on_conflict_do_nothing(index_elements=["model", "alias"]))
            here = (_aliases.model == move.model) & (_aliases.alias == move.alias)
            moved = schema.aliases.update().where(here, _aliases.version == move.before).values(version=move.after)
            if connection.execute(moved).rowcount != 1 or _target(connection, move.model, move.alias) != move.after:
                there = _target(connection, move.model, move.alias)
                raise Conflict(f"the alias points at {there or 'nothing'}, not at {move.before or 'nothing'}", **key)
            facts = {"alias": move.alias, "before": move.before, "after": move.after, "command": move.command_id}
            subject = f"{move.model}/{move.after}"
            who = who_asked(connection, move.command_id) if move.who == SEGUE else move.who
            note(connection, Deeds(deed="alias_moved", subject=subject, who=who, why=move.why, facts=facts))

    def moves(self, model: str, *, span: Span = WHOLE) -> Sequence[AliasMove]:
        """All moves in order."""
        query = select(_moves.body).where(_moves.model == model).order_by(_moves.seq)
        with self._database.read() as connection:
            return [from_json(AliasMove, body) for body in connection.execute(part(query, span)).scalars()]

    def fetch(self, version: ModelVersion) -> ModelVersion:
        """The version as it is: its folder is on this machine, or nowhere."""
        return version


def _target(connection: Connection, model: str, alias: str) -> str:
    query = select(_aliases.version).where(_aliases.model == model, _aliases.alias == alias)
    return connection.execute(query).scalar() or ""


def _require(connection: Connection, model: str, version: str) -> None:
    known = set(connection.execute(select(_versions.version).where(_versions.model == model)).scalars())
    if version not in known:
        raise NotFound("there is no such version", hint=nearest(version, known), model=model, version=version)
