"""How much may one peer ask of us, and for how long may it take?"""

from typing import Final

import msgspec

from segue.errors import DomainError

LAST_PORT: Final = 65_535
"""The highest TCP port."""


def _positive(settings: msgspec.Struct) -> None:
    """Refuse a limit that would admit nothing, or everything by accident."""
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, int | float) and value <= 0:
            raise DomainError(f"{type(settings).__name__}.{field.name} is {value}, and must be above 0")


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a server grants to a caller's connection; times are real time, kept to within `sweep_s`.

    Args:
        head_bytes: request line and headers together, and trailers; more is 431 (414 where the target alone is longer).
        headers: fields in one request; more is 431.
        body_bytes: a request's body; more is 413.
        hold_bytes: a longer body is handed over as it comes, where the handler takes it so; it is read once, by one upstream.
        connections: open at once; one more is answered 503 with Retry-After and closed.
        pipelined: whole requests waiting behind one in hand; reading pauses above it.
        idle_s: without a request in hand or under way, before the connection is closed silently.
        handshake_s: for a TLS handshake, before the connection is cut.
        head_s: from a request's first byte to the end of its headers, then 408.
        request_s: from a request's first byte to the end of its body, then 408.
        write_s: that the caller may leave an answer unread, before the connection is cut.
        linger_s: that a refused caller may go on sending, so that it gets to read why.
        retry_after_s: what a 503 for too many connections suggests; whole seconds.
        sweep_s: between two looks at the connections' times.

    >>> ServerLimits(body_bytes=1024).body_bytes
    1024
    """

    head_bytes: int = 32 * 1024
    headers: int = 128
    body_bytes: int = 64 * 1024 * 1024
    hold_bytes: int = 1024 * 1024
    connections: int = 4096
    pipelined: int = 16
    idle_s: float = 75.0
    handshake_s: float = 5.0
    head_s: float = 10.0
    request_s: float = 60.0
    write_s: float = 30.0
    linger_s: float = 2.0
    retry_after_s: int = 1
    sweep_s: float = 0.25

    def __post_init__(self) -> None:
        _positive(self)


class PoolLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool of connections to one upstream may use.

    Args:
        connections: open at once, those being opened included.
        waiting: calls without a connection, beyond those that an opening connection will take; one more fails as overloaded.
        head_bytes: of an answer's status line and headers; more fails as too large.
        headers: fields in one answer; more fails as too large.
        body_bytes: of an answer's body; more fails as too large (a streamed body has no limit).
        connect_s: for one attempt to open a connection.
        idle_s: after which an unused connection is closed; keep it below the upstream's own.
        sweep_s: at least, between two looks at the deadlines: a call ends at most this late.

    >>> PoolLimits(connections=0)
    Traceback (most recent call last):
        ...
    segue.errors.DomainError: PoolLimits.connections is 0, and must be above 0
    """

    connections: int = 128
    waiting: int = 1024
    head_bytes: int = 64 * 1024
    headers: int = 256
    body_bytes: int = 32 * 1024 * 1024
    connect_s: float = 1.0
    idle_s: float = 30.0
    sweep_s: float = 0.01

    def __post_init__(self) -> None:
        _positive(self)
