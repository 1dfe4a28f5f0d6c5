"""Which version is meant, is it there, and what did it see in training?"""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segue.errors import DomainError, NotFound, near_miss
from segue.facts.drift.profile import Profile

if TYPE_CHECKING:
    from segue.adapters.stores.store import Stores

Version = Annotated[str, Parameter(help="MODEL/VERSION, such as churn/8.")]


def split(version: str) -> tuple[str, str]:
    """Model and version.

    Raises:
        DomainError: it is not named MODEL/VERSION.
    """
    model, _, name = version.rpartition("/")
    if not model or not name:
        raise DomainError(f"{version!r} is no version: it is named MODEL/VERSION", hint="such as churn/8")
    return model, name


def known(stores: "Stores", version: str) -> str:
    """The version's own name, of one that the registry knows.

    Raises:
        DomainError: it is not named MODEL/VERSION.
        NotFound: no such model, or no such version of it.
    """
    model, name = split(version)
    versions = [entry.version for entry in stores.registry.versions(model)]
    if not versions:
        models = sorted({entry.model for entry in stores.registry.versions()})
        hint = near_miss(model, models) or f"models: {', '.join(models) or 'none yet; segue model register'}"
        raise NotFound(f"no model is called {model!r}", hint=hint)
    if name not in versions:
        raise NotFound(f"{model} has no version {name!r}", hint=f"it has {', '.join(versions)}")
    return name


def profile_of(stores: "Stores", version: str) -> Profile:
    """What a known version saw in training.

    Raises:
        DomainError: it is not named MODEL/VERSION.
        NotFound: no such version, or it has no profile.
    """
    name = known(stores, version)
    found = stores.profiles.profile(split(version)[0], name)
    if found is None:
        raise NotFound(f"{version} has no profile", hint="register a version with --profile training.csv")
    return found
