"""What was decided and is to be carried out, and what did people ask for?"""

from collections.abc import Sequence
from typing import Final, get_args

from sqlalchemy import or_, select, update

from segue.adapters.stores.database import schema
from segue.adapters.stores.database.audit import Deeds, note
from segue.adapters.stores.database.connect import Database, insert, nudge, tell
from segue.adapters.stores.nudges import listen, look
from segue.adapters.stores.rollouts import require, who_asked
from segue.errors import NotFound, Refused
from segue.facts.decision import Act, Command
from segue.facts.wire.codec import from_json, to_json
from segue.ports.store import End, Wake

_CHANNEL: Final = "segue_asked"
_KINDS: Final[dict[str, type[Command]]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Command)}


class SqlCommands:
    """Commands that were decided and are to be carried out, and what people asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, rollout: str) -> Sequence[Command]:
        """Commands saved and not marked done, in order.

        Raises:
            NotFound: there is no such rollout.
        """
        table = schema.commands.c
        query = select(table.kind, table.body).where(table.rollout == rollout, table.done.is_(False))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.decision, table.position)).all()
            if not rows:
                require(connection, rollout)
        return [_command(kind, body) for kind, body in rows]

    def done(self, command_id: str) -> None:
        """Mark a command as carried out; twice is once.

        Raises:
            NotFound: no decision has such a command.
        """
        with self._database.write() as connection:
            table = schema.commands.c
            row = connection.execute(select(table.rollout, table.kind, table.done).where(table.id == command_id)).one_or_none()
            if row is None:
                raise NotFound("no decision has such a command", command=command_id)
            if not row.done:
                connection.execute(update(schema.commands).where(table.id == command_id).values(done=True))
                who, facts = who_asked(connection, command_id), {"command": command_id, "kind": row.kind}
                note(connection, Deeds(deed="done", subject=row.rollout, who=who, facts=facts))

    def ask(self, act: Act) -> None:
        """Keep what a person asked for until a tick applies it; the same id twice is once.

        Raises:
            NotFound: there is no such rollout.
        """
        with self._database.write() as connection:
            require(connection, act.rollout)
            row = {"id": act.id, "rollout": act.rollout, "body": to_json(act).decode()}
            asked = insert(connection, schema.acts).values(row).on_conflict_do_nothing(index_elements=["id"])
            if connection.execute(asked.returning(schema.acts.c.seq)).scalar() is None:
                return  # it was asked for before
            facts = {"act": act.id, "trigger": act.trigger}
            note(connection, Deeds(deed="asked", subject=act.rollout, who=act.who, why=act.why, facts=facts))
            tell(connection, _CHANNEL, act.rollout)
            nudge(connection)

    def asked(self, rollout: str) -> Sequence[Act]:
        """Acts that no decision has applied yet, in order.

        Raises:
            NotFound: there is no such rollout.
        """
        table = schema.acts.c
        query = select(table.body).where(table.rollout == rollout, table.applied_by.is_(None)).order_by(table.seq)
        with self._database.read() as connection:
            bodies = connection.execute(query).scalars().all()
            if not bodies:
                require(connection, rollout)
        return [from_json(Act, body) for body in bodies]

    def waiting(self) -> Sequence[str]:
        """The rollouts, live or over, with a command that is not done or an act that is not applied; oldest first."""
        commands, acts, rollouts = schema.commands.c, schema.acts.c, schema.rollouts.c
        undone = select(commands.rollout).where(commands.done.is_(False))
        unapplied = select(acts.rollout).where(acts.applied_by.is_(None))
        query = select(rollouts.rollout).where(or_(rollouts.rollout.in_(undone), rollouts.rollout.in_(unapplied)))
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(rollouts.seq)).scalars())

    def nudge(self) -> None:
        """Wake who listens."""
        if self._database.tells:
            with self._database.glance() as connection:
                tell(connection, _CHANNEL, "")
        else:
            with self._database.write() as connection:
                nudge(connection)

    def listen(self, wake: Wake) -> End:
        """Be woken when somebody asks for something, or nudges."""
        return listen(self._database, _CHANNEL, wake) if self._database.tells else look(self._database, wake)


def _command(kind: str, body: str) -> Command:
    known = _KINDS.get(kind)
    if known is None:  # a newer program decided it: to skip it would be to do half of a decision
        raise Refused(f"a command of a kind that this program does not know: {kind}", hint="install the newer version")
    return from_json(known, body)
