"""Which files hold this key, without reading them again?

A file's keys never change, so their hashes are kept, sorted, beside the number of the file. New keys come in as a run of their
own; runs of like size are merged, so that there are few (a log-structured merge tree), and a key is looked up by binary search
in each. Ten thousand keys among a hundred million take tens of milliseconds. Two keys with one hash name a file too many,
which costs its reading and nothing else.
"""

import os
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

SHARDS: Final = 16
"""Keys are dealt out by the highest bits of their hashes, so that a merge touches a part of them at a time."""
GROWTH: Final = 4
"""Two neighbouring runs are merged when the older one is not so many times larger."""
ON_DISK: Final = 1 << 20
"""Runs of more keys than this lie in a file, which the system maps into memory as it is used."""

Hashes: TypeAlias = NDArray[np.uint64]
Numbers: TypeAlias = NDArray[np.int32]
Run: TypeAlias = tuple[Hashes, Numbers]


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
                self._shards[shard] = self._settled(
                    [*self._shards[shard], (hashes[start:end].copy(), numbers[start:end].copy())]
                )

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
        while len(runs) > 1 and len(runs[-2][0]) < GROWTH * len(runs[-1][0]):
            newer, older = runs.pop(), runs.pop()
            runs.append(self._merged(older, newer))
        return runs

    def _merged(self, older: Run, newer: Run) -> Run:
        hashes = np.concatenate((older[0], newer[0]))
        order = np.argsort(hashes, kind="stable")  # two sorted stretches: timsort merges them in one pass
        hashes, numbers = hashes[order], np.concatenate((older[1], newer[1]))[order]
        if len(hashes) < ON_DISK:
            return hashes, numbers
        return self._mapped(hashes), self._mapped(numbers)

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
    hashes, numbers = run
    starts = np.searchsorted(hashes, wanted, "left")
    here = hashes.take(starts, mode="clip") == wanted
    if not here.any():
        return numbers[:0]
    starts, wanted = starts[here], wanted[here]
    ends = np.searchsorted(hashes, wanted, "right")
    lengths = ends - starts
    firsts = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return np.unique(numbers[firsts + np.arange(int(lengths.sum()))])
