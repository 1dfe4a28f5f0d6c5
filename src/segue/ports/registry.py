"""Which version is the champion?

Duties: a move compares before it sets and reads back after; every move is kept with who, why and evidence; `alias` tells
the truth of now, never of a cache.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from segue.errors import DomainError, NotFound, near_miss
from segue.facts.drift.profile import Profile
from segue.ports.span import WHOLE, Span

_DOTTED: Final = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
FACTORY: Final = f"^{_DOTTED}:{_DOTTED}$"
"""How a factory is named: `module:function`, both with dots where they lie deeper."""


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A registered version of a model.

    Args:
        factory: `module:function` that is given the artifact folder and returns the model; "" where somebody else serves it.
        artifact: folder, absolute; "" where there is no factory.
        digest: of the artifact's files, taken at registration, so that a changed folder is noticed.
        path: folder that is put on the import path for the factory, or "".
        warmup: an example request body for warm-up and probe, JSON text, or "".
        profile: digest of its training profile, or "" where it was registered without one.
    """

    model: str
    version: str
    factory: str
    artifact: str
    digest: str
    registered_at: datetime
    path: str = ""
    warmup: str = ""
    tags: dict[str, str] = {}
    profile: str = ""


class AliasMove(msgspec.Struct, frozen=True, kw_only=True):
    """One move of an alias: `before` is "" where there was none."""

    model: str
    alias: str
    before: str
    after: str
    who: str
    why: str
    at: datetime
    evidence: str = ""
    command_id: str = ""


class Registry(Protocol):
    """Versions and aliases."""

    def register(self, version: ModelVersion, *, who: str = "") -> None:
        """Enter a version, for somebody; the same again is harmless, another content under the same version is a Conflict."""
        ...

    def versions(self, model: str = "", *, span: Span = WHOLE) -> Sequence[ModelVersion]:
        """All versions, oldest first."""
        ...

    def alias(self, model: str, alias: str) -> str | None:
        """The version that the alias points at, None where there is no such alias."""
        ...

    def aliases(self, model: str = "") -> Sequence[tuple[str, str, str]]:
        """All (model, alias, version)."""
        ...

    def move(self, move: AliasMove) -> None:
        """Point the alias at `after` if it points at `before`, else Conflict; the same command id twice is once."""
        ...

    def moves(self, model: str, *, span: Span = WHOLE) -> Sequence[AliasMove]:
        """All moves in order."""
        ...

    def fetch(self, version: ModelVersion) -> ModelVersion:
        """The version with its artifact as a folder on this machine, and with a digest of it where the registry keeps one.

        Refused where the registry gives something else than was registered. May take long.
        """
        ...


class ProfileStore(Protocol):
    """What each version saw in training; beside the registry, so that it does not matter which one that is."""

    def keep(self, model: str, version: str, profile: Profile) -> str:
        """Keep a version's profile and return its digest; the same again is harmless, another one is a Conflict."""
        ...

    def profile(self, model: str, version: str) -> Profile | None:
        """A version's profile; None where it was registered without one."""
        ...


def require_named(factory: str) -> None:
    """See that a text can name a factory.

    Raises:
        DomainError: it cannot.

    >>> require_named("my_models.churn:Model.load")
    """
    if not re.fullmatch(FACTORY, factory):
        raise DomainError(f"{factory!r} names no function", hint="module:function, such as my_models:load")


def require_version(registry: Registry, model: str, version: str) -> None:
    """See that a version is registered.

    Raises:
        NotFound: it is not, or nothing of this model is; the hint names what is.
    """
    known = [entry.version for entry in registry.versions(model)]
    if not known:
        models = sorted({entry.model for entry in registry.versions()})
        hint = near_miss(model, models) or f"models: {', '.join(models) or 'none yet; segue model register'}"
        raise NotFound(f"no model is called {model!r}", hint=hint)
    if version not in known:
        raise NotFound(f"{model} has no version {version!r}", hint=f"it has {', '.join(known)}")


def required_profile(registry: Registry, profiles: ProfileStore, model: str, version: str) -> Profile:
    """What a version saw in training.

    Raises:
        NotFound: it has no profile, or there is no such version.
    """
    found = profiles.profile(model, version)
    if found is None:
        require_version(registry, model, version)
        raise NotFound(f"{model}/{version} has no profile", hint="register a version with --profile training.csv")
    return found
