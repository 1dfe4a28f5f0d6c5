"""Which small files of the lake are put together, and when do their parts go?

A recorder seals a file every few seconds, so that an hour has hundreds. Once an hour is over, and nothing but stragglers will
come, they become one. Anybody may do it at any time, several at once and beside recorders and readers (`ports.lake`).
"""

import logging
from collections.abc import Iterator
from itertools import groupby
from threading import Event
from typing import Final

import msgspec

from segue.errors import PortError
from segue.ports.clock import Clock
from segue.ports.lake import Lake, RowKind, Segment

_KINDS: Final[tuple[RowKind, ...]] = ("predictions", "outcomes")

log: Final = logging.getLogger("segue.record")


class Packing(msgspec.Struct, frozen=True, kw_only=True):
    """What is packed.

    Args:
        age_h: hours that were over so many (stream) hours ago.
        least: hours with so many loose files at least.
        keep_s: parts are removed so many (real) seconds after their pack appeared. Readers that listed the lake before, and
            `segue replay` of decisions that knew some of the parts only, need them until then.
        every_s: (real) seconds between two passes.
    """

    age_h: int = 2
    least: int = 8
    keep_s: float = 7 * 86_400.0
    every_s: float = 600.0


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: files packed, packs that they became, and files removed."""

    files: int = 0
    packs: int = 0
    swept: int = 0

    def __add__(self, other: "Done") -> "Done":
        return Done(files=self.files + other.files, packs=self.packs + other.packs, swept=self.swept + other.swept)


def pack(lake: Lake, now_h: int, packing: Packing) -> Done:
    """One pass over the whole lake.

    Args:
        lake: whose.
        now_h: the (stream) hour that is now, since the epoch.
        packing: what is packed.

    Raises:
        PortError: the lake did not answer; what was done until then stands.
    """
    done = Done()
    for kind in _KINDS:
        for route in lake.routes(kind):
            for hour in _over(lake, kind, route, now_h - packing.age_h):
                done += _packed(lake, hour, packing.least)
            done += Done(swept=lake.sweep(kind, route, packing.keep_s))
    return done


def waiting(lake: Lake, now_h: int, packing: Packing) -> int:
    """How many files the next pass would pack."""
    hours = (hour for kind in _KINDS for route in lake.routes(kind) for hour in _over(lake, kind, route, now_h - packing.age_h))
    return sum(len(hour) for hour in hours if len(hour) >= packing.least)


def _over(lake: Lake, kind: RowKind, route: str, before_h: int) -> Iterator[list[Segment]]:
    """The loose files of each hour that is over."""
    loose = (segment for segment in lake.segments(kind, route) if not segment.packed)
    for hour, group in groupby(loose, key=lambda segment: segment.hour):
        if hour < before_h:
            yield list(group)


def _packed(lake: Lake, segments: list[Segment], least: int) -> Done:
    done = Done()
    while len(segments) >= max(least, 2):
        files = lake.pack(segments)
        if not files:
            return done
        done += Done(files=files, packs=1)
        segments = segments[files:]
    return done


def keep_packing(lake: Lake, clock: Clock, packing: Packing, stop: Event) -> Done:
    """Pass after pass until told to stop; what cannot be done now is tried again."""
    total = Done()
    while True:
        try:
            total += pack(lake, int(clock.now().timestamp()) // 3600, packing)
        except PortError as error:
            log.warning("the lake could not be packed; it is tried again: %s", error.message)
        if stop.wait(packing.every_s):
            return total
