"""How is the API run? With uvicorn, on one address, with TLS or without."""

from pathlib import Path
from typing import Final

import msgspec
import uvicorn

from segue.api.access import LOOPBACK
from segue.api.application import application
from segue.api.operation import Office
from segue.errors import DomainError, Refused

_CLOSE_WITHIN_S: Final = 3


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where it listens.

    Args:
        certificate, key: files in PEM; None for no TLS.
    """

    address: str = "127.0.0.1"
    port: int = 8090
    certificate: Path | None = None
    key: Path | None = None

    @property
    def loopback(self) -> bool:
        """Whether nobody else's machine reaches it."""
        return self.address in LOOPBACK


def require_safe(settings: ApiSettings, office: Office) -> None:
    """See that nobody is let in whom nobody knows.

    Raises:
        Refused: the address is not loopback, and there is no token.
        DomainError: half of what TLS takes.
    """
    if (settings.certificate is None) != (settings.key is None):
        raise DomainError("TLS takes a certificate and its key", hint="--certificate and --key")
    for file in (settings.certificate, settings.key):
        if file is not None and not file.is_file():
            raise DomainError(f"{file} is no file")
    if not settings.loopback and not office.tokens.any():
        hint = "`segue token add NAME --role admin` makes one; or listen at 127.0.0.1"
        raise Refused(f"without a token the API does not listen at {settings.address}", hint=hint)


def run(office: Office, settings: ApiSettings) -> None:
    """Serve until SIGTERM or SIGINT; streams that are open then are ended after a moment."""
    require_safe(settings, office)
    config = uvicorn.Config(
        application(office),
        host=settings.address,
        port=settings.port,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_CLOSE_WITHIN_S,
    )
    uvicorn.Server(config).run()
