"""Does the gateway's memory stay flat while everything behind it has stalled?"""

import resource
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.rig.figures import Figure, at_most, seen
from bench.rig.machine import rss_bytes
from bench.rig.open_loop import Caller
from bench.rig.segue import gateway, setting

_IDLE: Final = 1000
_RATE: Final = 1000.0
_TAKEN: Final = 512
_SLICE_S: Final = 5.0


@contextmanager
def _stalled() -> Iterator[int]:
    """A server that takes every connection and says nothing; its port."""
    taken: deque[socket.socket] = deque()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return  # closed: it is over
                if len(taken) > _TAKEN:
                    taken.popleft().close()  # the gateway has left it long ago: its pool is smaller than that

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for sock in taken:
        sock.close()


class _Idlers:
    """Connections that do nothing, but show now and then that they are alive, so that the gateway keeps them."""

    def __init__(self, port: int) -> None:
        self._socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(_IDLE)]

    def show(self) -> None:
        """Ask for next to nothing."""
        for sock in self._socks:
            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        for sock in self._socks:
            if not sock.recv(4096):
                raise RuntimeError("the gateway has closed a connection that was used lately")

    def close(self) -> None:
        """End them."""
        for sock in self._socks:
            sock.close()


def memory(folder: Path, ports: tuple[int, int], *, seconds: float) -> Iterator[Figure]:
    """Growth of the resident memory from the first half (its start left out) to the second.

    Nobody ships, so the lake is as good as stalled; the shadow never answers.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (8 * _IDLE, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with _stalled() as shadow, gateway(setting(folder / "home", (ports[0], shadow), shadow=True)) as (port, pid):
        caller, idlers = Caller(port, _RATE), _Idlers(port)  # `select` takes no epoll's number above 1023
        sizes = []
        for number in range(round(seconds / _SLICE_S)):
            if number % 6 == 0:
                idlers.show()
            caller.run(_SLICE_S)
            sizes.append(rss_bytes(pid))
        caller.close()
        idlers.close()
    half = len(sizes) // 2
    begin = max(sizes[half // 2 : half])
    case = f"{seconds:g} s at {_RATE:g} requests/s, lake and shadow stalled, {_IDLE} idle connections"
    yield seen(f"resident memory, {case}", sizes[-1] / 2**20, "MiB")
    yield at_most(f"resident memory over {seconds:g} s, second half over first", max(sizes[half:]) / begin, 1.02)
