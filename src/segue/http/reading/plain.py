"""Which plain requests need no parser, because each line of their head is known to be good?

Callers send the same lines again and again. A head whose every line is one that the parser has accepted before, or is a
field of the plainest kind (a token, a colon, one space, visible ASCII), is taken line by line: that costs the request path half
of what the parser with its callback for each field does. Whatever is not plain to the byte goes to the parser, so what is taken
here is a part of what the parser takes, and means the same; `tests/properties/test_plain_requests.py` holds both together.

A line that frames the message (Host, Content-Length, Connection) is only ever taken as the parser has accepted it. Taken is one
whole HTTP/1.1 request with one Host, at most one length, no transfer coding, no expectation, and nothing after it.
"""

import re
from typing import Final, TypeAlias

from segue.http.message import Header

HOST: Final = 1
EXPECT: Final = 2
CONNECTION: Final = 4
ENCODING: Final = 8
LENGTH: Final = 16
SPECIAL: Final = {
    b"host": HOST,
    b"expect": EXPECT,
    b"connection": CONNECTION,
    b"proxy-connection": CONNECTION,  # llhttp takes it for the same
    b"transfer-encoding": ENCODING,
    b"content-length": LENGTH,
}
"""Names of the fields that decide what becomes of a message, in lower case, with their marks."""

END: Final = b"\r\n\r\n"
_LINES_AT_MOST: Final = 2048
_LINE_BYTES_AT_MOST: Final = 256  # a longer one is not worth its memory
_Line: TypeAlias = tuple[Header, int, int]
"""The field, its mark, and the length that it announces."""
Plain: TypeAlias = tuple[bytes, bytes, list[Header], bytes, bytes]
"""Method, target, fields, body, and what the Connection field says."""

_field = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([!-~]+(?: +[!-~]+)*)").fullmatch
_starts: dict[bytes, tuple[bytes, bytes]] = {}  # request line -> method and target
_lines: dict[bytes, _Line] = {}


def taken(data: bytes, head_bytes: int, headers: int, body_bytes: int) -> Plain | None:
    """The one whole plain request that these bytes are, or None: then the parser has to look.

    Args:
        data: what came in one read, where a request begins.
        head_bytes: beyond which a head is not taken.
        headers: the same for the number of its fields.
        body_bytes: the same for its body.
    """
    end = data.find(END)
    if not 0 < end <= head_bytes:
        return None
    lines = data[:end].split(b"\r\n")
    start = _starts.get(lines[0])
    if start is None or len(lines) - 1 > headers:
        return None
    fields: list[Header] = []
    marks = length = 0
    connection = b""
    for line in lines[1:]:
        known = _lines.get(line) or _judge(line)
        if known is None:
            return None
        field, mark, size = known
        if mark:
            if marks & mark:
                return None
            marks |= mark
            length += size
            if mark == CONNECTION:
                connection = field[1]
        fields.append(field)
    begin = end + len(END)
    if not marks & HOST or len(data) - begin != length or length > body_bytes:
        return None
    return start[0], start[1], fields, data[begin:], connection


def _judge(line: bytes) -> _Line | None:
    """A line that is not known: perhaps a field of the plainest kind that decides nothing."""
    found = _field(line)
    if found is None or found[1].lower() in SPECIAL:
        return None
    known = ((found[1], found[2]), 0, 0)
    _keep(line, known)
    return known


def learn(data: bytes, method: bytes, target: bytes, headers: list[Header]) -> None:
    """Note the lines of a request that the parser has accepted, so that the next one like it is taken.

    Args:
        data: the read that brought the whole request, and nothing else.
        method: what the parser made of it.
        target: the same.
        headers: the same.
    """
    lines = data[: data.find(END)].split(b"\r\n")
    if lines[0] != b"%b %b HTTP/1.1" % (method, target) or lines[1:] != [b": ".join(header) for header in headers]:
        return
    if len(lines[0]) <= _LINE_BYTES_AT_MOST:
        if len(_starts) >= _LINES_AT_MOST:
            _starts.clear()
        _starts[lines[0]] = (method, target)
    for line, header in zip(lines[1:], headers, strict=True):
        mark = SPECIAL.get(header[0].lower(), 0)
        if mark == HOST or (mark == CONNECTION and header[1].lower() == b"keep-alive"):
            _keep(line, (header, mark, 0))
        elif mark == LENGTH:
            _keep(line, (header, mark, int(header[1])))


def _keep(line: bytes, known: _Line) -> None:
    if len(line) <= _LINE_BYTES_AT_MOST:
        if len(_lines) >= _LINES_AT_MOST:
            _lines.clear()  # most are of callers gone by
        _lines[line] = known


def forget() -> None:
    """Know no line any more."""
    _starts.clear()
    _lines.clear()
