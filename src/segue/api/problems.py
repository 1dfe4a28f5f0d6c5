"""What does a caller hear when something went wrong? One shape for all of it: problem details (RFC 9457)."""

import logging
from typing import Final

import msgspec

from segue.api.access import Unknown
from segue.errors import (
    Conflict,
    DomainError,
    InvariantError,
    NotFound,
    Problem,
    Refused,
    SegueError,
    SpecError,
    TransitionError,
    Unavailable,
)

log: Final = logging.getLogger("segue.api")
MEDIA: Final = "application/problem+json"
_PREFIX: Final = "urn:segue:problem:"


class Stale(Conflict):
    """What `If-Match` names is not in force any more."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details: what went wrong, and what to do next.

    Args:
        type: `urn:segue:problem:` and the kind, for programs.
        title: the kind, for people.
        status: of HTTP.
        detail: what happened, with the numbers of the case.
        hint: what to do next, or "".
        ids: the things concerned, by kind.
        problems: of a rollout file: everything that is wrong with it.
    """

    type: str
    title: str
    status: int
    detail: str
    hint: str = ""
    ids: dict[str, str | int] = {}
    problems: list[Problem] = []


_KINDS: Final[tuple[tuple[type[SegueError], str, int, str], ...]] = (
    (Unknown, "unknown-caller", 401, "Nobody knows who asks"),
    (SpecError, "spec", 422, "The rollout file cannot run"),
    (Stale, "stale", 412, "It has changed since"),
    (TransitionError, "transition", 409, "No such move from here"),
    (Conflict, "conflict", 409, "Somebody else was faster"),
    (NotFound, "not-found", 404, "There is no such thing"),
    (Refused, "refused", 403, "Not allowed"),
    (Unavailable, "unavailable", 503, "Something behind it does not answer"),
    (InvariantError, "bug", 500, "A bug of Segue"),
    (DomainError, "request", 400, "The request is not right"),
)
_BY_STATUS: Final = {405: "method", 413: "too-large", 415: "media-type"}


def trouble(error: Exception) -> Trouble:
    """An error as a caller hears it; one that nobody foresaw is logged, and says nothing of itself."""
    for kind, name, status, title in _KINDS:
        if isinstance(error, kind):
            return Trouble(
                type=_PREFIX + name,
                title=title,
                status=status,
                detail=error.message,
                hint=error.hint,
                ids=dict(error.ids),
                problems=list(error.problems) if isinstance(error, SpecError) else [],
            )
    log.critical("a request failed: %s", error, exc_info=error)
    return Trouble(
        type=_PREFIX + "bug", title="A bug of Segue", status=500, detail="this should not have happened; see the log"
    )


def of_status(status: int, detail: str) -> Trouble:
    """What HTTP itself has to say: no such path, no such method, too much, another form.

    >>> of_status(405, "GET only").type
    'urn:segue:problem:method'
    """
    name = "not-found" if status == 404 else _BY_STATUS.get(status, "request")
    hint = "GET /openapi.json says what there is" if status in {404, 405} else ""
    return Trouble(type=_PREFIX + name, title=detail, status=status, detail=detail, hint=hint)


def error_of(said: Trouble) -> SegueError:
    """The error that a server told, as it would have been raised here.

    >>> type(error_of(trouble(NotFound("no"))))
    <class 'segue.errors.NotFound'>
    """
    kind = next((kind for kind, name, _, _ in _KINDS if said.type == _PREFIX + name), Refused)
    if issubclass(kind, SpecError):
        return SpecError(said.detail, said.problems, hint=said.hint, **said.ids)
    return kind(said.detail, hint=said.hint, **said.ids)
