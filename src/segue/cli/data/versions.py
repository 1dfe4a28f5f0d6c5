"""Which version is meant, is it there, and what did it see in training?"""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segue.errors import DomainError
from segue.facts.drift.profile import Profile
from segue.ports.registry import require_version, required_profile

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
    require_version(stores.registry, model, name)
    return name


def profile_of(stores: "Stores", version: str) -> Profile:
    """What a known version saw in training.

    Raises:
        DomainError: it is not named MODEL/VERSION.
        NotFound: no such version, or it has no profile.
    """
    return required_profile(stores.registry, stores.profiles, *split(version))
