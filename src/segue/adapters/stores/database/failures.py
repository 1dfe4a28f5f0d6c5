"""What does a database's error ask the caller to do?

The one place that knows: every error of SQLAlchemy that leaves a store is a `PortError`. Which one follows from the class
of the DBAPI (PEP 249), and where two meanings share a class, from the vendor's own code: the SQLSTATE of PostgreSQL, the
extended result code of SQLite.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Final

from sqlalchemy import exc

from segue.errors import Conflict, NotFound, PortError, Refused, Unavailable

_BY_CODE: Final[tuple[tuple[str, type[PortError]], ...]] = (
    ("SQLITE_CONSTRAINT_FOREIGNKEY", NotFound),
    ("23503", NotFound),  # foreign_key_violation
    ("40", Conflict),  # transaction_rollback: serialization_failure, deadlock_detected
    ("42501", Refused),  # insufficient_privilege
    ("28", Refused),  # invalid_authorization_specification
    ("SQLITE_READONLY", Refused),
    ("SQLITE_PERM", Refused),
    ("SQLITE_AUTH", Refused),
    ("SQLITE_NOTADB", Refused),
    ("SQLITE_CORRUPT", Refused),
    ("SQLITE_ERROR", Refused),  # what is a ProgrammingError elsewhere, such as a missing table
)

BY_CLASS: Final[dict[type[exc.DBAPIError], type[PortError]]] = {
    exc.IntegrityError: Conflict,  # a unique key: somebody else was faster
    exc.OperationalError: Unavailable,  # locked, lost, out of space: it may work later
    exc.InterfaceError: Unavailable,
    exc.InternalError: Unavailable,
    exc.DatabaseError: Unavailable,
    exc.ProgrammingError: Refused,  # no such table: a person has to look
    exc.NotSupportedError: Refused,
    exc.DataError: Refused,
    exc.DBAPIError: Unavailable,
}


def translate(error: exc.SQLAlchemyError) -> PortError:
    """The port's error for one of SQLAlchemy's."""
    if not isinstance(error, exc.DBAPIError):
        waited = isinstance(error, exc.TimeoutError)  # no connection was free; anything else is a wrong use
        return (Unavailable if waited else Refused)(f"the store failed: {error}")
    code = _code(error)
    by_code = (kind for prefix, kind in _BY_CODE if code.startswith(prefix))
    by_class = (BY_CLASS[kind] for kind in type(error).__mro__ if kind in BY_CLASS)
    kind: type[PortError] = next(by_code, None) or next(by_class)
    return kind(f"the store failed: {error.orig}" + (f" [{code}]" if code else ""))


def _code(error: exc.DBAPIError) -> str:
    original = error.orig
    return str(getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None) or "")


@contextmanager
def translated() -> Iterator[None]:
    """Turns what SQLAlchemy raises inside into the port's errors."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise translate(error) from error


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint that names the nearest valid name, or "".

    >>> nearest("chrun", ["churn", "delay"])
    'did you mean churn?'
    """
    close = get_close_matches(name, sorted(names), n=1)
    return f"did you mean {close[0]}?" if close else ""
