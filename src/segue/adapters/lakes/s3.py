"""Where do predictions and outcomes rest for many machines? In a bucket of S3, or of anything that speaks its protocol.

An object appears whole or not at all, and is put on the condition that its name is free (`If-None-Match: *`), so that of two
writers of one name the first stays, as in the folder.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.fsspec import FsspecStore
from obstore.store import S3Store

from segue.adapters.lakes import layout, packing
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
_TAIL_BYTES: Final = 64 * 1024
_AT_ONCE: Final = 16
"""So many packs are asked for their parts at a time."""


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
        self._parts: dict[Segment, tuple[Segment, ...]] = {}

    def put_predictions(self, segment: Segment, rows: Sequence[Prediction]) -> None:
        """Write a segment once; rows lie in the segment's hour."""
        self._put(segment, "predictions", rows)

    def put_outcomes(self, segment: Segment, rows: Sequence[Outcome]) -> None:
        """Write a segment once."""
        self._put(segment, "outcomes", rows)

    def segments(self, kind: RowKind, route: str) -> Sequence[Segment]:
        """All segments of a route, ordered; a pack in the place of its parts.

        Raises:
            Unavailable: the server did not answer.
            Refused: it does not know us, or does not let us.
        """
        loose = self._listed(kind, route, packed=False)
        packs = self._listed(kind, route, packed=True)
        return packing.in_place(list(loose), list(packs), self._many_parts)

    def locations(self, segments: Sequence[Segment]) -> Sequence[str]:
        """Addresses of the segments' objects."""
        return [f"{SCHEME}{self._settings.bucket}/{self._name(layout.path(segment))}" for segment in segments]

    def routes(self, kind: RowKind) -> Sequence[str]:
        """The routes that have files of a kind, ordered."""
        try:
            found = self._store.list_with_delimiter(f"{self._name(kind)}/")["common_prefixes"]
        except BaseError as error:
            raise _said(error, "the lake can't be listed", kind) from error
        return sorted(str(name).rstrip("/").rsplit("route=", 1)[-1] for name in found)

    def pack(self, segments: Sequence[Segment]) -> int:
        """Put the first of these segments into one file, in their place; how many they were."""
        packing.of_one_hour(segments)
        first = segments[0]
        pack = packing.following(list(self._listed(first.kind, first.route, packed=True)), segments, self.parts)
        try:
            made = packing.packed(segments, lambda it: self._store.get(self._object(it)).bytes().to_bytes()) if pack else None
            if pack is None or made is None:
                return 0
            self._store.put(self._object(pack), made.body, mode="create")
        except _TAKEN:
            return 0
        except (OSError, pa.ArrowException) as error:  # somebody swept them, perhaps
            raise Unavailable(f"the lake can't be packed: {error}", segment=first.key) from error
        except BaseError as error:
            raise _said(error, "the lake can't be packed", first.key) from error
        return made.parts

    def parts(self, pack: Segment, *, left: bool = False) -> Sequence[Segment]:
        """The segments whose rows a pack holds; `left`: those of them that still lie there by themselves."""
        try:
            if pack not in self._parts:
                self._parts[pack] = packing.parts_of(self._footer(self._object(pack)), pack)
            found = self._parts[pack]
            if not left:
                return found
            there = {
                str(it["path"]) for page in self._store.list(f"{self._object(found[0]).rpartition('/')[0]}/") for it in page
            }
        except BaseError as error:
            raise _said(error, "a pack can't be read", pack.key) from error
        except (OSError, pa.ArrowException) as error:
            raise Unavailable(f"a pack can't be read: {error}", segment=pack.key) from error
        return [it for it in found if self._object(it) in there]

    def sweep(self, kind: RowKind, route: str, keep_s: float) -> int:
        """Remove the parts of packs that are older than so many (real) seconds; how many files that were."""
        swept, now = 0, datetime.now(UTC)
        for pack, changed_at in self._listed(kind, route, packed=True).items():
            if (now - changed_at).total_seconds() >= keep_s and (left := self.parts(pack, left=True)):
                try:
                    self._store.delete([self._object(part) for part in left])
                except FileNotFoundError:
                    pass  # somebody else sweeps too
                except BaseError as error:
                    raise _said(error, "the lake can't be swept", pack.key) from error
                swept += len(left)
        return swept

    def _listed(self, kind: RowKind, route: str, *, packed: bool) -> dict[Segment, datetime]:
        """Segments and when they were written, in order."""
        folder = self._name(f"{layout.PACKS}/{layout.top(kind, route)}" if packed else layout.top(kind, route))
        found: dict[Segment, datetime] = {}
        try:
            for page in self._store.list(f"{folder}/"):
                for it in page:
                    segment = _segment(kind, route, str(it["path"]).removeprefix(f"{folder}/"))
                    if segment is not None:
                        found[msgspec.structs.replace(segment, packed=packed)] = it["last_modified"]
        except BaseError as error:
            raise _said(error, "the lake can't be listed", route) from error
        return dict(sorted(found.items()))

    def _many_parts(self, packs: Iterable[Segment]) -> Iterable[Sequence[Segment]]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self.parts, packs))

    def _object(self, segment: Segment) -> str:
        return self._name(layout.path(segment))

    def _footer(self, name: str) -> pq.FileMetaData:
        """What a Parquet file says of itself, which stands at its end, before its length and a mark of four bytes."""
        size = self._store.head(name)["size"]
        tail = self._store.get_range(name, start=max(0, size - _TAIL_BYTES), end=size).to_bytes()
        length = int.from_bytes(tail[-8:-4], "little") + 8
        if length > len(tail):
            tail = self._store.get_range(name, start=max(0, size - length), end=size).to_bytes()
        return pq.read_metadata(pa.BufferReader(tail))

    def _name(self, below: str) -> str:
        prefix = self._settings.prefix
        return f"{prefix}/{below}" if prefix else below

    def _put(self, segment: Segment, kind: RowKind, rows: Sequence[Prediction] | Sequence[Outcome]) -> None:
        layout.check(segment, kind, rows)
        try:
            self._store.put(self._object(segment), parquet(kind, rows), mode="create")
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
