"""Which files hold this key, without reading them again?

A file's keys never change, so their hashes are kept, sorted, beside the number of the file. New keys come in as a run of their
own; runs of like size are merged, so that there are few (a log-structured merge tree), and a key is looked up by binary search
in each. Most keys that are asked for are new and in no large run: a bit for each key, found by its hash (a Bloom filter of one
function), says so at once for seven of eight. Two keys with one hash name a file too many, which costs its reading and nothing
else.
"""

import os
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

SHARDS: Final = 16
"""Keys are dealt out by the highest bits of their hashes, so that a merge touches a part of them at a time."""
GROWTH: Final = 4
"""Two neighbouring runs are merged when the older one is not so many times larger."""
ON_DISK: Final = 1 << 20
"""Runs of more keys than this lie in a file, which the system maps into memory as it is used."""
FILTERED: Final = 1 << 14
"""A run of fewer keys is searched without asking a filter."""
_BITS: Final = 8

Hashes: TypeAlias = NDArray[np.uint64]
Numbers: TypeAlias = NDArray[np.int32]
Bytes: TypeAlias = NDArray[np.uint8]


class Run(NamedTuple):
    """Sorted hashes, beside them the numbers of their files; and a filter, empty for none."""

    hashes: Hashes
    numbers: Numbers
    filter: Bytes


class Places:
    """Hashes of keys and the numbers of the files that hold them.

    Args:
        folder: for large runs; files in it are this object's own, and gone with the process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: list[list[Run]] = [[] for _ in range(SHARDS)]
        self._written = 0

    def add(self, hashes: Hashes, numbers: Numbers) -> None:
        """Remember keys; `numbers` says the file of each. A key that comes again in the same file is kept once."""
        order = np.lexsort((numbers, hashes))
        hashes, numbers = hashes[order], numbers[order]
        again = (hashes[1:] == hashes[:-1]) & (numbers[1:] == numbers[:-1])
        first = np.concatenate((np.ones(min(len(hashes), 1), dtype=bool), ~again))
        hashes, numbers = hashes[first], numbers[first]
        edges = np.searchsorted(hashes, _edges())
        for shard, (start, end) in enumerate(zip(edges, [*edges[1:], len(hashes)], strict=True)):
            if start < end:
                run = self._run(hashes[start:end].copy(), numbers[start:end].copy())
                self._shards[shard] = self._settled([*self._shards[shard], run])

    @property
    def is_empty(self) -> bool:
        """Whether there is no key at all."""
        return not any(self._shards)

    def numbers(self, hashes: Hashes) -> set[int]:
        """The files that hold any of these keys."""
        wanted = np.unique(hashes)
        edges = np.searchsorted(wanted, _edges())
        found: set[int] = set()
        for shard, (start, end) in enumerate(zip(edges, [*edges[1:], len(wanted)], strict=True)):
            for run in self._shards[shard] if start < end else ():
                found.update(_held(run, wanted[start:end]).tolist())
        return found

    def _settled(self, runs: list[Run]) -> list[Run]:
        while len(runs) > 1 and len(runs[-2].hashes) < GROWTH * len(runs[-1].hashes):
            newer, older = runs.pop(), runs.pop()
            runs.append(self._merged(older, newer))
        return runs

    def _merged(self, older: Run, newer: Run) -> Run:
        hashes = np.concatenate((older.hashes, newer.hashes))
        order = np.argsort(hashes, kind="stable")  # two sorted stretches: timsort merges them in one pass
        return self._run(hashes[order], np.concatenate((older.numbers, newer.numbers))[order])

    def _run(self, hashes: Hashes, numbers: Numbers) -> Run:
        run = Run(hashes, numbers, _filter(hashes))
        return run if len(hashes) < ON_DISK else Run(*map(self._mapped, run))

    def _mapped(self, column: Any) -> Any:  # noqa: ANN401 - an array in, the same array out
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{os.getpid()}-{id(self):x}-{self._written}.npy"
        self._written += 1
        np.save(path, column)
        mapped = np.load(path, mmap_mode="r")
        path.unlink()  # the mapping holds it; nothing is left behind when the process ends, however it ends
        return mapped


def _edges() -> Hashes:
    return np.arange(SHARDS, dtype=np.uint64) << np.uint64(60)


def _held(run: Run, wanted: Hashes) -> Numbers:
    hashes, numbers, filter_ = run
    if len(filter_):
        wanted = wanted[_may_be_in(filter_, wanted)]
    starts = np.searchsorted(hashes, wanted, "left")
    here = hashes.take(starts, mode="clip") == wanted
    if not here.any():
        return numbers[:0]
    starts, wanted = starts[here], wanted[here]
    ends = np.searchsorted(hashes, wanted, "right")
    lengths = ends - starts
    firsts = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return np.unique(numbers[firsts + np.arange(int(lengths.sum()))])


def _filter(hashes: Hashes) -> Bytes:
    if len(hashes) < FILTERED:
        return np.empty(0, dtype=np.uint8)
    size = _BITS << (len(hashes) - 1).bit_length()
    bits = np.zeros(size, dtype=bool)
    bits[hashes & np.uint64(size - 1)] = True
    return np.packbits(bits, bitorder="little")


def _may_be_in(filter_: Bytes, wanted: Hashes) -> NDArray[np.bool_]:
    place = wanted & np.uint64(_BITS * len(filter_) - 1)
    bits = filter_.take(place >> np.uint64(3)) >> (place & np.uint64(7)).astype(np.uint8)
    return (bits & np.uint8(1)).astype(bool)
