"""Which versions must run, and which of them answers under each name?

Pure: from the names that are wanted, what they point at, what is ready, and what answered last. The rule for an alias is
the house's: when unsure, hold. The version that answered last goes on answering until the one pointed at is ready.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from segue.errors import DomainError

_SCHEME = "models:/"


class Key(NamedTuple):
    """A model version, by its two names; what one worker serves."""

    model: str
    version: str

    def __str__(self) -> str:
        return f"{self.model} version {self.version}"


class Name(NamedTuple):
    """What a variant calls its version: `models:/churn/8`, or `models:/churn@champion`, which may move.

    One of `version` and `alias` is "".
    """

    model: str
    version: str
    alias: str


def read_name(text: str) -> Name:
    """A name's parts.

    Raises:
        DomainError: it is no such name.

    >>> read_name("models:/churn/8"), read_name("models:/churn@champion")
    (Name(model='churn', version='8', alias=''), Name(model='churn', version='', alias='champion'))
    """
    rest = text.removeprefix(_SCHEME)
    if rest != text:
        model, at, alias = rest.partition("@")
        if at and model and alias and "/" not in rest:
            return Name(model, "", alias)
        model, slash, version = rest.partition("/")
        if slash and model and version and not at and "/" not in version:
            return Name(model, version, "")
    raise DomainError(f"{text!r} names no version", hint="models:/NAME/VERSION or models:/NAME@ALIAS")


def needed(targets: Mapping[str, Key], last: Mapping[str, Key], ready: AbstractSet[Key]) -> set[Key]:
    """The versions that must run.

    Args:
        targets: wanted name -> what it points at now.
        last: name -> what answered under it last; kept running for as long as the target is not ready.
        ready: versions that can answer now.

    >>> seven, eight = Key("churn", "7"), Key("churn", "8")
    >>> sorted(needed({"a": eight}, {"a": seven}, {seven})) == [seven, eight]
    True
    >>> needed({"a": eight}, {"a": seven}, {seven, eight}) == {eight}
    True
    """
    held = {last[name] for name, target in targets.items() if target not in ready and name in last}
    return set(targets.values()) | held


def routes(targets: Mapping[str, Key], last: Mapping[str, Key], ready: AbstractSet[Key]) -> dict[str, Key]:
    """Who answers under each name: the target, else what answered last, else nobody (the name is left out).

    >>> seven, eight = Key("churn", "7"), Key("churn", "8")
    >>> routes({"a": eight, "b": eight}, {"a": seven}, {seven})
    {'a': Key(model='churn', version='7')}
    """
    chosen = {}
    for name, target in targets.items():
        for key in (target, last.get(name)):
            if key is not None and key in ready:
                chosen[name] = key
                break
    return chosen
