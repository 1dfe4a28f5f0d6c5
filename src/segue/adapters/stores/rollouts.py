"""Where does a rollout stand, and how did it come there?

A save compares the token and sets state, decision, commands and acts in one transaction. That a route has one live rollout
is the database's own promise (a partial unique index), so no race of two processes can break it.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Row, bindparam, func, select, update

from segue.adapters.stores.database import schema
from segue.adapters.stores.database.audit import Deeds, note
from segue.adapters.stores.database.connect import Database, insert, part
from segue.adapters.stores.database.failures import nearest
from segue.errors import Conflict, DomainError, NotFound
from segue.facts.decision import Decision, Phase, State
from segue.facts.wire.codec import from_json, to_json
from segue.ids import digest
from segue.ports.audit import SEGUE
from segue.ports.span import WHOLE, Span
from segue.ports.store import Loaded

OVER: Final[frozenset[Phase]] = frozenset({"queued", "promoted", "rolled_back", "aborted"})
"""Phases of a rollout that is over; its route is free for the next one."""

_rollouts = schema.rollouts.c
_COLUMNS: Final = (_rollouts.state, _rollouts.spec_source, _rollouts.salt, _rollouts.token)
_LOAD: Final = select(*_COLUMNS).where(_rollouts.rollout == bindparam("rollout"))


class SqlRollouts:
    """Rollouts and their decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, state: State, *, spec_source: str, salt: str, who: str = "") -> Loaded:
        """Begin a rollout; `who` asked for it stands in the audit log.

        Raises:
            Conflict: the route has another one that is not over, or the id is taken.
        """
        with self._database.write() as connection:
            same_route = (_rollouts.route == state.route) & _rollouts.live.is_(True)
            live = connection.execute(select(_rollouts.rollout).where(same_route)).scalar()
            if live is not None and state.phase not in OVER:
                raise Conflict(
                    "the route has a rollout that is not over", hint="abort it or wait", route=state.route, rollout=live
                )
            row = {"rollout": state.rollout, "route": state.route, "spec_source": spec_source, "salt": salt, "token": 1}
            connection.execute(schema.rollouts.insert(), row | _resting(state))
            facts = {"route": state.route, "spec_digest": state.spec_digest, "spec": digest(spec_source.encode())}
            note(connection, Deeds(deed="applied", subject=state.rollout, who=who, facts=facts))
        return Loaded(state=state, spec_source=spec_source, salt=salt, token=1)

    def load(self, rollout: str) -> Loaded:
        """A rollout with its token.

        Raises:
            NotFound: there is no such rollout.
        """
        with self._database.read() as connection:
            return _load(connection, rollout)

    def save(self, decision: Decision, state: State, token: int) -> Loaded:
        """Keep a decision, its commands (pending), its acts (applied) and the new state: all or nothing.

        Raises:
            Conflict: the token is stale; nothing has changed.
            NotFound: there is no such rollout.
            DomainError: decision and state are of different rollouts.
        """
        if decision.rollout != state.rollout:
            raise DomainError("a decision and a state of different rollouts", rollout=state.rollout, decision=decision.id)
        with self._database.write() as connection:
            held = (_rollouts.rollout == state.rollout) & (_rollouts.token == token)
            changed = connection.execute(update(schema.rollouts).where(held).values(token=token + 1, **_resting(state)))
            if changed.rowcount != 1:
                newer = _load(connection, state.rollout).token
                raise Conflict(f"the rollout was saved since: token {token} given, {newer} in force", rollout=state.rollout)
            _keep(connection, decision)
            note(connection, _decided(decision))
            return _load(connection, state.rollout)

    def rollouts(self, route: str = "", *, live: bool = False, standing: bool = False, span: Span = WHOLE) -> Sequence[Loaded]:
        """All rollouts, newest first; of one route; that are not over; by which routes stand, live or a route's newest one."""
        query = select(*_COLUMNS).order_by(_rollouts.seq.desc())
        if route:
            query = query.where(_rollouts.route == route)
        if live:
            query = query.where(_rollouts.live.is_(True))
        if standing:
            newest = select(func.max(_rollouts.seq)).group_by(_rollouts.route)
            query = query.where(_rollouts.live.is_(True) | _rollouts.seq.in_(newest))
        with self._database.read() as connection:
            return [_loaded(row) for row in connection.execute(part(query, span))]

    def decisions(self, rollout: str, *, after: int = 0, most: int | None = None) -> Sequence[Decision]:
        """The decisions of a rollout in order, those with a number above `after`; at most so many.

        Raises:
            NotFound: there is no such rollout.
        """
        table = schema.decisions.c
        query = select(table.body).where(table.rollout == rollout, table.number > after).order_by(table.number)
        with self._database.read() as connection:
            bodies = connection.execute(part(query, Span(most=most))).scalars().all()
            if not bodies:
                require(connection, rollout)
        return [from_json(Decision, body) for body in bodies]

    def decision(self, decision: str) -> Decision:
        """One decision by its id.

        Raises:
            NotFound: nobody made it.
        """
        table = schema.decisions.c
        with self._database.read() as connection:
            body = connection.execute(select(table.body).where(table.id == decision)).scalar()
        if body is None:
            raise NotFound(f"there is no decision {decision!r}", hint="segue history ROLLOUT")
        return from_json(Decision, body)


def require(connection: Connection, rollout: str) -> None:
    """See that a rollout exists.

    Raises:
        NotFound: there is none; the hint names the nearest id.
    """
    if connection.execute(select(_rollouts.seq).where(_rollouts.rollout == rollout)).scalar() is None:
        known = connection.execute(select(_rollouts.rollout)).scalars()
        raise NotFound("there is no such rollout", hint=nearest(rollout, known), rollout=rollout)


def _decided(decision: Decision) -> Deeds:
    """The decision itself rests whole in its table, and cannot be changed there without this digest telling."""
    facts = {
        "decision": decision.id,
        "kind": decision.kind,
        "trigger": decision.trigger,
        "to_phase": decision.to_phase,
        "to_stage": decision.to_stage,
        "body": digest(to_json(decision)),
    }
    return Deeds(deed="decided", subject=decision.rollout, who=_askers(decision), why=decision.reasons[0], facts=facts)


def who_asked(connection: Connection, command_id: str) -> str:
    """Whose wishes the decision of a command took, for the audit log; Segue's own where it took none, or nothing knows it."""
    commands, decisions = schema.commands.c, schema.decisions.c
    made_it = (commands.rollout == decisions.rollout) & (commands.decision == decisions.number)
    query = select(decisions.body).join(schema.commands, made_it).where(commands.id == command_id)
    body = connection.execute(query).scalar()
    return SEGUE if body is None else _askers(from_json(Decision, body))


def _askers(decision: Decision) -> str:
    return ", ".join(dict.fromkeys(act.who for act in decision.acts)) or SEGUE


def _resting(state: State) -> dict[str, object]:
    return {"state": to_json(state).decode(), "live": state.phase not in OVER}


def _load(connection: Connection, rollout: str) -> Loaded:
    row = connection.execute(_LOAD, {"rollout": rollout}).one_or_none()
    if row is None:
        require(connection, rollout)
        raise NotFound("the rollout was there and is gone", rollout=rollout)
    return _loaded(row)


def _loaded(row: Row[str, str, str, int]) -> Loaded:
    state, spec_source, salt, token = row
    return Loaded(state=from_json(State, state), spec_source=spec_source, salt=salt, token=token)


def _keep(connection: Connection, decision: Decision) -> None:
    rollout, number = decision.rollout, decision.number
    row = {"rollout": rollout, "number": number, "id": decision.id, "body": to_json(decision).decode()}
    connection.execute(schema.decisions.insert(), row)
    for position, command in enumerate(decision.commands):
        row = {"id": command.id, "rollout": rollout, "decision": number, "position": position, "done": False}
        kind = str(command.__struct_config__.tag)
        connection.execute(schema.commands.insert(), row | {"kind": kind, "body": to_json(command).decode()})
    for act in decision.acts:  # an act that nobody asked for before is kept too, as applied
        row = {"id": act.id, "rollout": rollout, "applied_by": number, "body": to_json(act).decode()}
        kept = insert(connection, schema.acts).values(row)
        connection.execute(kept.on_conflict_do_update(index_elements=["id"], set_={"applied_by": number}))
