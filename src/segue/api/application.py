"""How does a request become a call, and what comes back? The ASGI application.

Each request is checked in this order: who asks (401), may they (403), is it well said (400, 415, 422); then it is done, in a
thread, because stores wait. What went wrong anywhere is told in one shape.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from urllib.parse import unquote

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from segue.api.access import LOOPBACK, Person, Unknown, person_of, require
from segue.api.desk import real_now
from segue.api.doing.numbers import told
from segue.api.doing.rollouts import Following
from segue.api.events import follow
from segue.api.openapi import EVENTS, KEY_PATTERN, NUMBERS, OPERATIONS, document
from segue.api.operation import MODEL, PATH, Call, Office, Operation, Reply
from segue.api.problems import MEDIA, of_status, trouble
from segue.errors import Conflict, DomainError, NotFound, near_miss
from segue.facts.wire.codec import UNREADABLE
from segue.facts.wire.exposition import MEDIA as PLAIN
from segue.facts.wire.signing import signed
from segue.ids import derived, digest
from segue.ports.access import Answered, Role

WHO: Final = "x-segue-who"
_BODY_MOST: Final = 2 * 1024 * 1024
_KEPT: Final = timedelta(days=7)
_JSON: Final = "application/json"
_IN_PATH: Final = re.compile(PATH)
_MODEL: Final = re.compile(MODEL)
_ONCE: Final = re.compile(KEY_PATTERN)
_ETAG: Final = re.compile(r'"(\d{1,15})"')
_NO_STORE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
Answer = Callable[[Request], Awaitable[Response]]


def application(office: Office) -> Starlette:
    """The API of an installation, to be run by any ASGI server."""
    described = msgspec.json.encode(document())

    async def openapi(_: Request) -> Response:
        return Response(described, media_type=_JSON)

    async def events(request: Request) -> Response:
        person = await run_in_threadpool(_person, office, request, "viewer")
        _query(request, Following)
        return await follow(office.desk(person), _path(request)["rollout"], request)

    async def numbers(request: Request) -> Response:
        await run_in_threadpool(_person, office, request, "viewer")
        return Response(await run_in_threadpool(told, office), headers={**_NO_STORE, "content-type": PLAIN})

    places: dict[str, dict[str, Answer]] = {
        EVENTS: {"GET": events},
        NUMBERS: {"GET": numbers},
        "/openapi.json": {"GET": openapi},
    }
    for operation in OPERATIONS:
        places.setdefault(operation.path, {})[operation.method] = _endpoint(office, operation)
    routes = [Route(path, _by_method(answers), methods=[*answers]) for path, answers in places.items()]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error, Exception: _error})


def _by_method(answers: dict[str, Answer]) -> Answer:
    """One route a path, so that a 405 names all of its methods."""

    async def answer(request: Request) -> Response:
        try:
            return await answers["GET" if request.method == "HEAD" else request.method](request)
        except ClientDisconnect:
            return Response(status_code=400)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller hears of it in the one shape
            return _told(error)

    return answer


def _endpoint(office: Office, operation: Operation) -> Answer:
    async def answer(request: Request) -> Response:
        body = await _body(request) if operation.body is not None else b""
        return await run_in_threadpool(_answer, office, operation, request, body)

    return answer


def _answer(office: Office, operation: Operation, request: Request, body: bytes) -> Response:
    person = _caller(office, operation, request, body)
    call = Call(
        office=office,
        person=person,
        path=_path(request),
        query=_query(request, operation.query),
        body=_read(request, body, operation),
        once=_once(request, operation),
        token=_match(request) if operation.matched else None,
    )
    if not call.once:
        return _response(operation.does(call))
    asked = digest(b"\n".join([operation.method.encode(), request.url.path.encode(), body]))
    answer_id = derived("answer", person.name, call.once)
    kept = office.answered.answered(answer_id)
    if kept is not None:
        if kept.request != asked:
            raise Conflict("the idempotency key was used for something else", hint="another key for another wish")
        return Response(kept.body, kept.status, {**_NO_STORE, "idempotent-replayed": "true"}, media_type=_JSON)
    response = _response(operation.does(call))
    now = real_now()
    entry = Answered(id=answer_id, request=asked, status=response.status_code, body=bytes(response.body).decode(), at=now)
    office.answered.keep(entry, since=now - _KEPT)
    return response


def _caller(office: Office, operation: Operation, request: Request, body: bytes) -> Person:
    found = operation.known(office, request.headers, body) if operation.known is not None else None
    if found is None:
        return _person(office, request, operation.role)
    if operation.role is not None:
        require(found, operation.role)
    return found


def _person(office: Office, request: Request, role: Role | None) -> Person:
    said = request.headers.get("authorization", "")
    if role is None:
        return Person(name="", role="viewer")
    if not office.guarded and not office.tokens.any():
        if (request.url.hostname or "") not in LOOPBACK:
            raise Unknown("without tokens the API answers on loopback only", hint="`segue token add` makes one")
        name = "".join(char for char in unquote(request.headers.get(WHO, "")) if char.isprintable())[:100]
        return Person(name=name or "somebody on this machine", role="admin")
    person = person_of(said, office.tokens, real_now())
    require(person, role)
    return person


def _path(request: Request) -> dict[str, str]:
    for name, value in request.path_params.items():
        usable, letters = (_MODEL, ". _ -") if name == "model" else (_IN_PATH, ". _ @ : -")
        if not usable.fullmatch(str(value)):
            raise NotFound(f"nothing has such a name: {str(value)[:80]!r}", hint=f"a {name} is of letters, digits, {letters}")
    return {name: str(value) for name, value in request.path_params.items()}


def _query(request: Request, shape: type[msgspec.Struct]) -> msgspec.Struct:
    pairs = request.query_params.multi_items()
    given = dict(pairs)
    if len(given) != len(pairs):
        raise DomainError("a parameter is there twice")
    for name in given:
        if name not in shape.__struct_encode_fields__:
            hint = near_miss(name, shape.__struct_encode_fields__) or "/openapi.json says which there are"
            raise DomainError(f"there is no parameter `{name[:80]}` here", hint=hint)
    return _converted(lambda: msgspec.convert(given, shape, strict=False))


def _read(request: Request, body: bytes, operation: Operation) -> msgspec.Struct | None:
    if operation.body is None:
        return None
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise HTTPException(415, f"send {_JSON}")
    kind = operation.body
    return _converted(lambda: msgspec.json.decode(body, type=kind))


def _converted(read: Callable[[], msgspec.Struct]) -> msgspec.Struct:
    try:
        return read()
    except UNREADABLE as error:
        raise DomainError(f"it is not well said: {error}", hint="/openapi.json says how") from error


def _once(request: Request, operation: Operation) -> str:
    said = signed(request.headers) if operation.known is not None else None
    key = said.id if said is not None else request.headers.get("idempotency-key", "") if operation.once else ""
    if key and not _ONCE.fullmatch(key):
        raise DomainError("an idempotency key has 1 to 128 visible characters")
    return key


def _match(request: Request) -> int | None:
    said = request.headers.get("if-match", "")
    if not said or said == "*":
        return None
    found = _ETAG.fullmatch(said)
    if found is None:
        raise DomainError("`If-Match` is no ETag of a rollout", hint='such as "12"')
    return int(found[1])


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _BODY_MOST:
            raise HTTPException(413, f"at most {_BODY_MOST} bytes")
    return bytes(body)


def _response(reply: Reply) -> Response:
    headers = dict(_NO_STORE) | ({"etag": f'"{reply.etag}"'} if reply.etag is not None else {})
    return Response(msgspec.json.encode(reply.value), reply.status, headers, media_type=_JSON)


def _told(error: Exception) -> Response:
    said = trouble(error)
    headers = dict(_NO_STORE)
    if said.status == 401:
        headers["www-authenticate"] = 'Bearer realm="segue"'
    if said.status == 503:
        headers["retry-after"] = "1"
    return Response(msgspec.json.encode(said), said.status, headers, media_type=MEDIA)


async def _error(_: Request, error: Exception) -> Response:
    return _told(error)


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _told(error)
    said = of_status(error.status_code, error.detail)
    headers = {**_NO_STORE, **(error.headers or {})}
    return Response(msgspec.json.encode(said), said.status, headers, media_type=MEDIA)
