"""Where do predictions and outcomes rest for many machines? In a bucket of S3, or of anything that speaks its protocol.

An object appears whole or not at all, and is put on the condition that its name is free (`If-None-Match: *`), so that of two
writers of one name the first stays, as in the folder.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.fsspec import FsspecStore
from obstore.store import S3Store

from segue.adapters.lakes import layout
from segue.adapters.lakes.table import parquet
from segue.errors import DomainError, Refused, Unavailable
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.ports.lake import RowKind, Segment

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

SCHEME: Final = "s3://"
_TAKEN: Final = (AlreadyExistsError, PreconditionError)
_NOT_ALLOWED: Final = (PermissionDeniedError, UnauthenticatedError)
_STATUS_NOT_ALLOWED: Final = re.compile(r"status: 40[13]\b")
"""A list that is forbidden has no exception of its own."""
_RETRIES: Final = 3


class S3Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Which server, and as whom.

    Args:
        address: `s3://bucket/prefix`.
        endpoint: of a server that is not Amazon's; http:// is taken only where it is written here.
        region: of the bucket.
        key_id, secret, token: credentials; where none are given, those of the machine's role.
        timeout_s: of one request, real time.
    """

    address: str
    endpoint: str = ""
    region: str = ""
    key_id: str = ""
    secret: str = ""
    token: str = ""
    timeout_s: float = 30.0

    @classmethod
    def from_environment(cls, address: str, environment: Mapping[str, str]) -> "S3Settings":
        """What the usual variables say."""
        return cls(
            address=address,
            endpoint=environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL", ""),
            region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", ""),
            key_id=environment.get("AWS_ACCESS_KEY_ID", ""),
            secret=environment.get("AWS_SECRET_ACCESS_KEY", ""),
            token=environment.get("AWS_SESSION_TOKEN", ""),
        )

    @property
    def bucket(self) -> str:
        """The bucket's name.

        Raises:
            DomainError: the address names none.
        """
        name = self.address.removeprefix(SCHEME).partition("/")[0]
        if not self.address.startswith(SCHEME) or not name:
            raise DomainError(f"{self.address!r} is no lake in a bucket", hint="s3://bucket/prefix")
        return name

    @property
    def prefix(self) -> str:
        """What all names begin with, without slashes around it; often nothing."""
        return self.address.removeprefix(SCHEME).partition("/")[2].strip("/")

    @property
    def config(self) -> "S3Config":
        """For the client."""
        given = {
            "endpoint": self.endpoint,
            "region": self.region or ("us-east-1" if self.endpoint else ""),
            "access_key_id": self.key_id,
            "secret_access_key": self.secret,
            "session_token": self.token,
        }
        return {name: value for name, value in given.items() if value}  # type: ignore[return-value]  # keys of S3Config

    @property
    def client(self) -> "ClientConfig":
        """For its connections."""
        return {"allow_http": self.endpoint.startswith("http://"), "timeout": timedelta(seconds=self.timeout_s)}

    @property
    def retries(self) -> "RetryConfig":
        """How often it asks again by itself; whoever calls tries again later."""
        return {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=self.timeout_s)}


class S3Lake:
    """The lake in a bucket."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._store = S3Store(
            settings.bucket, config=settings.config, client_options=settings.client, retry_config=settings.retries
        )

    def put_predictions(self, segment: Segment, rows: Sequence[Prediction]) -> None:
        """Write a segment once; rows lie in the segment's hour."""
        self._put(segment, "predictions", rows)

    def put_outcomes(self, segment: Segment, rows: Sequence[Outcome]) -> None:
        """Write a segment once."""
        self._put(segment, "outcomes", rows)

    def segments(self, kind: RowKind, route: str) -> Sequence[Segment]:
        """All segments of a route, ordered.

        Raises:
            Unavailable: the server did not answer.
            Refused: it does not know us, or does not let us.
        """
        folder = self._name(layout.top(kind, route))
        found = []
        try:
            for page in self._store.list(f"{folder}/"):
                found += [_segment(kind, route, str(it["path"]).removeprefix(f"{folder}/")) for it in page]
        except BaseError as error:
            raise _said(error, "the lake can't be listed", route) from error
        return sorted(segment for segment in found if segment is not None)

    def locations(self, segments: Sequence[Segment]) -> Sequence[str]:
        """Addresses of the segments' objects."""
        return [f"{SCHEME}{self._settings.bucket}/{self._name(layout.path(segment))}" for segment in segments]

    def _name(self, below: str) -> str:
        prefix = self._settings.prefix
        return f"{prefix}/{below}" if prefix else below

    def _put(self, segment: Segment, kind: RowKind, rows: Sequence[Prediction] | Sequence[Outcome]) -> None:
        layout.check(segment, kind, rows)
        try:
            self._store.put(self._name(layout.path(segment)), parquet(kind, rows), mode="create")
        except _TAKEN:
            return
        except BaseError as error:
            raise _said(error, "the lake can't be written", segment.key) from error


def file_system(settings: S3Settings) -> Any:  # noqa: ANN401 - fsspec's, which engines take as it is
    """How an engine reads the objects."""
    return FsspecStore("s3", config=settings.config, client_options=settings.client, retry_config=settings.retries)


def _said(error: BaseError, what: str, about: str) -> Refused | Unavailable:
    text = str(error)
    first = text.splitlines()[0]
    if isinstance(error, _NOT_ALLOWED) or _STATUS_NOT_ALLOWED.search(text):
        return Refused(f"{what}: {first}", hint="check the credentials and what they allow", about=about)
    return Unavailable(f"{what}: {first}", about=about)


def _segment(kind: RowKind, route: str, below: str) -> Segment | None:
    parts = below.split("/")
    if len(parts) != 3 or not below.endswith(layout.ENDING):
        return None  # somebody else's
    try:
        hour = layout.hour(parts[0], parts[1])
    except ValueError:
        return None
    return Segment(kind=kind, route=route, hour=hour, name=parts[2].removesuffix(layout.ENDING))
