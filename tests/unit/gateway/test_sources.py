"""The unit is the first source that is present; the context holds what the request carries."""

import pytest

from segue.errors import SpecError
from segue.gateway.request.sources import Sources, cookie


@pytest.mark.parametrize(
    ("fields", "unit"),
    [
        ({b"x-user-id": b"ada", b"cookie": b"uid=c-1"}, ("ada", "header:x-user-id")),
        ({b"x-user-id": b"", b"cookie": b"a=b; uid=c-1"}, ("c-1", "cookie:uid")),
        ({b"cookie": b"uid="}, ("r-1", "request")),
        ({}, ("r-1", "request")),
        ({b"x-user-id": "zoë".encode()}, ("zoë", "header:x-user-id")),
        ({b"x-user-id": b"\xff"}, ("\ufffd", "header:x-user-id")),
    ],
)
def test_unit(fields: dict[bytes, bytes], unit: tuple[str, str]) -> None:
    """In the order of the spec; an empty value is no unit; the last resort is the request."""
    assert Sources(("header:x-user-id", "cookie:uid", "request"), {}).unit(fields, "r-1") == unit


def test_context() -> None:
    """Declared attributes only, and only those that are there: an absent one is not an empty one."""
    sources = Sources(("request",), {"country": "header:x-country", "tier": "cookie:tier", "age": "header:x-age"})
    assert sources.context({b"x-country": b"DE", b"cookie": b"tier=vip"}) == {"country": "DE", "tier": "vip"}
    assert sources.names == {b"x-country", b"cookie", b"x-age"}


@pytest.mark.parametrize("source", ["body:user.id", "header:", "header", "ip"])
def test_unreadable(source: str) -> None:
    """A source that a gateway cannot read is refused when the allocation comes, not at each request."""
    with pytest.raises(SpecError, match="cannot read"):
        Sources((source,), {})


@pytest.mark.parametrize(
    ("header", "value"), [(b"uid=1", b"1"), (b"xuid=2; uid=1", b"1"), (b"uid", b""), (b"", b""), (b"uid=a=b", b"a=b")]
)
def test_cookie(header: bytes, value: bytes) -> None:
    """A cookie is found by its whole name."""
    assert cookie(header, b"uid") == value
