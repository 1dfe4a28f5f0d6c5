"""How does a mesh carry an allocation? By the weights of a Kubernetes Gateway API `HTTPRoute`, set and read back.

Only GET and PATCH of one object are asked for, so a role with `get` and `patch` on `httproutes` of one name is enough.
"""

import json
import re
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

import msgspec

from segue.adapters.providers.weights import backends_of, number_of, patch_of, shares_of, weights_of
from segue.errors import DomainError, NotFound, Refused, Unavailable
from segue.facts.allocation import Allocation
from segue.ports.provider import InForce

_PLACE: Final = re.compile(r"httproute\+(https?://[^\s#]+)#([a-z0-9.-]+)/([a-z0-9.-]+)")
_MERGE: Final = "application/merge-patch+json"
_TIMES: Final = 5
_ANSWER_WITHIN_S: Final = 10.0


class HttpRouteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """By which right.

    Args:
        token: file with the bearer token, read at each request, because tokens of service accounts are renewed; None for none.
        ca: file with the certificates to trust, PEM; None for the system's.
    """

    token: Path | None = None
    ca: Path | None = None


class HttpRoutes:
    """Speaks to the API servers that specs name."""

    def __init__(self, settings: HttpRouteSettings) -> None:
        self._settings = settings

    def carry(self, provider: str, allocation: Allocation) -> InForce:
        """Set the weights, and read them back; an allocation that a newer one has overtaken changes nothing.

        Args:
            provider: `httproute+https://HOST:PORT#NAMESPACE/NAME`.
            allocation: published; its variants have urls.

        Raises:
            Unavailable: no answer, or the object is changed by others faster than it can be read.
            Refused: the API server says no, or the route's rules are not what the allocation needs.
            NotFound: there is no such route.
        """
        url, namespace = _address(provider)
        backends = backends_of(allocation, namespace)
        weights = weights_of(allocation)
        wanted = {backends[variant]: weight for variant, weight in weights.items()}
        for _ in range(_TIMES):
            found = self._ask("GET", url)
            if found is None:
                continue
            patch = patch_of(found, wanted, allocation.number)
            if patch is None:  # it is in force, as just read
                return InForce(shares=shares_of(found, backends), number=number_of(found))
            self._ask("PATCH", url, patch)  # whatever it answers, what is read next counts
        raise Unavailable("others change the HTTPRoute all the time", hint="who else sets its weights?", route=allocation.route)

    def _ask(self, method: str, url: str, patch: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The object, or None where somebody else was faster."""
        headers = {"accept": "application/json", "content-type": _MERGE}
        if self._settings.token is not None:
            headers["authorization"] = f"Bearer {_read(self._settings.token)}"
        body = None if patch is None else json.dumps(patch).encode()
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - the scheme was looked at
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S, context=self._context(url)) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            with error:
                _refuse(error)
                return None
        except (OSError, ValueError) as error:
            raise Unavailable(f"the API server does not answer: {error}") from error

    def _context(self, url: str) -> ssl.SSLContext | None:
        if not url.startswith("https"):
            return None
        return ssl.create_default_context(cafile=None if self._settings.ca is None else str(self._settings.ca))


def _address(provider: str) -> tuple[str, str]:
    found = _PLACE.fullmatch(provider)
    if found is None:
        raise DomainError(
            f"{provider!r} names no HTTPRoute", hint="such as httproute+https://kubernetes.default.svc#models/churn"
        )
    server, namespace, name = found.groups()
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes/{name}"
    return server.rstrip("/") + path, namespace


def _refuse(error: urllib.error.HTTPError) -> None:
    if error.code == 409:
        return
    try:
        said = str(json.load(error).get("message", error.reason))
    except (ValueError, AttributeError):
        said = str(error.reason)
    if error.code == 404:
        raise NotFound(f"there is no such HTTPRoute: {said}", hint="look at `provider` in the rollout file") from error
    if error.code >= 500 or error.code == 429:
        raise Unavailable(f"the API server answered {error.code}: {said}") from error
    raise Refused(f"the API server answered {error.code}: {said}", hint="may this account `get` and `patch` it?") from error


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Unavailable(f"the token cannot be read: {error}") from error
