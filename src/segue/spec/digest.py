"""Do two specs mean the same?

The digest is over the meaning: comments, the order of keys, the spelling of quantities and expressions, and defaults that are
written out make no difference. What a digest says is stable for a format version; `tests/vectors/spec-digests.json` holds some.
"""

import msgspec

from segue.errors import SpecError
from segue.ids import digest
from segue.spec.expression import canonical, parse
from segue.spec.rollout import Rollout, UnhealthyChampion

_ADDED: tuple[tuple[str, object], ...] = (
    ("wanted", 0.0),
    ("expected", ""),
    ("moved_by_others", "adopt"),
    ("any_of", ()),
    ("any_of", []),
    ("weight", None),
    ("futility", 0.1),
    ("reserve", 0.1),
    ("provider", "gateway"),
    ("when_busy", "refuse"),
    ("unhealthy_champion", msgspec.to_builtins(UnhealthyChampion())),
)  # what format 1 did not have at first, where it is not used
_LEFT_OUT = ("source", "digest")
_EXPRESSIONS = ("where", "audience")


def digest_of(rollout: Rollout) -> str:
    """What identifies the meaning of a spec: 128 bits in hex."""
    meaning = meaning_of(rollout)
    return digest(msgspec.json.encode(meaning, order="sorted"))


def meaning_of(rollout: Rollout) -> dict[str, object]:
    """A rollout as plain data, without its source and with expressions in their canonical spelling."""
    whole = msgspec.structs.replace(rollout, source="", digest="")
    meaning: dict[str, object] = msgspec.to_builtins(whole)
    attributes = tuple(rollout.context)
    return {
        key: _canonical(value, attributes)
        for key, value in meaning.items()
        if key not in _LEFT_OUT and not _is_added(key, value)
    }


def _canonical(value: object, attributes: tuple[str, ...]) -> object:
    if isinstance(value, list | tuple):
        return [_canonical(item, attributes) for item in value]
    if isinstance(value, dict):
        return {key: _expression_or(key, item, attributes) for key, item in value.items() if not _is_added(key, item)}
    return value


def _is_added(key: str, value: object) -> bool:
    return any(key == name and value == default for name, default in _ADDED)


def _expression_or(key: str, value: object, attributes: tuple[str, ...]) -> object:
    if key in _EXPRESSIONS and isinstance(value, str):
        return one_spelling(value, attributes)
    return _canonical(value, attributes)


def one_spelling(text: str, attributes: tuple[str, ...]) -> str:
    """An expression in its canonical spelling; what is none (in a rollout built by hand) as it is."""
    try:
        return canonical(parse(text, attributes))
    except SpecError:
        return text
