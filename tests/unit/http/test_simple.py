"""The convenient way: tasks, JSON, one-off requests."""

import asyncio
from typing import Any

import pytest

from segue.errors import DomainError
from segue.http.call import Answer, Failure, Reason
from segue.http.exchange import Exchange
from segue.http.simple import Response, asynchronous, fetch, json_of, json_response


def test_json_there_and_back(run: Any, serving: Any) -> None:
    """An asynchronous handler answers JSON to a one-off request."""

    async def handler(exchange: Exchange) -> Response:
        await asyncio.sleep(0)
        content_type = dict(exchange.headers).get(b"content-type", b"").decode()
        return json_response([exchange.method.decode(), exchange.target.decode(), exchange.body.decode(), content_type])

    async def main() -> None:
        async with serving(asynchronous(handler)) as (_, port):
            url = f"http://127.0.0.1:{port}"
            assert json_of(await fetch(url), list) == ["GET", "/", "", ""]
            assert json_of(await fetch(f"{url}/a?b=c", b"{}"), list) == ["POST", "/a?b=c", "{}", "application/json"]
            with pytest.raises(DomainError):
                json_of(await fetch(url), dict)

    run(main())


def test_a_handler_that_fails_asynchronously(run: Any, serving: Any, expected_error: type[Exception]) -> None:
    """An asynchronous handler that raises, or answers what cannot be sent, is answered for with a 500."""

    async def handler(exchange: Exchange) -> Response:
        if exchange.target == b"/raise":
            raise expected_error
        return Response(headers=[(b"x", b"\r\n")])

    async def main() -> None:
        async with serving(asynchronous(handler)) as (_, port):
            asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
            for target in ("/raise", "/inject"):
                answer = await fetch(f"http://127.0.0.1:{port}{target}")
                assert isinstance(answer, Answer)
                assert answer.status == 500

    run(main())


def test_fetch_from_nobody(run: Any) -> None:
    """A one-off request to nobody is a failure, and its JSON an error that says why."""

    async def main() -> None:
        result = await fetch("http://127.0.0.1:1/")
        assert isinstance(result, Failure)
        assert result.reason == Reason.CONNECT_REFUSED
        with pytest.raises(DomainError, match="connect_refused"):
            json_of(result, dict)
        with pytest.raises(DomainError):
            await fetch("ftp://127.0.0.1/")

    run(main())
