"""How do many small files of an hour become one, whatever the storage is?

A pack is put under the next number of its hour, on the condition that the number is free, and names its parts in its metadata.
That one write is all: before it there are the parts, after it the pack in their place. Of two who pack the same hour one finds
the number taken and has changed nothing. Parts are removed later; a part that comes again, from a recorder that died between
the lake and its journal, is known by its name and stays out of sight.

Whoever looks lists loose files first and packs second: what was removed before the first list is in a pack of the second.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from segue.adapters.lakes.table import SCHEMAS
from segue.errors import DomainError
from segue.ports.lake import RowKind, Segment

PACK_BYTES: Final = 64 * 1024 * 1024
"""A pack takes parts of so many bytes together, and one at least; they are in memory once as they are and once unpacked."""
LEAST: Final = 2
"""Fewer parts are no gain."""
_PARTS: Final = b"segue.parts"
_ROWS_A_GROUP: Final = 122_880


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A pack's content.

    Args:
        parts: how many of the segments it holds.
        body: the file.
    """

    parts: int
    body: bytes


def packed(segments: Sequence[Segment], read: Callable[[Segment], bytes]) -> Packed | None:
    """The first of these segments in one file; None where that is no gain."""
    tables: list[pa.Table] = []
    held = 0
    for segment in segments:
        body = read(segment)
        if tables and held + len(body) > PACK_BYTES:
            break
        table = _known(segment.kind, pq.read_table(pa.BufferReader(body)))
        if table is None:
            break
        tables.append(table)
        held += len(body)
    if len(tables) < LEAST:
        return None
    names = [segment.name for segment in segments[: len(tables)]]
    whole = pa.concat_tables(tables)
    whole = whole.replace_schema_metadata({**(whole.schema.metadata or {}), _PARTS: msgspec.json.encode(names)})
    sink = pa.BufferOutputStream()
    pq.write_table(whole, sink, compression="zstd", row_group_size=_ROWS_A_GROUP)
    return Packed(parts=len(names), body=sink.getvalue().to_pybytes())


def parts_of(footer: pq.FileMetaData, pack: Segment) -> tuple[Segment, ...]:
    """The segments that a pack's metadata name.

    Raises:
        DomainError: the file is no pack.
    """
    named = (footer.metadata or {}).get(_PARTS)
    if named is None:
        raise DomainError("a file among the packs names no parts", segment=pack.key)
    names = msgspec.json.decode(named, type=tuple[str, ...])
    return tuple(msgspec.structs.replace(pack, name=name, packed=False) for name in names)


def in_place(
    loose: Sequence[Segment], packs: Sequence[Segment], parts: Callable[[Iterable[Segment]], Iterable[Sequence[Segment]]]
) -> list[Segment]:
    """What is to be read: the packs, and the loose segments that are in none of them.

    Args:
        loose: of one kind and route, listed before the packs.
        packs: of the same.
        parts: the parts of each of some packs; asked only of hours that have loose segments.
    """
    hours = {segment.hour for segment in loose}
    held = {part for found in parts(pack for pack in packs if pack.hour in hours) for part in found}
    return sorted([*(segment for segment in loose if segment not in held), *packs])


def following(
    packs: Sequence[Segment], segments: Sequence[Segment], parts: Callable[[Segment], Sequence[Segment]]
) -> Segment | None:
    """The next pack of the segments' hour; None where one of them is in a pack already, since they were listed.

    Whoever puts a pack that is not among these takes the same number.
    """
    here = [pack for pack in packs if pack.hour == segments[0].hour]
    if {part for pack in here for part in parts(pack)} & set(segments):
        return None
    return msgspec.structs.replace(segments[0], name=f"{max((int(it.name) for it in here), default=0) + 1:06}", packed=True)


def of_one_hour(segments: Sequence[Segment]) -> None:
    """Segments that can be packed together, one at least.

    Raises:
        DomainError: they cannot.
    """
    if (
        not segments
        or any(segment.packed for segment in segments)
        or len({(it.kind, it.route, it.hour) for it in segments}) > 1
    ):
        raise DomainError("what is packed together is of one kind, route and hour, and no pack itself")


def _known(kind: RowKind, table: pa.Table) -> pa.Table | None:
    """The rows in this version's columns; None where they have others, which must not be lost."""
    schema = SCHEMAS[kind]
    if set(table.column_names) - set(schema.names):
        return None
    missing = (field for field in schema if field.name not in table.column_names)
    for field in missing:
        table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(schema.names).cast(schema)
