"""Which summaries are kept, and what do they include?

Everything here can be recomputed from the lake, so a rollout that has never been measured has simply nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec
from sqlalchemy import delete, select

from segue.adapters.clocks import from_us, to_us
from segue.adapters.stores.database import schema
from segue.adapters.stores.database.connect import Database, insert
from segue.errors import DomainError
from segue.facts.summary import Answer, Cell
from segue.facts.wire.codec import from_json, to_json
from segue.ports.span import WHOLE, Span

_LISTS: Final = msgspec.json.Encoder()
_CELLS: Final = msgspec.json.Decoder(list[Cell])

_answers = schema.answers.c
_cells = schema.cells.c


class SqlSummaries:
    """Summaries by hour, so that a tick recomputes only the hours that changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen(self, rollout: str, *, by: datetime | None = None) -> frozenset[str]:
        """The names of lake segments that the kept summaries include, or included by then."""
        table = schema.seen_segments.c
        query = select(table.segment).where(table.rollout == rollout)
        if by is not None:
            query = query.where(table.at_us <= to_us(by))
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def replace(self, rollout: str, *, hours: Sequence[int], answers: Sequence[Answer], cells: Sequence[Cell]) -> None:
        """Put these summaries in the place of all that were kept for these hours.

        Raises:
            DomainError: an answer or a cell lies in another hour.
            Conflict: two answers to one question in one hour.
        """
        outside = ({it.hour for it in answers} | {it.hour for it in cells}) - set(hours)
        if outside:
            raise DomainError(f"summaries of hours that are not replaced: {sorted(outside)[:5]}", rollout=rollout)
        answer_rows = [
            {"rollout": rollout, "hour": it.hour, "question": it.question, "body": to_json(it).decode()} for it in answers
        ]
        grouped: defaultdict[tuple[int, str], list[Cell]] = defaultdict(list)
        for cell in cells:
            grouped[cell.hour, cell.metric].append(cell)
        cell_rows = [
            {"rollout": rollout, "hour": hour, "position": position, "metric": metric, "body": _as_row(those)}
            for position, ((hour, metric), those) in enumerate(grouped.items())
        ]
        with self._database.write() as connection:
            for table in (schema.answers, schema.cells):
                connection.execute(delete(table).where(table.c.rollout == rollout, table.c.hour.in_(set(hours))))
            if answer_rows:
                connection.execute(schema.answers.insert(), answer_rows)
            if cell_rows:
                connection.execute(schema.cells.insert(), cell_rows)

    def mark_seen(self, rollout: str, segments: Sequence[str], judged_until: datetime) -> None:
        """Remember that the kept summaries include these segments and all that had matured by then."""
        until = {"judged_until_us": to_us(judged_until)}
        at_us = to_us(judged_until)
        rows = [{"rollout": rollout, "segment": segment, "at_us": at_us} for segment in _unique(segments)]
        with self._database.write() as connection:
            measured = insert(connection, schema.measured).values(rollout=rollout, **until)
            connection.execute(measured.on_conflict_do_update(index_elements=["rollout"], set_=until))
            if rows:
                connection.execute(insert(connection, schema.seen_segments).on_conflict_do_nothing(), rows)

    def judged_until(self, rollout: str) -> datetime | None:
        """The `now` of the last measurement; None before the first."""
        table = schema.measured.c
        with self._database.read() as connection:
            until_us = connection.execute(select(table.judged_until_us).where(table.rollout == rollout)).scalar()
        return None if until_us is None else from_us(until_us)

    def answers(self, rollout: str, questions: Sequence[str]) -> Sequence[Answer]:
        """Kept summaries of these questions, ordered by question and hour."""
        query = select(_answers.body).where(_answers.rollout == rollout, _answers.question.in_(set(questions)))
        with self._database.read() as connection:
            bodies = connection.execute(query.order_by(_answers.question, _answers.hour)).scalars().all()
        return [from_json(Answer, body) for body in bodies]

    def cells(self, rollout: str, *, metric: str = "", span: Span = WHOLE) -> Sequence[Cell]:
        """Kept cells of the cube, ordered by hour, those of a metric together and as they were given.

        Many lie in a row: rows are read one by one, and no further than the part goes.
        """
        query = select(_cells.body).where(_cells.rollout == rollout).order_by(_cells.hour, _cells.position)
        if metric:
            query = query.where(_cells.metric == metric)
        with self._database.read() as connection:
            every = (cell for body in connection.execute(query).scalars() for cell in _cells_in(body))
            return list(islice(every, span.after, None if span.most is None else span.after + span.most))


def _as_row(cells: list[Cell]) -> str:
    body = _LISTS.encode(cells)
    if b"null" in body:
        for cell in cells:
            to_json(cell)  # says which number is none that JSON has
    return body.decode()


def _cells_in(body: str) -> list[Cell]:
    # Cells of one metric and hour lie together in a row; a store that was written before that has one in a row.
    return _CELLS.decode(body) if body.startswith("[") else [from_json(Cell, body)]


def _unique(segments: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(segments))
