"""Can this worker be trusted with traffic? Asked over HTTP, as a caller would ask."""

import math
from typing import Final
from urllib.parse import quote

import msgspec

from segue.errors import DomainError
from segue.host.plan import Key
from segue.host.v2 import read_answer
from segue.http.call import Answer
from segue.http.simple import fetch

_TEXT_AT_MOST: Final = 300


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where one version is served."""

    key: Key
    address: str
    port: int

    @property
    def url(self) -> str:
        """For the directory."""
        return f"http://{self.address}:{self.port}"

    @property
    def path(self) -> str:
        """Of the model; `/infer` and `/ready` lie below it."""
        return f"/v2/models/{quote(self.key.model, safe='')}"

    @property
    def version_path(self) -> str:
        """Of this very version."""
        return f"{self.path}/versions/{quote(self.key.version, safe='')}"


async def answers(place: Place, path: str, timeout_s: float) -> str:
    """Why a GET of this path is not answered with 200; "" when it is."""
    result = await fetch(place.url + path, timeout_s=timeout_s)
    if not isinstance(result, Answer):
        return f"GET {path}: {result.reason} {result.detail}"
    return "" if result.status == 200 else f"GET {path}: status {result.status}"


async def probe(place: Place, example: bytes, timeout_s: float) -> str:
    """Why a worker must not be trusted: not ready, or its answer to the example is none of the protocol's.

    Args:
        place: the worker.
        example: a request body, or b"": then only readiness is asked.
        timeout_s: for each of the two questions.

    Returns:
        "" when it may serve.
    """
    reason = await answers(place, f"{place.version_path}/ready", timeout_s)
    if reason or not example:
        return reason
    path = f"{place.path}/infer"
    result = await fetch(place.url + path, example, timeout_s=timeout_s)
    if not isinstance(result, Answer):
        return f"POST {path}: {result.reason} {result.detail}"
    if result.status != 200:
        return f"POST {path}: status {result.status}: {result.body[:_TEXT_AT_MOST].decode('utf-8', 'replace')}"
    return _judge(place.key, result.body)


def _judge(key: Key, body: bytes) -> str:
    try:
        model, version, request_id, outputs = read_answer(body)
    except DomainError as error:
        return error.message
    if (model, version) != key:
        return f"the answer is of {model} version {version}"
    if not request_id:
        return "the answer has no id"
    for name, rows in outputs.items():
        if any(isinstance(value, float) and math.isnan(value) for value in rows):
            return f"output {name!r} is NaN for the example"
    return ""
