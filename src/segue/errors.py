"""What went wrong, named by what to do next?

```
SegueError            carries ids, a hint, and a status for the shell
  SpecError           you wrote something we cannot run   -> fix the file
  DomainError         an argument outside its domain      -> the caller's bug; also a ValueError
  TransitionError     the table has no such move          -> nothing changed
  PortError           something outside did not do its part
    Unavailable         it did not answer                 -> hold, retry within bounds
    Conflict            somebody else was faster          -> reload, decide again
    Refused             it said no                        -> tell a person
    NotFound            it has no such thing              -> name the nearest one it has
  InvariantError      our own bug                         -> stop moving, keep serving the champion
```

Thin, late or missing data is a value (`facts.evidence.NotEnough`), never an error.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

import msgspec


def near_miss(name: str, valid: Iterable[str]) -> str:
    """A hint that names the nearest valid name, or "" where none is near.

    >>> near_miss("strateggy", ["name", "strategy"]), near_miss("x", ["name"])
    ('did you mean `strategy`?', '')
    """
    found = get_close_matches(name[:100], list(valid), n=1)
    return f"did you mean `{found[0]}`?" if found else ""


class SegueError(Exception):
    """Something that a person or a program has to react to.

    Args:
        message: what happened, with the numbers of the case.
        hint: what to do next, or "".
        ids: the things concerned, by kind (`rollout="r-1"`).
    """

    status: ClassVar[int] = 1  # exit status of the shell, see the CLI's table

    def __init__(self, message: str, *, hint: str = "", **ids: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.ids = ids

    def __str__(self) -> str:
        about = ", ".join(f"{kind} {value}" for kind, value in self.ids.items())
        return self.message + (f" ({about})" if about else "") + (f"\n  hint: {self.hint}" if self.hint else "")


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong in a file, and where.

    Args:
        line: from 1; 0 where the problem is that something is missing from the whole file.
        column: from 1.
        path: where in the document, dotted (`stages[0].sample`); "" for the whole file.
        message: what is wrong.
        hint: the nearest valid name or the likely meanings, or "".
    """

    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        return f"{self.line}:{self.column}: {path}{self.message}" + (f" ({self.hint})" if self.hint else "")


class SpecError(SegueError):
    """A spec that cannot run; all its problems at once, in the order of the file."""

    def __init__(self, message: str, problems: Iterable[Problem] = (), *, hint: str = "", **ids: str | int) -> None:
        super().__init__(message, hint=hint, **ids)
        self.problems = tuple(sorted(problems))

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {problem}" for problem in self.problems)])


class DomainError(SegueError, ValueError):
    """An argument outside its stated domain: the caller's bug."""


class TransitionError(SegueError):
    """A move that the table does not have; nothing has changed."""

    status: ClassVar[int] = 7


class PortError(SegueError):
    """Something outside did not do its part."""


class Unavailable(PortError):  # noqa: N818 - named by what the catcher does: hold and retry
    """It did not answer: hold, and retry within bounds."""

    status: ClassVar[int] = 4


class Conflict(PortError):  # noqa: N818 - named by what the catcher does: reload and decide again
    """Somebody else was faster: reload, and decide again."""

    status: ClassVar[int] = 7


class Refused(PortError):  # noqa: N818 - named by what the catcher does: tell a person
    """It said no: tell a person."""

    status: ClassVar[int] = 6


class NotFound(PortError):  # noqa: N818 - named by what the catcher does: name the nearest
    """It has no such thing."""

    status: ClassVar[int] = 5


class InvariantError(SegueError):
    """Our own bug: stop moving, keep serving the champion."""
