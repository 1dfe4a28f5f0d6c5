"""How does one model version answer over HTTP?

`POST /v2/models/{model}[/versions/{version}]/infer`, and `GET` of `/v2`, `/v2/health/live`, `/v2/health/ready`,
`/v2/models/{model}[/versions/{version}][/ready]`. A bad request is a 4xx, a model that raises is a 500, both as
`{"error": text}`; where it raised goes to the log, and nothing of a body does.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

import msgspec

from segue import __version__
from segue.errors import DomainError
from segue.host.model import Model
from segue.host.v2 import Answered, BadRequest, outputs_of, read_request, refuse_binary, write_answer, write_error
from segue.http.exchange import Exchange
from segue.http.message import Block, block, first
from segue.ids import RequestIds
from segue.ports.registry import ModelVersion

log: Final = logging.getLogger("segue.host")
Answer: TypeAlias = tuple[int, bytes]
"""Status and body."""

_JSON: Final = block([(b"content-type", b"application/json")])
_LOG_EVERY_S: Final = 10.0


class Service:
    """Answers the requests for one model version.

    Args:
        ids: for requests that bring none.
        threads: predictions at a time; 1 runs them on the event loop, which is fastest for a model that does not wait.
    """

    def __init__(self, model: Model, version: ModelVersion, *, ids: RequestIds, threads: int = 1) -> None:
        self.ready = True
        self._model = model
        self._version = version
        self._ids = ids
        self._failures = _Failures(version)
        self._threads = ThreadPoolExecutor(threads, "predict") if threads > 1 else None
        name, number = quote(version.model, safe=""), quote(version.version, safe="")
        bases = (f"/v2/models/{name}", f"/v2/models/{name}/versions/{number}")
        self._infer = frozenset(f"{base}/infer".encode() for base in bases)
        self._pages: dict[bytes, Callable[[], Answer]] = {
            b"/v2": self._about_server,
            b"/v2/health/live": lambda: (200, b'{"live":true}'),
            b"/v2/health/ready": lambda: self._readiness({"ready": self.ready}),
            **{base.encode(): self._about_model for base in bases},
            **{f"{base}/ready".encode(): self._model_readiness for base in bases},
        }

    def handle(self, exchange: Exchange) -> None:
        """Answer one request: now, or when a thread has."""
        target = exchange.target
        if target not in self._infer and target not in self._pages:
            target = _normal(target)
        if target in self._infer:
            if exchange.method != b"POST":
                exchange.respond(405, _allow(b"POST"), write_error("inference takes POST"))
            elif self._threads is None:
                status, body = self.infer(exchange)
                exchange.respond(status, _JSON, body)
            else:
                self._infer_aside(exchange, self._threads)
        elif target not in self._pages:
            exchange.respond(404, _JSON, self._not_here(target))
        elif exchange.method not in {b"GET", b"HEAD"}:
            exchange.respond(405, _allow(b"GET"), write_error("this path takes GET"))
        else:
            status, body = self._pages[target]()
            exchange.respond(status, _JSON, body)

    def infer(self, request: Exchange) -> Answer:
        """One inference; never raises."""
        try:
            refuse_binary(first(request.headers, b"content-type"), first(request.headers, b"inference-header-content-length"))
            return 200, self.predict(request.body)
        except BadRequest as error:
            return error.http_status, write_error(error.message)
        except Exception as error:  # noqa: BLE001 - whatever a model raises is an answer, not our end
            self._failures.note(error)
            return 500, write_error(f"model {self._version.model} version {self._version.version} failed: {_kind(error)}")

    def predict(self, body: bytes) -> bytes:
        """An inference's answer from its request's body.

        Raises:
            BadRequest: a request that the model has no answer to.
            Exception: whatever the model raises, or DomainError where it broke its contract.
        """
        asked = read_request(body)
        self._model.check(asked)
        try:
            returned = self._model.predict(asked.columns)
        except DomainError as error:  # the model says that its input is wrong
            raise error if isinstance(error, BadRequest) else BadRequest(error.message) from None
        answered = Answered(
            model_name=self._version.model,
            model_version=self._version.version,
            id=asked.id or self._ids.next(),
            outputs=outputs_of(asked, returned, self._model.outputs),
        )
        return write_answer(answered)

    def close(self) -> None:
        """End the threads, when nothing is in hand any more."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _infer_aside(self, exchange: Exchange, threads: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()

        def answer(done: "Future[Answer]") -> None:
            if not done.cancelled() and not loop.is_closed():
                status, body = done.result()
                loop.call_soon_threadsafe(exchange.respond, status, _JSON, body)

        threads.submit(self.infer, exchange).add_done_callback(answer)

    def _about_server(self) -> Answer:
        return 200, msgspec.json.encode({"name": "segue-host", "version": __version__, "extensions": []})

    def _about_model(self) -> Answer:
        about = {
            "name": self._version.model,
            "versions": [self._version.version],
            "platform": self._model.platform,
            "inputs": self._model.inputs,
            "outputs": tuple(self._model.outputs.values()),
        }
        return 200, msgspec.json.encode(about)

    def _model_readiness(self) -> Answer:
        return self._readiness({"name": self._version.model, "ready": self.ready})

    def _readiness(self, body: dict[str, object]) -> Answer:
        return (200 if self.ready else 503), msgspec.json.encode(body)

    def _not_here(self, target: bytes) -> bytes:
        path = target.decode("utf-8", "replace")[:200]
        return write_error(f"nothing at {path}: here is model {self._version.model} version {self._version.version}")


class _Failures:
    """Logs where a model raises: the first time, and then at most every ten seconds, with the count.

    The exception's own text is left out: models put parts of their input there.
    """

    def __init__(self, version: ModelVersion) -> None:
        self._name = f"{version.model} version {version.version}"
        self._unsaid = 0
        self._said_at = -_LOG_EVERY_S

    def note(self, error: Exception) -> None:
        """Count one, and say so when it is time."""
        self._unsaid += 1
        now = time.monotonic()
        if now - self._said_at < _LOG_EVERY_S:
            return
        frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
        log.error("%s failed %d times, last with %s\n%s", self._name, self._unsaid, _kind(error), frames)
        self._unsaid, self._said_at = 0, now


def _kind(error: Exception) -> str:
    """What a caller may know: our own words in full, of a model's exception only its name."""
    return error.message if isinstance(error, DomainError) else type(error).__name__


def _normal(target: bytes) -> bytes:
    """A path as it is entered here: no query, no slash at the end, percent-encoded in one way only."""
    path = target.partition(b"?")[0].rstrip(b"/")
    return "/".join(quote(unquote_to_bytes(part), safe="") for part in path.split(b"/")).encode()


def _allow(method: bytes) -> Block:
    return block([(b"content-type", b"application/json"), (b"allow", method)])
