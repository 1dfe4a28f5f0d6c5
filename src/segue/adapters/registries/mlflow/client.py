"""How is an MLflow server asked, and what do its errors mean?

`mlflow+http://HOST:PORT` is a server's address. Who may ask it is said in MLflow's own variables (`MLFLOW_TRACKING_USERNAME`,
`MLFLOW_TRACKING_PASSWORD`, `MLFLOW_TRACKING_TOKEN`), so that no secret stands in a spec. Its client is imported at the first
question: that takes a second, and a program that only opens the store does not need it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from segue.errors import Conflict, DomainError, NotFound, PortError, Refused, Unavailable
from segue.extras import installing

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCHEME: Final = "mlflow+"
_PATIENCE: Final = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""MLflow would try for minutes; a monitor holds and asks again at its next tick. Set variables win."""

_MISSING: Final = frozenset({"RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND"})
_MEANING: Final[dict[str, type[PortError]]] = {
    **dict.fromkeys(_MISSING, NotFound),
    "RESOURCE_ALREADY_EXISTS": Conflict,
    "RESOURCE_CONFLICT": Conflict,
    "INVALID_PARAMETER_VALUE": Refused,
    "INVALID_STATE": Refused,
    "BAD_REQUEST": Refused,
    "PERMISSION_DENIED": Refused,
    "UNAUTHENTICATED": Refused,
    "CUSTOMER_UNAUTHORIZED": Refused,
    "RESOURCE_LIMIT_EXCEEDED": Refused,
}


class Server:
    """One MLflow server.

    Args:
        address: `mlflow+http://HOST:PORT` or `mlflow+https://...`.

    Raises:
        DomainError: it is no such address.
    """

    def __init__(self, address: str) -> None:
        self.url = address.removeprefix(SCHEME).rstrip("/")
        if not address.startswith(SCHEME) or not self.url.startswith(("http://", "https://")):
            raise DomainError(f"{address!r} is no address of an MLflow server", hint="mlflow+http://host:5000")

    @cached_property
    def client(self) -> "MlflowClient":
        """Its client.

        Raises:
            Refused: it is not installed.
        """
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient  # noqa: PLC0415 - see the module's docstring
        except ImportError as error:
            raise Refused(f"MLflow's client is missing: {error}", hint=installing("mlflow")) from error
        return MlflowClient(tracking_uri=self.url, registry_uri=self.url)

    @contextmanager
    def asked(self) -> Iterator[Any]:
        """The client, for the time of the block; what it raises comes out as one of the port's errors."""
        client = self.client
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see the module's docstring
        from requests import RequestException  # noqa: PLC0415 - the same

        try:
            yield client
        except MlflowException as error:
            kind = _MEANING.get(str(error.error_code), Unavailable)
            raise kind(f"MLflow at {self.url}: {first_line(error)}") from error
        except RequestException as error:
            raise Unavailable(f"MLflow at {self.url} does not answer: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """What an error says, without the trace that MLflow writes behind it."""
    return str(error).partition("\n")[0][:300]
