"""At which looks of a stretch may something move? Few of thousands, and `decide` is asked only there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from segue.decide.questions import Asked
from segue.facts.question import Question
from segue.spec.gate import Alternatives

Truths = NDArray[np.bool_]
_LONGEST_PAUSE: Final = 24
"""Looks until a rollout that only an audit holds is asked again, once it has been held for long: a day, by the hour."""


def both(asked: Asked) -> tuple[Question, ...]:
    """What a gate asks, and what would do instead."""
    return (asked.question,) if asked.instead is None else (asked.question, asked.instead)


def passed(shown: Mapping[str, Truths], groups: Sequence[Alternatives], looks: int) -> Truths:
    """For each look, whether a candidate has all gates, of alternatives one; a gate that nobody asks is had.

    Args:
        shown: path of a gate -> for each look whether it has been shown by then.
        groups: of the stage.
        looks: how many there are.

    >>> never, late = np.array([False, False]), np.array([False, True])
    >>> passed({"a": late, "b": never}, (), 2).tolist(), passed({"a": late, "b": never}, ((("a",), ("b",)),), 2).tolist()
    ([False, False], [False, True])
    """
    found = np.ones(looks, dtype=bool)
    grouped = {path for group in groups for alternative in group for path in alternative}
    for gate, over in shown.items():
        if gate not in grouped:
            found &= over
    for group in groups:
        whole = [[shown[path] for path in alternative if path in shown] for alternative in group]
        found &= np.any([np.all(gates, axis=0) if gates else np.ones(looks, dtype=bool) for gates in whole], axis=0)
    return found


def thinned(places: Sequence[int]) -> Iterator[int]:
    """The first place, the one after it, then every 2nd, 4th... up to a day: whom an audit holds, it mostly holds for long."""
    at, pause = 0, 1
    while at < len(places):
        yield places[at]
        at, pause = at + pause, min(2 * pause, _LONGEST_PAUSE)
