"""How long does an answer take when requests come at their own pace, whether or not the ones before were answered?

A client of our own: wrk waits for answers before it asks again, and event loops count time in milliseconds, which is more
than what is measured here. This one sleeps in `select`, whose time-out counts in microseconds, on an epoll, which takes as many
connections as a server that has fallen behind needs. A request's time begins when it was due, not when it was sent, so a pause
of the server is not left out.
"""

import random
import select
import socket
import time
from typing import Final

from bench.rig.load import BODY, TARGET

_END: Final = b"\r\n\r\n"


class Caller:
    """Asks one port at a steady pace; connections are opened as they are needed and kept.

    Args:
        port: of whom to ask.
        rate: requests per second.
        dice: makes each gap half to three halves of the mean one; nothing that has a period keeps step with such requests.
    """

    def __init__(self, port: int, rate: float, dice: random.Random | None = None) -> None:
        self._port = port
        self._gap_s = 1.0 / rate
        self._dice = dice
        self._ready = select.epoll()
        self._opened: dict[int, socket.socket] = {}
        self._idle: list[socket.socket] = []
        self._due_s: dict[socket.socket, float] = {}
        self._came: dict[socket.socket, bytes] = {}
        self._asked = 0

    def run(self, seconds: float) -> list[float]:
        """Ask for so long.

        Returns:
            Seconds from due to answered, one for each request, sorted.

        Raises:
            RuntimeError: an answer was none, or did not come.
        """
        took_s: list[float] = []
        due_s = time.monotonic()
        ends_s = due_s + seconds
        while due_s < ends_s or self._due_s:
            now_s = time.monotonic()
            if due_s < ends_s and now_s >= due_s:
                self._ask(due_s)
                due_s += self._gap_s * (self._dice.uniform(0.5, 1.5) if self._dice else 1.0)
                continue
            wait_s = due_s - now_s if due_s < ends_s else 5.0
            if not select.select([self._ready], [], [], wait_s)[0]:
                if due_s >= ends_s:
                    raise RuntimeError(f"{len(self._due_s)} answers did not come")
                continue
            for number, _ in self._ready.poll(0):
                sock = self._opened[number]
                if sock not in self._due_s:
                    self._forget(sock)  # the gateway has closed it, because it was idle for too long
                elif (asked_s := self._read(sock)) is not None:
                    took_s.append(time.monotonic() - asked_s)
        return sorted(took_s)

    def close(self) -> None:
        """Close all connections."""
        for sock in self._opened.values():
            sock.close()
        self._ready.close()

    def _ask(self, due_s: float) -> None:
        self._asked += 1
        head = f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nX-User-Id: user-{self._asked % 100_000}\r\n"
        sock = self._kept() or self._open()
        self._due_s[sock], self._came[sock] = due_s, b""
        sock.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode())

    def _kept(self) -> socket.socket | None:
        """The connection used last that the gateway has not closed meanwhile."""
        while self._idle:
            sock = self._idle[-1]
            try:
                sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return self._idle.pop()
            self._forget(sock)
        return None

    def _forget(self, sock: socket.socket) -> None:
        self._idle.remove(sock)
        del self._opened[sock.fileno()]
        sock.close()

    def _open(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._opened[sock.fileno()] = sock
        self._ready.register(sock, select.EPOLLIN)
        return sock

    def _read(self, sock: socket.socket) -> float | None:
        """When the request was due, if its answer is whole now."""
        piece = sock.recv(65536)
        if not piece:
            raise RuntimeError("the connection was closed before the answer")
        data = self._came[sock] = self._came[sock] + piece
        head, end, body = data.partition(_END)
        if end and not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode("latin-1"))
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not end or len(body) < int(length):
            return None
        self._idle.append(sock)
        return self._due_s.pop(sock)
