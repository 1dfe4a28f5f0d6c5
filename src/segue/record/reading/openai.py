"""What do bodies of an OpenAI-compatible chat or completion say, streamed or not?

Paths are places in the JSON (`choices[0].message.content`, `usage.total_tokens`). A streamed answer is joined into the answer
that would have come in one piece, so that the same paths serve both: pieces of text are put together, and what is said once
(usage, model) is what was said last. A stream that has neither its `[DONE]` nor a finish reason for each of its choices was
cut, and is not read.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from segue.record.reading import raw
from segue.record.reading.values import Tongue, Unread, found, json_of, object_of, plain

_JOINED: Final = frozenset({"content", "text", "arguments", "refusal", "reasoning", "reasoning_content"})
_stream = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:").match
_line_end = re.compile(rb"\r\n|\r|\n")


class _Choice(msgspec.Struct):
    index: int = 0
    delta: dict[str, object] | None = None
    text: str | None = None
    finish_reason: str | None = None


def _answer(body: bytes) -> Callable[[str], object]:
    body = plain(body)
    answer = joined(body) if _stream(body) else object_of(body, "the answer")
    return lambda path: found(answer, path, "the answer")


def events(body: bytes) -> Iterator[bytes]:
    r"""The data of server-sent events (HTML standard, 9.2.6); an event that is cut before its empty line is left out.

    >>> list(events(b": hello\ndata: a\ndata:b\n\nevent: x\r\ndata: c\r\n\r\ndata: cut"))
    [b'a\nb', b'c']
    """
    data: list[bytes] = []
    for line in _line_end.split(body.removeprefix(b"\xef\xbb\xbf"))[:-1]:
        if not line:
            if data:
                yield b"\n".join(data)
            data = []
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))


def joined(body: bytes) -> dict[str, object]:
    """A streamed answer in one piece.

    Raises:
        Unread: it was cut, ended with an error, or is no stream of the protocol.
    """
    whole: dict[str, object] = {}
    choices: dict[int, dict[str, object]] = {}
    done = False
    for data in events(body):
        if data.strip() == b"[DONE]":
            done = True
            break
        chunk = json_of(data, "an event of the answer")
        if not isinstance(chunk, dict):
            raise Unread("an event of the answer is no JSON of the protocol")
        if chunk.get("error") is not None:
            raise Unread("the stream ended with an error")
        for choice in _choices(chunk.pop("choices", None)):
            _add(choices.setdefault(choice.index, {"index": choice.index}), choice)
        whole.update({name: value for name, value in chunk.items() if value is not None})
    if not done and not (choices and all(choice.get("finish_reason") for choice in choices.values())):
        raise Unread("the stream was cut")
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


def _choices(sent: object) -> list[_Choice]:
    try:
        return msgspec.convert(sent or [], list[_Choice])
    except msgspec.ValidationError:
        raise Unread("an event of the answer is no JSON of the protocol") from None


def _add(whole: dict[str, object], choice: _Choice) -> None:
    if choice.delta is not None:
        message = whole.setdefault("message", {})
        if isinstance(message, dict):
            _merge(message, choice.delta)
    _merge(whole, {"text": choice.text, "finish_reason": choice.finish_reason})


def _merge(whole: dict[str, object], piece: dict[str, object]) -> None:
    for name, value in piece.items():
        before = whole.get(name)
        if value is None:
            continue
        if name in _JOINED and isinstance(before, str) and isinstance(value, str):
            whole[name] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            _merge_lists(before, value)
        else:
            whole[name] = value


def _merge_lists(whole: list[object], pieces: list[object]) -> None:
    """Calls of tools come in pieces, too, told apart by their `index`."""
    by_index = {item["index"]: item for item in whole if isinstance(item, dict) and isinstance(item.get("index"), int)}
    for piece in pieces:
        index = piece.get("index") if isinstance(piece, dict) else None
        before = by_index.get(index) if isinstance(index, int) else None
        if before is not None and isinstance(piece, dict):
            _merge(before, piece)
        else:
            whole.append(piece)


OPENAI: Final = Tongue(raw.features, _answer)
