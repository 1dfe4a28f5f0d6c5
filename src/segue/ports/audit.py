"""What happened, in an order that nobody can change afterwards without being found out?

Entries are only ever added. Each carries the digest of the one before, so that whoever has seen one digest can tell whether
anything up to it was changed, left out or slipped in. Duty of every implementation: an entry is written in the transaction
that does what it tells, so neither is ever there without the other.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, Literal, Protocol

import msgspec

from segue.facts.wire.codec import to_json

Deed = Literal[
    "applied", "asked", "decided", "done", "published", "registered", "alias_moved", "key_added", "key_revoked",
    "token_added", "token_revoked",
]  # fmt: skip
"""applied: a rollout began. asked: a person wants something. decided: a tick's decision was kept. done: a command was
carried out. published: an allocation is in force. registered, alias_moved: in the embedded registry. key_added, key_revoked:
of a route. token_added, token_revoked: of the API."""

SEGUE: Final = "segue"
"""Who did what no person asked for."""

GENESIS: Final = "0" * 64
"""What the first entry has in place of the digest of one before."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry.

    Args:
        number: counts from 1, without gaps.
        at: by the store's own clock.
        deed: what was done.
        subject: to what: a rollout, a route, `model/version`, a key's id.
        who: the person or token that did or asked it, of a decision and what comes of it those whose wishes it took; `segue`
            where Segue did so by itself. "" in entries of programs that did not know.
        why: in their words, or the first reason of a decision.
        facts: the rest, by name; a digest where it rests elsewhere whole.
        previous: digest of the entry before.
        digest: sha256 of all of the above, in hex.
    """

    number: int
    at: datetime
    deed: Deed
    subject: str
    who: str = ""
    why: str = ""
    facts: dict[str, str] = {}
    previous: str = GENESIS
    digest: str = ""


def sealed(entry: Entry) -> Entry:
    """The entry with its digest."""
    plain = msgspec.structs.replace(entry, digest="")
    return msgspec.structs.replace(plain, digest=hashlib.sha256(to_json(plain)).hexdigest())


def faults(entries: Iterable[Entry], *, after: str = GENESIS, number: int = 0) -> Iterator[str]:
    """What is wrong with a run of the log, a sentence each; nothing where it is whole.

    Args:
        entries: in order.
        after: digest of the entry before the first of them.
        number: its number.

    >>> from datetime import UTC
    >>> first = sealed(Entry(number=1, at=datetime(2026, 1, 1, tzinfo=UTC), deed="applied", subject="r"))
    >>> second = sealed(msgspec.structs.replace(first, number=2, deed="done", previous=first.digest))
    >>> list(faults([first, second])), list(faults([second]))
    ([], ['entry 1 is missing', 'entry 2 does not follow the one before it'])
    """
    for entry in entries:
        if entry.number != number + 1:
            yield f"entry {number + 1} is missing" if entry.number > number + 1 else f"entry {entry.number} is there twice"
        if entry.previous != after:
            yield f"entry {entry.number} does not follow the one before it"
        if sealed(entry).digest != entry.digest:
            yield f"entry {entry.number} was changed: its content has another digest"
        number, after = entry.number, entry.digest


class AuditLog(Protocol):
    """The log of one store; who adds to it are the other ports."""

    def entries(self, *, after: int = 0, most: int = 1000, subject: str = "", newest: bool = False) -> Sequence[Entry]:
        """So many entries, of one subject or of all.

        Args:
            after: the number of the entry that they follow; 0 to begin with the first.
            most: of them.
            subject: of one rollout, route, `model/version` or key; "" of all.
            newest: from the newest backwards; `after` is then the number of the entry that they precede.
        """
        ...


def every(log: AuditLog, subject: str = "") -> Iterator[Entry]:
    """Every entry, oldest first, a page at a time; of one subject, or of all."""
    after = 0
    while entries := log.entries(after=after, subject=subject):
        yield from entries
        after = entries[-1].number


def latest(log: AuditLog, most: int, subject: str = "") -> list[Entry]:
    """The newest entries, oldest of them first; nothing is read of those before."""
    found: list[Entry] = []
    while len(found) < most:
        after = found[-1].number if found else 0
        entries = log.entries(after=after, most=min(most - len(found), 1000), subject=subject, newest=True)
        if not entries:
            break
        found += entries
    return found[::-1]
