"""Which values do a tensor's raw bytes hold (Open Inference Protocol v2, binary extension)?

Numbers are little-endian and in row-major order; BOOL is one byte; BYTES is, for each element, its length in four bytes and
then its bytes.
"""

import struct
from math import prod
from typing import Final

from segue.record.reading.values import Unread

_CODES: Final = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}


def values(piece: bytes, datatype: str, shape: list[int]) -> list[object]:
    """A tensor's values, flat.

    Raises:
        Unread: the bytes do not fit type and shape.

    >>> values(bytes([0, 0, 128, 63]), "FP32", [1, 1])
    [1.0]
    """
    if any(side < 0 for side in shape):
        raise Unread("a tensor's shape is negative")
    count = prod(shape)
    if datatype == "BYTES":
        return _texts(piece, count)
    if datatype == "BF16":
        if len(piece) != 2 * count:
            raise Unread("a tensor's size does not fit its shape")
        widened = b"".join(b"\0\0" + piece[place : place + 2] for place in range(0, len(piece), 2))
        return list(struct.unpack(f"<{count}f", widened))
    code = _CODES.get(datatype)
    if code is None:
        raise Unread("a tensor is of an unknown type")
    if len(piece) != struct.calcsize(f"<{code}") * count:
        raise Unread("a tensor's size does not fit its shape")
    return list(struct.unpack(f"<{count}{code}", piece))


def _texts(piece: bytes, count: int) -> list[object]:
    found: list[object] = []
    offset = 0
    while offset < len(piece):
        length = int.from_bytes(piece[offset : offset + 4], "little")
        text = piece[offset + 4 : offset + 4 + length]
        if len(text) < length or offset + 4 > len(piece):
            raise Unread("a tensor's size does not fit its shape")
        try:
            found.append(text.decode())
        except UnicodeDecodeError:
            raise Unread("a tensor's bytes are no text") from None
        offset += 4 + length
    if len(found) != count:
        raise Unread("a tensor's size does not fit its shape")
    return found
