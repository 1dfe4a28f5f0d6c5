"""What is a file of the journal called, and how is it to be written?"""

import re
from typing import Final, Literal

import msgspec

from segue.errors import DomainError

OPEN: Final = ".open"
SEALED: Final = ".sealed"
_name = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*)-([A-Za-z0-9_]+)-(\d{8,})").fullmatch


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Which worker wrote a file, in which of its lives, and the how-manieth of that life it is.

    >>> origin = Origin(worker="w0", boot="1ga4gc1wg", sequence=7)
    >>> origin.segment
    'w0-1ga4gc1wg-00000007'
    >>> Origin.of(origin.segment + ".sealed") == origin
    True
    """

    worker: str
    boot: str
    sequence: int

    def __post_init__(self) -> None:
        found = _name(self.segment)
        if not found or (found[1], found[2]) != (self.worker, self.boot):
            hint = "of letters, digits, _ . and -; a boot without the last two"
            raise DomainError(f"{self.segment!r} is no name of a segment", hint=hint)

    @property
    def segment(self) -> str:
        """The segment's name, which the lake's file takes over."""
        return f"{self.worker}-{self.boot}-{self.sequence:08d}"

    @classmethod
    def of(cls, file_name: str) -> "Origin | None":
        """What a file's name says, or None where it is no journal's."""
        found = _name(file_name.removesuffix(OPEN).removesuffix(SEALED))
        return cls(worker=found[1], boot=found[2], sequence=int(found[3])) if found else None


OnFailure = Literal["refuse", "answer"]
"""What becomes of answers whose record could not be written; see `JournalSettings`."""


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a worker writes its journal.

    Args:
        folder: of this host's journals; made where it is missing.
        worker: letters, digits and _ . -; one live worker has it.
        boot: letters, digits and _; another at every start.
        seal_bytes: size at which a file is due to be sealed.
        seal_age_s: age at which a file is due to be sealed, in the time that `seal_due` is given; real time with `tick`.
        fsync: True to let an answer leave only when its record would survive power loss.
        on_failure: what becomes of answers whose record could not be written. "refuse": `commit` says False, and
            they must not be sent, so that no caller has an answer that the record lacks. "answer": it says True, and they
            are sent all the same; `lost` counts their records.
    """

    folder: str
    worker: str
    boot: str
    seal_bytes: int = 64 * 1024 * 1024
    seal_age_s: float = 10.0
    fsync: bool = False
    on_failure: OnFailure = "refuse"

    def __post_init__(self) -> None:
        Origin(worker=self.worker, boot=self.boot, sequence=0)
        if self.seal_bytes <= 0 or self.seal_age_s <= 0:
            raise DomainError(f"a journal sealed at {self.seal_bytes} bytes or {self.seal_age_s} s would hold nothing")
