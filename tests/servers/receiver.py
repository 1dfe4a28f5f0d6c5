"""A real HTTP receiver for tests: it keeps what it is sent, and answers as it is told."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple

from listening import listening


class Received(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """What came, and what is answered next: `answers` in order, then 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        self.url = ""


def told(received: Iterable[Received]) -> list[str]:
    """The events that somebody hears who knows a notice again by its id, in order."""
    events: dict[str, str] = {}
    for came in received:
        event = json.loads(came.body)
        events.setdefault(event["id"], event["data"]["event"])
    return list(events.values())


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for the time of the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with listening(Handler) as receiver.url:
        yield receiver
