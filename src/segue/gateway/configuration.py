"""What has been said about this gateway, and where? Flags win over the environment, that over the file, that over the defaults.

| where | how | example |
| --- | --- | --- |
| file | TOML, or YAML (`.yaml`, `.yml`), sections as in `GatewaySettings` | `[server]` `idle_s = 30` |
| environment | `SEGUE_GATEWAY_`, sections apart by two underscores, lists by commas | `SEGUE_GATEWAY_SERVER__IDLE_S=30` |
| flag | `--set`, sections apart by a dot, lists by commas | `--set server.idle_s=30` |

A key that does not exist is refused wherever it stands, with the nearest one that does; so is a value that is none.
"""

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeVar, cast, get_args, get_origin

import msgspec

from segue.errors import DomainError, SegueError
from segue.gateway.settings import GatewaySettings

ENVIRONMENT: Final = "SEGUE_GATEWAY_"
_OURS: Final = frozenset({"worker", "last_good", "override"})  # the installation's to say, not a person's
Tree = dict[str, object]
T = TypeVar("T")


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What one gateway is told.

    Args:
        workers: processes that share the port.
        said: the settings that somebody has said something about, as in `GatewaySettings`.

    Raises:
        DomainError: fewer than one worker.
    """

    workers: int = 1
    said: dict[str, object] = {}

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise DomainError(f"{self.workers} workers", hint="at least one")

    def settings(self, **ours: object) -> GatewaySettings:
        """Whole, for one worker.

        Args:
            ours: what the installation says: worker, last_good, override, and the routes where nobody has named any.

        Raises:
            DomainError: settings that contradict each other.
        """
        return _converted({**ours, **self.said}, GatewaySettings, "the gateway's configuration")


def configuration(file: Path | None, environment: Mapping[str, str], flags: Sequence[str]) -> Configuration:
    """Read all that was said.

    Args:
        file: TOML or YAML; None for none.
        environment: whose names that begin with `SEGUE_GATEWAY_` matter.
        flags: `section.key=value`, the last of a key wins.

    Raises:
        DomainError: a file that cannot be read, a key that does not exist, a value that is none.
    """
    said: Tree = {}
    if file is not None:
        tree = _from_file(file)
        _known(tree, GatewaySettings, str(file))
        _merge(said, tree)
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT):
            path = name.removeprefix(ENVIRONMENT).lower().split("__")
            _merge(said, _planted(path, environment[name], f"the environment ({name})"))
    for flag in flags:
        key, equals, value = flag.partition("=")
        if not equals:
            raise DomainError(f"--set {key} says no value", hint="such as --set server.idle_s=30")
        _merge(said, _planted(key.strip().split("."), value, "--set"))
    workers = said.pop("workers", 1)
    return _converted({"workers": workers, "said": said}, Configuration, "the gateway's configuration")


# -- where it stands -----------------------------------------------------------------------------------------------------------


def _from_file(file: Path) -> Tree:
    try:
        text = file.read_text()
    except OSError as error:
        raise DomainError(f"the configuration {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DomainError(f"the configuration {file} cannot be read: {error}") from error
    try:
        found = _yaml(text) if file.suffix in {".yaml", ".yml"} else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise DomainError(f"the configuration {file} cannot be read: {error}", hint="TOML, or YAML named .yaml") from error
    if not isinstance(found, dict):
        raise DomainError(f"the configuration {file} holds no keys", hint="such as port = 8080")
    return found


def _yaml(text: str) -> object:
    from ruamel.yaml import YAML  # noqa: PLC0415 - a worker without a YAML file need not carry it
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - as above

    try:
        return YAML(typ="safe", pure=True).load(text) or {}
    except YAMLError as error:
        raise ValueError(str(error)) from error


def _planted(path: list[str], text: str, where: str) -> Tree:
    """One value, said as text, in its place."""
    kind: object = GatewaySettings
    for depth, key in enumerate(path):
        kind = _kind(kind, key, ".".join(path[: depth + 1]), where)
    if _struct(kind) is not None:
        raise DomainError(f"{'.'.join(path)} in {where} is a section", hint=f"its keys: {', '.join(_keys(_struct(kind)))}")
    value: object = [part.strip() for part in text.split(",") if part.strip()] if get_origin(kind) is tuple else text
    _converted(value, cast("type[object]", kind), where, ".".join(path))
    for key in reversed(path):
        value = {key: value}
    return value  # type: ignore[return-value]  # a path has at least one key


def _merge(said: Tree, more: Tree) -> None:
    """Sections are joined, values replaced."""
    for key, value in more.items():
        before = said.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        else:
            said[key] = value


# -- which keys there are ------------------------------------------------------------------------------------------------------


def _known(tree: Tree, kind: object, where: str, above: str = "") -> None:
    """Refuse a key that does not exist."""
    for key, value in tree.items():
        path = f"{above}{key}"
        below = _struct(_kind(kind, str(key), path, where))
        if below is None:
            continue
        if not isinstance(value, dict):
            raise DomainError(f"{path} in {where} is a section", hint=f"its keys: {', '.join(_keys(below))}")
        _known(value, below, where, f"{path}.")


def _kind(kind: object, key: str, path: str, where: str) -> object:
    """The type of a key's value."""
    struct = _struct(kind)
    keys = _keys(struct)
    if key not in keys:
        close = get_close_matches(key, keys, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(keys)}"
        raise DomainError(f"there is no {path} in {where}", hint=hint)
    return _types(struct).get(key, int)  # workers, which no worker needs to know of


def _keys(struct: type[msgspec.Struct] | None) -> list[str]:
    if struct is None:
        return []
    if struct is GatewaySettings:
        return ["workers", *(key for key in _types(struct) if key not in _OURS)]
    return list(_types(struct))


def _types(struct: type[msgspec.Struct] | None) -> dict[str, object]:
    return {} if struct is None else {field.name: field.type for field in msgspec.structs.fields(struct)}


def _struct(kind: object) -> type[msgspec.Struct] | None:
    """The section that a type is, or may be."""
    for each in (kind, *get_args(kind)):
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            return each
    return None


def _converted(value: object, kind: type[T], where: str, path: str = "") -> T:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, SegueError):
            raise cause from None
        what, _, at = str(error).partition(" - at `$")
        named = path or at.strip("`.").removeprefix("said.") or "it"
        raise DomainError(f"{named} in {where} is none: {what.lower()}") from None
