"""What does the API say about itself? The OpenAPI 3.1 document, made from the operations and the shapes of their facts."""

import re
from typing import Any, Final

import msgspec

import segue
from segue.api.doing import models, people, rollouts, serving
from segue.api.doing.hooks import operations as hooks
from segue.api.operation import MODEL, PATH, Operation
from segue.api.problems import MEDIA, Trouble

OPERATIONS: Final[tuple[Operation, ...]] = (
    *rollouts.OPERATIONS,
    *serving.OPERATIONS,
    *models.OPERATIONS,
    *people.OPERATIONS,
    *hooks.OPERATIONS,
)
EVENTS: Final = "/v1/rollouts/{rollout}/events"
NUMBERS: Final = "/metrics"
KEY: Final = "Idempotency-Key"
KEY_PATTERN: Final = r"^[!-~]{1,128}$"
_VERSION: Final = "3.1.0"
_ETAG: Final = r'^"[0-9]{1,15}"$'
_ABOUT: Final = """\
Everything that a person or a program may ask of an installation. Times are UTC. Lists come in pages: ask again with `after` of
what `next` says. Errors are problem details (RFC 9457). A write with an `Idempotency-Key` is done once, however often it is
sent, and answered the same for a week."""


def document() -> dict[str, Any]:
    """The whole document, as plain data."""
    shapes: list[Any] = [Trouble, *(operation.gives for operation in OPERATIONS)]
    shapes += [operation.body for operation in OPERATIONS if operation.body is not None]
    shapes += [operation.query for operation in OPERATIONS] + [rollouts.Following]
    found, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(map(_key, shapes), found, strict=True))
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas, components)
    paths[EVENTS] = {"get": _events(schemas, components)}
    paths[NUMBERS] = {"get": _numbers(schemas)}
    asked = {_name(schemas[_key(operation.query)]) for operation in OPERATIONS} | {_name(schemas[_key(rollouts.Following)])}
    return {
        "openapi": _VERSION,
        "info": {"title": "Segue", "version": segue.__version__, "description": _ABOUT},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {name: schema for name, schema in sorted(components.items()) if name not in asked},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "`segue token add` makes one."}},
        },
    }


def _key(shape: object) -> str:
    return repr(shape)


def _name(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _operation(operation: Operation, schemas: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    answer = {"application/json": {"schema": schemas[_key(operation.gives)]}}
    said: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.says,
        "parameters": [*_in_path(operation.path), *_in_query(operation.query, schemas, components), *_in_header(operation)],
        "responses": {
            **{str(status): _done(status, answer, schemas) for status in operation.statuses},
            **_troubles(schemas),
        },
    }
    if operation.body is not None:
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas[_key(operation.body)]}}}
    if operation.role is not None:
        said |= {"security": [{"token": []}], "x-segue-role": operation.role}
    return said


def _done(status: int, answer: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """An answer; a hook that holds has its own shape for a status that also says what is wrong."""
    if status < 400:
        return {"description": "Done.", "content": answer}
    return {"description": "Hold; or what is wrong.", "content": answer | {MEDIA: {"schema": schemas[_key(Trouble)]}}}


def _events(schemas: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    stream = {
        "description": "An event a decision, its number as id.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    last = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"}}
    return {
        "operationId": "followDecisions",
        "summary": "Each decision as it is made, until the rollout is over.",
        "parameters": [*_in_path(EVENTS), *_in_query(rollouts.Following, schemas, components), last],
        "responses": {"200": stream, "204": {"description": "It is over, and nothing is new."}, **_troubles(schemas)},
        "security": [{"token": []}],
        "x-segue-role": "viewer",
    }


def _numbers(schemas: dict[str, Any]) -> dict[str, Any]:
    text = {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "operationId": "tellNumbers",
        "summary": "Monitor, rollouts and gates in numbers, for Prometheus.",
        "parameters": [],
        "responses": {"200": text, **_troubles(schemas)},
        "security": [{"token": []}],
        "x-segue-role": "viewer",
    }


def _troubles(schemas: dict[str, Any]) -> dict[str, Any]:
    content = {MEDIA: {"schema": schemas[_key(Trouble)]}}
    return {
        "4XX": {"description": "What is wrong, and what to do next.", "content": content},
        "5XX": {"description": "It is not the caller's fault.", "content": content},
    }


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": MODEL if name == "model" else PATH},
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _in_query(shape: type[msgspec.Struct], schemas: dict[str, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    properties: dict[str, Any] = components[_name(schemas[_key(shape)])]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _in_header(operation: Operation) -> list[dict[str, Any]]:
    found = []
    if operation.once:
        found.append({"name": KEY, "in": "header", "schema": {"type": "string", "pattern": KEY_PATTERN}})
    if operation.matched:
        found.append({"name": "If-Match", "in": "header", "schema": {"type": "string", "pattern": _ETAG}})
    return found
