"""What does a body call its request, and which model does it ask?"""

import re
from typing import Final

import msgspec

from segue.facts.wire.codec import UNREADABLE

callers_id: Final = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}").fullmatch
"""Whether a caller's name for its request can be used."""


class _HasId(msgspec.Struct):
    id: str | int | None = None


class _Named(msgspec.Struct):
    model: str = ""


_id_of = msgspec.json.Decoder(_HasId).decode
_model_of = msgspec.json.Decoder(_Named).decode


def own_id(body: bytes, json_length: bytes | None) -> str | None:
    """The id in a v2 request, where it can be used; its JSON may be followed by raw tensors.

    >>> own_id(b'{"id": "a-1", "inputs": []}', None), own_id(b'{"id": "a b"}', None), own_id(b"no JSON", None)
    ('a-1', None, None)
    """
    if json_length is not None and json_length.isdigit():
        body = body[: int(json_length[:9])]
    try:
        own = _id_of(body).id
    except UNREADABLE:
        return None
    return str(own) if own is not None and callers_id(str(own)) else None


def model_of(body: bytes) -> str:
    """The model that a body in OpenAI's form asks; nothing where it names none.

    >>> model_of(b'{"model": "gpt"}'), model_of(b"[]")
    ('gpt', '')
    """
    try:
        return _model_of(body).model
    except UNREADABLE:
        return ""
