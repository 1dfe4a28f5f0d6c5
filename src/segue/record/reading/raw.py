"""What does any JSON say at a path?"""

from collections.abc import Callable
from typing import Final

from segue.record.reading.values import Asked, Tongue, alone, found, json_of


def features(asked: Asked, path: str) -> dict[str, object]:
    """An object as it is, or the value at a path under that path's name."""
    value = found(json_of(asked.body, "the request"), path, "the request")
    return value if isinstance(value, dict) else {path: value}


def answered(body: bytes) -> Callable[[str], object]:
    """What an answer says at a path; a list of one value is that value."""
    answer = json_of(body, "the answer")
    return lambda path: alone(found(answer, path, "the answer"), path)


RAW: Final = Tongue(features, answered)
