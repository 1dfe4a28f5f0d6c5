"""What does MLflow know of a version, and what does Segue add?

MLflow keeps the number, the artifact and the tags of a version. What a host needs beside that is a tag of ours, `segue.entry`.
A version that was logged by MLflow itself has none: it is loaded by MLflow's own flavors, and its digest is taken when a host
first downloads it, and kept in the tag `segue.digest`, so that what is served later is what was served then.
"""

from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from segue.ports.registry import ModelVersion

OURS: Final = "segue."
ENTRY: Final = "segue.entry"
DIGEST: Final = "segue.digest"
FACTORY: Final = "segue.factory"
BY_FLAVOR: Final = "segue.host.runtimes.mlflow:load"
READY: Final = "READY"


class Known(Protocol):
    """MLflow's `ModelVersion`, as far as we read it."""

    name: str
    version: str | int
    status: str
    tags: dict[str, str]
    creation_timestamp: int


def tags_of(version: ModelVersion) -> dict[str, str]:
    """The tags that a version of ours has in MLflow: its own, and the entry."""
    entry = msgspec.structs.replace(version, tags={})
    return {**version.tags, ENTRY: msgspec.json.encode(entry).decode()}


def version_of(known: Known) -> ModelVersion:
    """A version as Segue sees it.

    Args:
        known: MLflow's `ModelVersion`.
    """
    tags = dict(known.tags)
    own = {name: value for name, value in tags.items() if not name.startswith((OURS, "mlflow."))}
    if ENTRY in tags:
        entry = msgspec.json.decode(tags[ENTRY], type=ModelVersion)
        return msgspec.structs.replace(entry, version=str(known.version), tags=own)
    return ModelVersion(
        model=known.name,
        version=str(known.version),
        factory=tags.get(FACTORY, BY_FLAVOR),
        artifact=f"models:/{known.name}/{known.version}",
        digest=tags.get(DIGEST, ""),
        registered_at=datetime.fromtimestamp(known.creation_timestamp / 1000, tz=UTC),
        tags=own,
    )
