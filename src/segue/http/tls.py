"""Whom does a connection trust, and with what does it prove who we are?

Settings become a `TlsContext`, which a server listens with, or a pool connects with. It follows its files: a connection
begins with what they hold at that moment, those open before go on with what they began with, and files that do not fit
together leave what was there in force. RFC 8446 and RFC 5246 are OpenSSL's; the defaults are `ssl.create_default_context`'s.
"""

import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, TypeAlias, TypeVar

import msgspec

from segue.errors import DomainError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

log: Final = logging.getLogger("segue.http")

Version: TypeAlias = Literal["1.2", "1.3"]
Clients: TypeAlias = Literal["none", "request", "require"]
_VERSIONS: Final[dict[Version, ssl.TLSVersion]] = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_RECORD: Final = 16384  # bytes of content in one record at most (RFC 8446, 5.1)
_PEM: Final = "-----BEGIN CERTIFICATE----- begins one"
_CLIENTS: Final[dict[Clients, ssl.VerifyMode]] = {
    "none": ssl.CERT_NONE,
    "request": ssl.CERT_OPTIONAL,
    "require": ssl.CERT_REQUIRED,
}


class ServerTls(msgspec.Struct, frozen=True, kw_only=True):
    """How a server proves who it is, and whom it lets in. Files are PEM.

    Args:
        certificate: file with the chain, the server's own first.
        key: file with its private key, not encrypted.
        client_ca: file with the authorities of callers' certificates; only these are trusted, never the system's.
        clients: whether callers prove who they are: `none` is not asked, `request` may (a bad certificate is refused),
            `require` must.
        minimum: version of TLS.

    Raises:
        DomainError: callers are to prove who they are, and no authority is named; or the reverse.
    """

    certificate: str
    key: str
    client_ca: str = ""
    clients: Clients = "none"
    minimum: Version = "1.2"

    def __post_init__(self) -> None:
        if (self.clients == "none") == bool(self.client_ca):
            have = f"clients = {self.clients} and {'a' if self.client_ca else 'no'} client_ca"
            raise DomainError(f"{have} contradict each other", hint="`request` and `require` need a client_ca, `none` has none")

    def files(self) -> tuple[str, ...]:
        """What is read."""
        return tuple(filter(None, (self.certificate, self.key, self.client_ca)))

    def load(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            DomainError: a file is missing, unreadable or not what it should be.
        """
        context = _context(ssl.Purpose.CLIENT_AUTH, self.client_ca, self.minimum)
        _load_pair(context, self.certificate, self.key)
        context.verify_mode = _CLIENTS[self.clients]
        return context

    def context(self) -> "TlsContext[ServerTls]":
        """For `Server.listen`; raises as `load` does."""
        return TlsContext(self)


class ClientTls(msgspec.Struct, frozen=True, kw_only=True):
    """Which servers are trusted, and how we prove who we are. Files are PEM.

    Args:
        ca: file with the authorities to trust instead of the system's.
        certificate: file with our chain, our own first, where servers ask for one.
        key: file with its private key, not encrypted.
        server_name: the name that a server's certificate has to hold, where it is not the host connected to.
        minimum: version of TLS.
        insecure: True to trust anybody: whoever sits in between reads and changes everything. For a laptop; says so in the log.

    Raises:
        DomainError: a certificate without a key, or the reverse; `insecure` beside what it would ignore.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""
    server_name: str = ""
    minimum: Version = "1.2"
    insecure: bool = False

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise DomainError("a certificate and its key come together", hint="name both files, or neither")
        if self.insecure and self.ca:
            raise DomainError("insecure trusts anybody, and there is a ca", hint="leave one of them out")

    def files(self) -> tuple[str, ...]:
        """What is read, beside the system's authorities."""
        return tuple(filter(None, (self.certificate, self.key, self.ca)))

    def load(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            DomainError: a file is missing, unreadable or not what it should be.
        """
        context = _context(ssl.Purpose.SERVER_AUTH, self.ca, self.minimum)
        if self.certificate:
            _load_pair(context, self.certificate, self.key)
        if self.insecure:
            log.warning("TLS without verification: whoever answers is trusted")
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def context(self) -> "TlsContext[ClientTls]":
        """For an `UpstreamPool`, or several; raises as `load` does."""
        return TlsContext(self, server_name=self.server_name)


Side = TypeVar("Side", bound=ServerTls | ClientTls)


class TlsContext(ssl.SSLContext, Generic[Side]):
    """Begins each connection with what the settings' files hold now; made by `ServerTls.context` and `ClientTls.context`.

    Counters to read: handshakes `begun`, those `made`, those `failed` by OpenSSL's reason; the others are under way, were
    left by the peer, or took too long. `problem` says why changed files are not in force, "" where they are.
    """

    def __new__(cls, settings: Side, *, server_name: str = "") -> Self:  # noqa: ARG004, D102 - as `__init__`
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER if isinstance(settings, ServerTls) else ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, settings: Side, *, server_name: str = "") -> None:
        self.begun = 0
        self.made = 0
        self.failed: dict[str, int] = {}
        self.problem = ""
        self._settings = settings
        self._server_name = server_name
        self._stamps = self._stamped()  # before reading: what changes meanwhile is read again
        self._current = settings.load()

    def wrap_bio(  # type: ignore[override]  # nobody gives a session by its place
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        *,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection; the event loop calls this."""
        self._follow()
        self.begun += 1
        name = self._server_name or server_hostname
        wrapped = self._current.wrap_bio(incoming, outgoing, server_side, name, session)
        if isinstance(wrapped, _TlsObject):
            wrapped.tally, wrapped.incoming, wrapped.outgoing = self, incoming, outgoing
        return wrapped

    def _follow(self) -> None:
        """Read the files again if one has changed."""
        stamps = self._stamped()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self._current = self._settings.load()
        except (DomainError, OSError) as error:  # a file may go between a look and the reading
            self.problem = str(error)
            log.error("the certificates in force stay, for the changed ones cannot be used: %s", error)
        else:
            self.problem = ""
            log.info("changed certificates are in force: %s", ", ".join(self._settings.files()))

    def _stamped(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._settings.files()]


class _TlsObject(ssl.SSLObject):
    """One connection's TLS; tells its context how the handshake went, and its caller why it failed.

    The loops drop a connection whose handshake fails before OpenSSL's alert has left (RFC 8446, 6.2). So a server's does as if
    more were to come: the alert leaves, and the connection ends when its caller does, or when the time for a handshake is up.
    """

    tally: "TlsContext[Any]"
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    _refused = False

    def do_handshake(self) -> None:
        """One step; the event loop calls this."""
        if self._refused:
            self.incoming.read()  # whatever a refused caller goes on to say
            raise ssl.SSLWantReadError
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            reason = (error.reason or "unknown").lower()
            self.tally.failed[reason] = self.tally.failed.get(reason, 0) + 1
            self._refused = self.server_side and self.outgoing.pending > 0
            if self._refused:
                raise ssl.SSLWantReadError from error
            raise
        self.tally.made += 1

    def read(self, len: int = _RECORD, buffer: "WriteableBuffer | None" = None) -> bytes:  # noqa: A002 - ssl's name
        """The content of one record; the event loop calls this, asks for 256 KiB, and would pay for such a buffer each time."""
        return super().read(min(len, _RECORD), buffer)

    def unwrap(self) -> None:
        """Say goodbye without waiting for the peer's (RFC 8446, 6.1), once all else has left; the event loop calls this."""
        unsent = self.outgoing.pending
        try:
            super().unwrap()
        except ssl.SSLWantReadError:
            if unsent:
                raise


def why(error: ssl.SSLError) -> str:
    """What a person wants to know of a failed handshake."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return f"no TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"


def _context(purpose: ssl.Purpose, authorities: str, minimum: Version) -> ssl.SSLContext:
    """What both sides have in common."""
    if authorities:
        _check_readable("CA file", authorities)
    try:
        context = ssl.create_default_context(purpose, cafile=authorities or None)
    except ssl.SSLError as error:
        raise DomainError(f"the CA file {authorities} holds no certificate in PEM", hint=_PEM) from error
    context.minimum_version = _VERSIONS[minimum]
    context.options |= ssl.OP_NO_RENEGOTIATION  # a caller's way to make us work; HTTP has no use for it
    context.set_alpn_protocols(["http/1.1"])
    context.sslobject_class = _TlsObject
    return context


class _EncryptedError(Exception):
    """The key asks for a passphrase."""


def _nobody_to_ask() -> str:
    raise _EncryptedError  # else OpenSSL asks on the terminal, and waits


def _load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    _check_readable("certificate", certificate)
    _check_readable("key", key)
    try:
        context.load_cert_chain(certificate, key, _nobody_to_ask)
    except _EncryptedError:
        hint = "nobody is there to type a passphrase: write it with `openssl pkey`, and let the file's mode protect it"
        raise DomainError(f"the key {key} is encrypted", hint=hint) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            hint = "the certificate's own comes first in its file, its issuers after it"
            raise DomainError(f"the key {key} is not that of the certificate {certificate}", hint=hint) from error
        hint = "a chain and a private key in PEM, strong enough for OpenSSL's security level"
        why_not = error.reason or "not PEM"
        raise DomainError(f"the certificate {certificate} and the key {key} cannot be used: {why_not}", hint=hint) from error


def _check_readable(what: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        hint = "it is read by the account that this process runs as, from its working folder"
        raise DomainError(f"the {what} {path} cannot be read: {error.strerror}", hint=hint) from error


def _stamp(path: str) -> tuple[int, int, int] | None:
    """What changes when a file does, or a link to it."""
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
