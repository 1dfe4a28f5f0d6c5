"""Which options do many commands share?"""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter, validators

from segue.errors import NotFound
from segue.http.limits import LAST_PORT
from segue.ports.span import Span

if TYPE_CHECKING:
    from segue.api.desk import Desk
    from segue.api.doing.models import ModelDesk
    from segue.api.doing.people import PeopleDesk
    from segue.api.remote import RemoteDesk

A_PORT: Final = validators.Number(gte=0, lte=LAST_PORT)
HomeFolder = Annotated[
    Path | None,
    Parameter(name="--home", help="Folder of the installation (SEGUE_HOME, or .segue here).", show_default=False),
]
Server = Annotated[
    str,
    Parameter(
        name="--server",
        help="Ask this `segue api` (SEGUE_SERVER; its token from SEGUE_TOKEN) instead of the store.",
        show_default=False,
    ),
]
Dry = Annotated[bool, Parameter(name="--dry-run", negative="", help="Say what would be done, and do nothing.")]
Reason = Annotated[str, Parameter(name="--reason", help="Why; kept in the record.")]
Engine = Annotated[
    str, Parameter(name="--engine", help="Who measures: a Spark cluster, `spark://host:7077`, where this machine is too small.")
]
RouteName = Annotated[str, Parameter(help="A route, by its name.")]
RolloutName = Annotated[str, Parameter(help="A rollout, or a route for its newest one.")]
ModelName = Annotated[str, Parameter(help="A model, as `models:/MODEL/VERSION` has it in rollout files.")]
VersionName = Annotated[str, Parameter(help="A version of it, as `models:/MODEL/VERSION` has it: a number from 1.")]
SpecFile = Annotated[Path, Parameter(name=["--file", "-f"], help="The rollout's YAML file; `-f -`: the standard input.")]


def who() -> str:
    """Who is asking, for the record."""
    return os.environ.get("SEGUE_USER") or getpass.getuser()


@contextmanager
def models_at(home: Path | None, server: str) -> "Iterator[ModelDesk | RemoteDesk]":
    """Where the registry is asked about: at a server if one is named, else at the installation's own."""
    remote = _remote(server)
    if remote is not None:
        yield remote
        return
    from segue.api.opening import models_at_hand
    from segue.wiring import home_at

    with models_at_hand(home_at(home), who()) as desk:
        yield desk


@contextmanager
def people_at(home: Path | None, server: str) -> "Iterator[PeopleDesk | RemoteDesk]":
    """Where tokens, keys and the audit log are: at a server if one is named, else in the installation's own store."""
    remote = _remote(server)
    if remote is not None:
        yield remote
        return
    from segue.api.opening import people_at_hand
    from segue.wiring import home_at

    with people_at_hand(home_at(home), who()) as desk:
        yield desk


def _remote(server: str) -> "RemoteDesk | None":
    address = server or os.environ.get("SEGUE_SERVER", "")
    if not address:
        return None
    from segue.api.remote import RemoteDesk

    return RemoteDesk(address, os.environ.get("SEGUE_TOKEN", ""), who())


@contextmanager
def desk_at(home: Path | None, server: str) -> "Iterator[Desk | RemoteDesk]":
    """Where rollouts are asked about: at a server if one is named, else at the installation's own store."""
    remote = _remote(server)
    if remote is not None:
        yield remote
        return
    from segue.api.opening import desk_of
    from segue.wiring import home_at

    with desk_of(home_at(home), who()) as desk:
        try:
            yield desk
        except NotFound as error:
            if desk.rollouts(span=Span(most=1)):
                raise
            # Nothing is there at all: mostly another terminal's folder is meant, so say which home was looked into.
            raise NotFound(error.message, hint=f"{error.hint}; {looked_into(home, server)}", **error.ids) from error


def looked_into(home: Path | None, server: str) -> str:
    """Where a command has looked, to be said where it found nothing: mostly somewhere else is meant."""
    from segue.wiring import STORE, home_at

    address = server or os.environ.get("SEGUE_SERVER", "")
    if address:
        return f"asked {address}"
    return "looked into the store that SEGUE_STORE names" if os.environ.get(STORE) else f"looked into {home_at(home).folder}"
