"""A real PostgreSQL for tests: who starts it, where is it, and how does each test get a database of its own?

One server a session, in a folder of its own, on a Unix socket alone, so that no port can be taken. A test's database is
copied from a template whose tables are made already. The server writes without `fsync`: tests kill processes, not machines.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

INSTALLED: Final = Path("/usr/lib/postgresql")
_START_WITHIN_S: Final = 60.0
_QUICK: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_TEMPLATE: Final = "with_tables"


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs; None where there is none."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = [path.parent for path in INSTALLED.glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


class Server:
    """A running server.

    Args:
        folder: of its socket.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, database: str) -> str:
        """How a store reaches one of its databases."""
        return f"postgresql+psycopg://segue@/{database}?host={self._folder}"

    def ask(self, statement: str | sql.Composed, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement, as the server's owner; its rows."""
        with psycopg.connect(host=str(self._folder), user="segue", dbname=database, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def make_template(self) -> None:
        """Let `open_store` make its tables once, in a database that the tests' databases are copied from."""
        from segue.adapters.stores.store import open_store

        self.ask(f"CREATE DATABASE {_TEMPLATE}")
        open_store(self.url(_TEMPLATE)).close()

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """A new database for the time of the block; its name."""
        name = f"t{secrets.token_hex(6)}"
        self.ask(f"CREATE DATABASE {name}" + ("" if empty else f" TEMPLATE {_TEMPLATE}"))
        try:
            yield name
        finally:
            self.ask(f"DROP DATABASE {name} WITH (FORCE)")

    def cut(self, database: str) -> int:
        """End every connection to a database, in the middle of whatever it does; how many there were."""
        query = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(database)
        return len(self.ask(query))


@contextmanager
def running(binaries: Path) -> Iterator[Server]:
    """A server for the time of the block; nothing of it is left behind."""
    folder = Path(tempfile.mkdtemp(prefix="segue-postgres-"))
    owner = _owner()
    try:
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        who = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        make = [
            binaries / "initdb",
            "-D",
            folder / "data",
            "-U",
            "segue",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]
        settings = [word for it in ("listen_addresses=", f"unix_socket_directories={folder}", *_QUICK) for word in ("-c", it)]
        serve = [binaries / "postgres", "-D", folder / "data", *settings]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(serve, stdout=log, stderr=log, cwd=folder, **who)  # type: ignore[call-overload]
        try:
            yield _ready(Server(folder), folder)
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nobody needs the data any more
            process.wait(_START_WITHIN_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; Debian's package made a user for it."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def _ready(server: Server, folder: Path) -> Server:
    deadline = time.monotonic() + _START_WITHIN_S
    while True:
        try:
            server.ask("SELECT 1")
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise AssertionError((folder / "log").read_text()) from None
            time.sleep(0.02)
        else:
            server.make_template()
            return server
