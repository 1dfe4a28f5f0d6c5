"""What does a YAML text hold, and where?

The tree keeps the line and column of every key and value, and both entries of a key that stands twice. Plain scalars mean what
YAML 1.2 says, whatever a `%YAML` directive claims: `on`, `off`, `yes` and `no` are texts. Anchors and aliases work; tags and
merge keys are refused, because a spec is plain data.
"""

import math
import re
from collections.abc import Iterator
from typing import Final

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from segue.errors import Problem, SpecError

MAX_CHARACTERS: Final = 256 * 1024
MAX_VALUES: Final = 50_000
MAX_DEPTH: Final = 40
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_PARSER_FAILS: Final = (YAMLError, ValueError, TypeError, AttributeError, LookupError, AssertionError, OverflowError)


class Scalar(msgspec.Struct, frozen=True, kw_only=True):
    """One value: what it means, its text as written without quotes, and where it stands (both from 1)."""

    value: str | int | float | bool | None
    text: str
    line: int
    column: int


class Items(msgspec.Struct, frozen=True, kw_only=True):
    """A list."""

    values: "tuple[Tree, ...]"
    line: int
    column: int


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping, in the order of the file; a key may stand twice."""

    pairs: "tuple[tuple[Scalar, Tree], ...]"
    line: int
    column: int


Tree = Scalar | Items | Entries


def parse(text: str) -> Tree:
    """The tree of a YAML text.

    Raises:
        SpecError: no YAML, or YAML that is more than plain data; the problem says where.
    """
    if len(text) > MAX_CHARACTERS:
        raise _failed(0, 1, f"the text has {len(text)} characters, more than {MAX_CHARACTERS}")
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except RecursionError:
        raise _failed(0, 1, f"nested deeper than {MAX_DEPTH} levels") from None
    except _PARSER_FAILS as error:
        raise _from_parser(error, text) from None
    if node is None:
        raise _failed(0, 1, "the text is empty", "a spec begins with `segue: 1`")
    return _Growth().tree(node, 0)


class _Growth:
    """Counts what has been built, so that aliases of aliases cannot fill the memory."""

    def __init__(self) -> None:
        self._built = 0

    def tree(self, node: Node, depth: int) -> Tree:
        line, column = _position(node)
        self._built += 1
        if self._built > MAX_VALUES or depth > MAX_DEPTH:
            what = f"nested deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"holds more than {MAX_VALUES} values"
            raise _failed(line, column, what, "an alias stands for all that its anchor holds")
        _refuse_tag(node)
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if isinstance(node, SequenceNode):
            return Items(values=tuple(self.tree(item, depth + 1) for item in node.value), line=line, column=column)
        pairs = tuple((_key(key), self.tree(value, depth + 1)) for key, value in node.value)
        return Entries(pairs=pairs, line=line, column=column)


def _key(node: Node) -> Scalar:
    if not isinstance(node, ScalarNode):
        raise _failed(*_position(node), "a key is a list or a mapping", "a key is one word")
    if node.value == "<<" and node.style is None:
        raise _failed(*_position(node), "merge keys (`<<`) are not part of a spec", "write the keys out")
    _refuse_tag(node)
    return _scalar(node)


def _scalar(node: ScalarNode) -> Scalar:
    line, column = _position(node)
    text = str(node.value)
    is_text = node.style or str(node.tag) == "tag:yaml.org,2002:str"
    return Scalar(value=text if is_text else _plain(text), text=text, line=line, column=column)


def _plain(text: str) -> str | int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def _refuse_tag(node: Node) -> None:
    tag = str(node.tag or "")
    kinds = {ScalarNode: "", SequenceNode: "tag:yaml.org,2002:seq", MappingNode: "tag:yaml.org,2002:map"}
    plain = {"bool", "int", "float", "null", "str", "timestamp", "value", "merge"}
    known = tag in {f"tag:yaml.org,2002:{name}" for name in plain} if isinstance(node, ScalarNode) else tag == kinds[type(node)]
    if not known:
        raise _failed(*_position(node), f"the tag `{tag[:60]}` is not part of a spec", "write the plain value")


def _position(node: Node) -> tuple[int, int]:
    return int(node.start_mark.line) + 1, int(node.start_mark.column) + 1


def _failed(line: int, column: int, message: str, hint: str = "") -> SpecError:
    return SpecError("this is no spec", [Problem(line, column, "", message, hint)])


def _from_parser(error: Exception, text: str) -> SpecError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = [str(part) for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part]
    if mark is not None:
        return _failed(int(mark.line) + 1, int(mark.column) + 1, f"no YAML: {', '.join(words)}", _likely(words))
    before = text[: int(getattr(error, "position", 0) or 0)]
    character = getattr(error, "character", None)
    what = f"the character U+{character:04X} is not allowed" if isinstance(character, int) else "the text cannot be read"
    return _failed(before.count("\n") + 1, len(before) - before.rfind("\n"), f"no YAML: {what}")


def _likely(words: list[str]) -> str:
    said = " ".join(words)
    if "'\\t'" in said:
        return "indent with spaces, not with tabs"
    if "'%'" in said or "'@'" in said or "'`'" in said:
        return "put the value in quotes"
    return "put a value that holds `: ` or ` #` in quotes" if "mapping values are not allowed" in said else ""


def places(tree: Tree, path: str = "") -> Iterator[tuple[str, int, int]]:
    """Every dotted path of a tree with its line and column: a scalar's own, otherwise that of the key or of the item."""
    if isinstance(tree, Items):
        for index, item in enumerate(tree.values):
            yield f"{path}[{index}]", item.line, item.column
            yield from places(item, f"{path}[{index}]")
    elif isinstance(tree, Entries):
        for key, value in tree.pairs:
            inner = f"{path}.{key.text}" if path else key.text
            at = value if isinstance(value, Scalar) else key
            yield inner, at.line, at.column
            yield from places(value, inner)
