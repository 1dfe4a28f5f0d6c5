"""Who holds the sockets that callers connect to, so that none is ever closed while somebody waits in it?

The kernel deals new connections out to all sockets that listen on the port (`SO_REUSEPORT`), and resets what waits in one
when its last descriptor is closed. So the supervisor binds a socket for each worker, and never closes it: a worker inherits
its own, its successor inherits the same one, and what waits in it is accepted by whoever comes next. A new supervisor on the
same port and home asks the old one for its sockets (`SCM_RIGHTS`, over a Unix socket in the home), with the same effect, and
says on the same connection when it serves: then the old one ends. One that dies before that has changed nothing.
Sockets that are more than workers are shared out among them.
"""

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from segue.errors import Refused

_FREE_WITHIN_S: Final = 10.0
_ANSWER_WITHIN_S: Final = 5.0
_AT_MOST: Final = 253  # descriptors in one message, the kernel's SCM_MAX_FD
_SERVES: Final = b"1"
_Info = tuple[socket.AddressFamily, tuple[str, int]]


class Sockets:
    """The sockets of one port.

    Args:
        address, port: where callers connect; port 0 is any free one.
        workers: how many share them.
        folder: of the Unix socket at which a successor asks for them; only we may write to it.

    To read: `port`; `taken_over`, whether another gateway served on them and may still do so; `succeeded`, whether a
    successor serves on them.

    Raises:
        Refused: somebody else has the port, or the gateway that has it listens elsewhere.
    """

    def __init__(self, address: str, port: int, workers: int, folder: Path) -> None:
        self._workers = workers
        self._predecessor: socket.socket | None = None
        self._successors: list[socket.socket] = []
        self._sockets = self._asked(address, port, folder) if port else []
        self.taken_over = bool(self._sockets)
        self.succeeded = False
        self._bind_missing(address, port)
        self.port = int(self._sockets[0].getsockname()[1])
        self._door = _door(folder, self.port)
        # One who gets ready may yet fail: until then, whoever asks is to find the one who serves.
        self._offer = None if self.taken_over else _offered(self._door)

    runs: Final = False

    def of(self, slot: int) -> list[int]:
        """File descriptors for the worker in this slot."""
        return [each.fileno() for each in self._sockets[slot :: self._workers]]

    def end(self) -> None:
        """Let go of them: those who serve on them have their own descriptors, and nothing waits in one that nobody looks at."""
        self.relieve(serving=False)
        for each in (*self._sockets, *self._successors):
            each.close()
        if self._offer is not None:
            self._offer.close()

    def kill(self) -> None:
        """Nothing is left."""

    def look(self) -> None:
        """Give them to a successor that has asked, and hear whether it serves; called now and then."""
        self._successors = [each for each in self._successors if self._waits(each)]
        while self._offer is not None:
            try:
                asker, _ = self._offer.accept()
            except BlockingIOError:
                return
            try:
                socket.send_fds(asker, [b"sockets"], [each.fileno() for each in self._sockets])
                asker.settimeout(0)
                self._successors.append(asker)
            except OSError:
                asker.close()  # it has gone again

    def relieve(self, *, serving: bool = True) -> None:
        """Tell the gateway before us that we serve, so that it ends; or that we never will, so that it stays."""
        predecessor, self._predecessor = self._predecessor, None
        if predecessor is None:
            return
        with predecessor:
            if serving:
                self._offer = _offered(self._door)
                with contextlib.suppress(OSError):  # it has ended already
                    predecessor.send(_SERVES)

    def _waits(self, successor: socket.socket) -> bool:
        """Whether a successor is still getting ready."""
        try:
            said = successor.recv(len(_SERVES))
        except BlockingIOError:
            return True
        except OSError:
            said = b""
        successor.close()
        self.succeeded = self.succeeded or said == _SERVES
        return False

    def _asked(self, address: str, port: int, folder: Path) -> list[socket.socket]:
        """Those of a gateway that serves here now; none where there is none, as soon as the port is free."""
        wanted = set(_infos(address, port))
        ends_s = time.monotonic() + _FREE_WITHIN_S
        while not (found := self._of_predecessor(_door(folder, port))):
            try:
                for info in wanted:
                    _bound(info, shared=False).close()
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > ends_s:
                    raise _refused(address, port, error.strerror) from error
                time.sleep(0.1)
            else:
                return []
        there = {_info(each) for each in found}
        if there - wanted:
            for each in found:
                each.close()
            self.relieve(serving=False)
            named = ", ".join(sorted(f"{host}:{number}" for _, (host, number) in there))
            raise Refused(f"the gateway that runs here listens at {named}", hint="end it first, or use its address")
        return found

    def _of_predecessor(self, door: Path) -> list[socket.socket]:
        asking = socket.socket(socket.AF_UNIX)
        found = _received(asking, door)
        if found:
            self._predecessor = asking
        else:
            asking.close()
        return found

    def _bind_missing(self, address: str, port: int) -> None:
        """One for each worker and address, those of one address beside one another, so that a slot gets one of each."""
        sockets: list[socket.socket] = []
        for info in _infos(address, port):
            there = [each for each in self._sockets if _info(each) == info]
            while len(there) < self._workers:
                family, (host, number) = info
                number = number or (there[0].getsockname()[1] if there else 0)
                there.append(_bound((family, (host, number)), shared=True))
            sockets += there
        self._sockets = sockets


# -- those of the gateway before us ------------------------------------------------------------------------------------------


def _refused(address: str, port: int, why: str | None) -> Refused:
    return Refused(f"nobody can listen at {address}:{port}: {why}", hint="another --port, or --address")


def _received(asking: socket.socket, door: Path) -> list[socket.socket]:
    """The sockets that the other side of the door holds; none where there is nobody."""
    asking.settimeout(_ANSWER_WITHIN_S)
    try:
        _at(door, asking.connect)
        _, numbers, _, _ = socket.recv_fds(asking, 16, _AT_MOST)
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
        return []  # nobody, or somebody who has just ended
    except TimeoutError as error:
        raise Refused("the gateway that runs here does not hand over its port", hint="end it first") from error
    return [socket.socket(fileno=number) for number in numbers]


def _offered(door: Path) -> socket.socket:
    offer = socket.socket(socket.AF_UNIX)
    door.unlink(missing_ok=True)
    _at(door, offer.bind)
    door.chmod(0o600)
    offer.listen()
    offer.settimeout(0)
    return offer


def _door(folder: Path, port: int) -> Path:
    return folder / f"gateway-{port}.sock"


def _at(file: Path, use: Callable[[str], None]) -> None:
    """Bind or connect: a Unix socket's name holds 107 bytes, and through the folder's descriptor a long path is short."""
    folder = os.open(file.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        use(f"/proc/self/fd/{folder}/{file.name}")
    finally:
        os.close(folder)


# -- addresses ---------------------------------------------------------------------------------------------------------------


def _infos(address: str, port: int) -> list[_Info]:
    """Families and addresses that a name stands for, each once."""
    found = socket.getaddrinfo(address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((info[0], (str(info[4][0]), int(info[4][1]))) for info in found))


def _info(bound: socket.socket) -> _Info:
    return bound.family, bound.getsockname()[:2]


def _bound(info: _Info, *, shared: bool) -> socket.socket:
    """Bound, not listening: a caller is refused until a worker serves."""
    family, where = info
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(where)
    except OSError:
        made.close()
        raise
    return made
