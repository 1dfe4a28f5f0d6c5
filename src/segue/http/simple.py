"""How does a host answer, or a script ask, without caring for connections?

For places that are not hot: a task for each request, JSON in and out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec

from segue.errors import DomainError
from segue.http.call import Answer, Result
from segue.http.client import UpstreamPool
from segue.http.exchange import Exchange
from segue.http.message import Headers, block, request
from segue.http.server import Handler
from segue.http.tls import ClientTls, TlsContext


class Response(msgspec.Struct, frozen=True):
    """What an asynchronous handler answers.

    Args:
        status: 200 to 599.
        body: whole.
        headers: without those that frame the message.
    """

    status: int = 200
    body: bytes = b""
    headers: Headers = ()


T = TypeVar("T")
AsyncHandler: TypeAlias = Callable[[Exchange], Awaitable[Response]]


def json_response(content: object, status: int = 200, headers: Headers = ()) -> Response:
    """A response whose body is JSON.

    >>> json_response({"ok": True})
    Response(status=200, body=b'{"ok":true}', headers=((b'content-type', b'application/json'),))
    """
    return Response(status, msgspec.json.encode(content), ((b"content-type", b"application/json"), *headers))


def json_of(result: Result, kind: type[T]) -> T:
    """What a JSON answer says.

    Args:
        result: of a request.
        kind: type that the content has, `dict` or a Struct.

    Raises:
        DomainError: there is no answer, or it is no JSON of that kind.
    """
    if not isinstance(result, Answer):
        raise DomainError(f"no answer: {result.reason}, {result.detail}")
    try:
        return msgspec.json.decode(result.body, type=kind)
    except msgspec.DecodeError as error:
        raise DomainError(f"the answer is no such JSON: {error}") from error


def asynchronous(handler: AsyncHandler) -> Handler:
    """A server's handler out of an `async def`; one that raises is answered for with a 500."""
    tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references

    async def run(exchange: Exchange) -> None:
        try:
            response = await handler(exchange)
            exchange.respond(response.status, response.headers, response.body)
        except Exception as error:  # noqa: BLE001 - the other callers go on
            asyncio.get_running_loop().call_exception_handler({"message": "a handler failed", "exception": error})
            if not exchange.answered:
                exchange.respond(500)

    def begin(exchange: Exchange) -> None:
        task = asyncio.get_running_loop().create_task(run(exchange))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return begin


async def fetch(
    url: str,
    body: bytes | None = None,
    headers: Headers = (),
    *,
    timeout_s: float = 10.0,
    tls: TlsContext[ClientTls] | None = None,
) -> Result:
    """One request on a connection of its own: GET, or POST where there is a body.

    Args:
        url: `http://host:port/path?query`, or with `https`.
        body: JSON unless `headers` names another content-type.
        headers: further fields.
        timeout_s: for everything.
        tls: for https; None trusts the system's authorities.

    Raises:
        DomainError: not such a URL, or `tls` beside one without.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DomainError(f"{url} is no http:// or https:// address")
    secure = parts.scheme == "https"
    if tls is not None and not secure:
        raise DomainError(f"{url} is asked without TLS", hint="an https:// address, or no `tls`")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = [(b"host", parts.netloc.encode("ascii")), *headers]
    if body is not None and not any(name.lower() == b"content-type" for name, _ in headers):
        fields.append((b"content-type", b"application/json"))
    payload = request(b"GET" if body is None else b"POST", target.encode("ascii"), block(fields), body or b"")
    trusted = tls or ClientTls().context() if secure else None
    pool = UpstreamPool(parts.hostname, parts.port or (443 if secure else 80), tls=trusted)
    try:
        return await pool.request(payload, timeout_s, replayable=body is None)
    finally:
        await pool.close()
