"""Who may ask the API, and what was it answered with?"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, select, update

from segue.adapters.clocks import to_us
from segue.adapters.stores.database import schema
from segue.adapters.stores.database.audit import Deeds, note
from segue.adapters.stores.database.connect import Database, insert, part
from segue.errors import Conflict, NotFound
from segue.facts.wire.codec import from_json, to_json
from segue.ports.access import Answered, Token
from segue.ports.span import WHOLE, Span

_tokens = schema.tokens.c
_answered = schema.answered.c


class SqlTokens:
    """Who may ask the API."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: Token, *, who: str = "") -> None:
        """Enter a token, made by somebody; Conflict where its id is taken."""
        row = {"id": token.id, "created_at_us": to_us(token.created_at), "body": to_json(token).decode()}
        with self._database.write() as connection:
            if connection.execute(select(_tokens.id).where(_tokens.id == token.id)).scalar() is not None:
                raise Conflict("there is a token of this id already", token=token.id)
            connection.execute(schema.tokens.insert(), row)
            note(
                connection, Deeds(deed="token_added", subject=token.id, who=who, facts={"role": token.role, "name": token.name})
            )

    def revoke(self, token_id: str, at: datetime, *, who: str = "") -> Token:
        """Let a token open nothing from now on; twice is once. NotFound where there is none."""
        with self._database.write() as connection:
            body = connection.execute(select(_tokens.body).where(_tokens.id == token_id).with_for_update()).scalar()
            if body is None:
                raise NotFound("there is no such token", hint="`segue token list` names them", token=token_id)
            token = from_json(Token, body)
            if token.revoked_at is not None:
                return token
            token = msgspec.structs.replace(token, revoked_at=at)
            connection.execute(update(schema.tokens).where(_tokens.id == token_id).values(body=to_json(token).decode()))
            note(
                connection,
                Deeds(deed="token_revoked", subject=token.id, who=who, facts={"role": token.role, "name": token.name}),
            )
        return token

    def token(self, token_id: str) -> Token | None:
        """The token of an id, whatever has become of it."""
        with self._database.read() as connection:
            body = connection.execute(select(_tokens.body).where(_tokens.id == token_id)).scalar()
        return None if body is None else from_json(Token, body)

    def tokens(self, *, span: Span = WHOLE) -> Sequence[Token]:
        """All tokens ever made, oldest first; revoked and expired ones too."""
        query = select(_tokens.body).order_by(_tokens.created_at_us, _tokens.id)
        with self._database.read() as connection:
            return [from_json(Token, body) for body in connection.execute(part(query, span)).scalars()]

    def any(self) -> bool:
        """Whether there has ever been a token."""
        with self._database.read() as connection:
            return connection.execute(select(_tokens.id).limit(1)).scalar() is not None


class SqlAnswered:
    """Answers to writes, so that a repeated one gets the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def answered(self, answer_id: str) -> Answered | None:
        """What it was answered with; None where it was not, or long ago."""
        with self._database.read() as connection:
            body = connection.execute(select(_answered.body).where(_answered.id == answer_id)).scalar()
        return None if body is None else from_json(Answered, body)

    def keep(self, answer: Answered, *, since: datetime) -> None:
        """Keep an answer, and forget those from before `since`; the same id twice keeps the first."""
        row = {"id": answer.id, "at_us": to_us(answer.at), "body": to_json(answer).decode()}
        with self._database.write() as connection:
            connection.execute(delete(schema.answered).where(_answered.at_us < to_us(since)))
            kept = insert(connection, schema.answered).values(row)
            connection.execute(kept.on_conflict_do_nothing(index_elements=["id"]))
