"""How is a desk reached that is on another machine? The same questions, over the REST API.

What a server tells as a problem is raised here as the error that it was there, so that the command line says the same with a
server and without. A write carries an idempotency key and is sent again where the connection broke: it is done once.

What a server calls wrong may be right, and the server too old to know it. Its own OpenAPI document tells: what we sent and it
does not name is said, with its version and ours.
"""

import http.client
import re
import secrets
import ssl
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec

import segue
from segue.api.problems import MEDIA, Trouble, error_of
from segue.api.views import (
    ActAsked,
    ActState,
    AliasAsked,
    AliasMoved,
    Begun,
    Differences,
    Explained,
    KeyAsked,
    KeyMade,
    KeyView,
    Page,
    Registered,
    RolloutDetail,
    RolloutView,
    SpecAsked,
    TokenAsked,
    TokenMade,
    TokenView,
    VersionAsked,
    VersionView,
    Wanted,
)
from segue.errors import DomainError, NotFound, Refused, SegueError, Unavailable
from segue.facts.decision import Decision
from segue.facts.drift.profile import Profile
from segue.monitor.telling.market import Milestones
from segue.ports.audit import Entry
from segue.ports.registry import AliasMove

T = TypeVar("T")
_TIMES: Final = 4
_TIMEOUT_S: Final = 30.0
_PAGE: Final = 500
_ABOUT: Final = "/openapi.json"
_NO_SUCH_PLACE: Final = "Not Found"  # the title that HTTP itself gives; where a thing is not there, the title is another


class RemoteDesk:
    """The desks of rollouts, of models and of people behind `segue api`.

    Args:
        server: `http://host:port` or `https://...`.
        token: "" where the server asks for none.
        who: by whom, where the server asks for no token.

    Raises:
        DomainError: no such address.
    """

    def __init__(self, server: str, token: str, who: str) -> None:
        place = urlsplit(server)
        if place.scheme not in {"http", "https"} or not place.hostname:
            raise DomainError(f"{server!r} is no server", hint="such as http://127.0.0.1:8090")
        self._place = place
        self._headers = {"accept": f"application/json, {MEDIA}", "x-segue-who": quote(who)}
        if token:
            self._headers["authorization"] = f"Bearer {token}"

    def rollouts(self, route: str = "", *, live: bool = False, standing: bool = False) -> list[RolloutView]:
        """As the desk does."""
        which = {name: "true" for name, wanted in (("live", live), ("standing", standing)) if wanted}
        return self._pages("/v1/rollouts", RolloutView, route=route, **which)

    def rollout(self, name: str) -> RolloutDetail:
        """As the desk does."""
        return self._get(f"/v1/rollouts/{quote(name, safe='')}", RolloutDetail)

    def decisions(self, name: str, *, after: int = 0) -> list[Decision]:
        """As the desk does."""
        return self._pages(f"/v1/rollouts/{quote(name, safe='')}/decisions", Decision, after=str(after))

    def explained(self, decision: str) -> Explained:
        """As the desk does."""
        return self._get(f"/v1/decisions/{quote(decision, safe='')}", Explained)

    def apply(self, asked: SpecAsked) -> Begun:
        """As the desk does."""
        return self._post("/v1/rollouts", asked, Begun)

    def diff(self, asked: SpecAsked) -> Differences:
        """As the desk does."""
        return self._post("/v1/diff", asked, Differences)

    def ask(self, name: str, asked: ActAsked) -> ActState:
        """As the desk does."""
        return self._post(f"/v1/rollouts/{quote(name, safe='')}/acts", asked, ActState)

    def act(self, rollout: str, act: str) -> ActState:
        """As the desk does."""
        return self._get(f"/v1/rollouts/{quote(rollout, safe='')}/acts/{quote(act, safe='')}", ActState)

    def wanted(self, name: str) -> list[Wanted]:
        """As the desk does."""
        return self._pages(f"/v1/rollouts/{quote(name, safe='')}/outcomes-wanted", Wanted)

    def versions(self, model: str = "") -> list[VersionView]:
        """As the desk of models does."""
        return self._pages("/v1/models", VersionView, model=model)

    def moves(self, model: str) -> list[AliasMove]:
        """As the desk of models does."""
        return self._pages(f"/v1/models/{quote(model, safe='')}/moves", AliasMove)

    def register(self, model: str, asked: VersionAsked) -> Registered:
        """As the desk of models does."""
        return self._post(f"/v1/models/{quote(model, safe='')}/versions", asked, Registered)

    def move(self, model: str, alias: str, asked: AliasAsked) -> AliasMoved:
        """As the desk of models does."""
        return self._post(
            f"/v1/models/{quote(model, safe='')}/aliases/{quote(alias, safe='')}", asked, AliasMoved, method="PUT"
        )

    def profile(self, model: str, version: str) -> Profile:
        """As the desk of models does."""
        return self._get(f"/v1/models/{quote(model, safe='')}/versions/{quote(version, safe='')}/profile", Profile)

    def timeline(self, model: str) -> list[Milestones]:
        """As the desk of models does."""
        return self._pages(f"/v1/models/{quote(model, safe='')}/timeline", Milestones)

    def tokens(self) -> list[TokenView]:
        """As the desk of people does."""
        return self._pages("/v1/tokens", TokenView)

    def add_token(self, asked: TokenAsked) -> TokenMade:
        """As the desk of people does; sent once, since the secret is in no answer but the first."""
        return self._post("/v1/tokens", asked, TokenMade, times=1)

    def revoke_token(self, token: str) -> TokenView:
        """As the desk of people does."""
        return _decoded(self._send("DELETE", f"/v1/tokens/{quote(token, safe='')}", None, {}), TokenView)

    def keys(self, route: str = "") -> list[KeyView]:
        """As the desk of people does."""
        return self._pages("/v1/keys", KeyView, route=route)

    def add_key(self, asked: KeyAsked) -> KeyMade:
        """As the desk of people does; sent once, since the secret is in no answer but the first."""
        return self._post("/v1/keys", asked, KeyMade, times=1)

    def revoke_key(self, key: str) -> KeyView:
        """As the desk of people does."""
        return _decoded(self._send("DELETE", f"/v1/keys/{quote(key, safe='')}", None, {}), KeyView)

    def entries(self, subject: str = "") -> Iterator[Entry]:
        """As the desk of people does, a page at a time."""
        return self._items("/v1/audit", Entry, subject=subject)

    def latest(self, most: int, subject: str = "") -> list[Entry]:
        """As the desk of people does; no page is longer than what is asked for."""
        newest = self._items("/v1/audit", Entry, subject=subject, newest="true", limit=str(min(most, _PAGE)))
        return list(islice(newest, most))[::-1]

    def decided(self, rollout: str) -> list[Decision]:
        """As the desk of people does."""
        try:
            return self.decisions(rollout)
        except NotFound:
            return []

    def _get(self, path: str, kind: type[T]) -> T:
        return _decoded(self._send("GET", path, None, {}), kind)

    def _pages(self, path: str, kind: type[T], **query: str) -> list[T]:
        return list(self._items(path, kind, **query))

    def _items(self, path: str, kind: type[T], **query: str) -> Iterator[T]:
        asked = {"limit": str(_PAGE)} | {name: value for name, value in query.items() if value}
        while True:
            page: Page[T] = _decoded(self._send("GET", f"{path}?{urlencode(asked)}", None, {}), Page[kind])  # type: ignore[valid-type]
            yield from page.items
            if page.next is None:
                return
            asked["after"] = page.next

    def _post(self, path: str, asked: msgspec.Struct, kind: type[T], *, method: str = "POST", times: int = _TIMES) -> T:
        key = {"idempotency-key": secrets.token_hex(16), "content-type": "application/json"}
        return _decoded(self._send(method, path, msgspec.json.encode(asked), key, times=times), kind)

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str], *, times: int = _TIMES) -> bytes:
        for attempt in range(times):
            try:
                return self._once(method, path, body, self._headers | headers)
            except (OSError, http.client.HTTPException) as error:
                unknown = isinstance(error, ssl.SSLCertVerificationError)
                if unknown or attempt == times - 1:
                    hint = (
                        "SSL_CERT_FILE names the authority that it is to be trusted by"
                        if unknown
                        else "is `segue api` running?"
                    )
                    raise Unavailable(f"{self._server} does not answer: {error}", hint=hint) from error
                time.sleep(0.1 * 2**attempt)
        raise AssertionError

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        secure = self._place.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._place.hostname or "", self._place.port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, self._place.path.rstrip("/") + path, body, headers)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status < 300:
            return said
        if answer.headers.get_content_type() != MEDIA:
            raise Refused(f"it answers {answer.status}, and not as an API of Segue does", hint="is the address right?")
        trouble = _decoded(said, Trouble)
        if path != _ABOUT and (trouble.status in {400, 405} or trouble.title == _NO_SUCH_PLACE):
            self._require_known(method, path, body)
        raise error_of(trouble)

    def _require_known(self, method: str, path: str, body: bytes | None) -> None:
        """See that a server which calls a request wrong is new enough to know it.

        Raises:
            Refused: its own document does not name what was sent; or there is none, so that this is another place.
        """
        try:
            about = _decoded(self._once("GET", _ABOUT, None, self._headers), dict[str, Any])
            lacking, there = unknown_to(about, method, path, body), str(about["info"]["version"])
        except NotFound as error:
            place = f"{self._server}{self._place.path}"
            raise Refused(f"there is no API of Segue at {place}", hint="such as http://127.0.0.1:8090") from error
        except (OSError, http.client.HTTPException, SegueError, LookupError, TypeError):
            return  # it does not tell; its own words have to do
        here = segue.__version__
        if not lacking:
            return
        if _number(there) > _number(here):
            text, hint = f"newer than this command line, {here}", f"install segue {there} here"
        else:
            text = "an older build than this command line" if there == here else f"older than this command line, {here}"
            hint = "upgrade `segue api` there, or use a command line of its version"
        raise Refused(f"{self._server} does not know {lacking}: it is segue {there}, {text}", hint=hint)

    @property
    def _server(self) -> str:
        return f"{self._place.scheme}://{self._place.netloc}"


def unknown_to(about: dict[str, Any], method: str, path: str, body: bytes | None) -> str:
    """What of a request an API does not name in its OpenAPI document, in words; "" where it names all.

    Args:
        about: the document.
        method: of the request.
        path: with the query.
        body: JSON, or None.

    >>> about = {"paths": {"/v1/keys/{key}": {"get": {"parameters": [{"name": "route", "in": "query"}]}}}}
    >>> [unknown_to(about, "GET", path, None) for path in ("/v1/keys/k1?route=a", "/v1/keys/k1?route=a&live=true")]
    ['', 'the parameter `live`']
    >>> unknown_to(about, "DELETE", "/v1/keys/k1", None)
    'DELETE /v1/keys/k1'
    """
    place, _, query = path.partition("?")
    known = (it for template, it in about["paths"].items() if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), place))
    operation = next((it[method.lower()] for it in known if method.lower() in it), None)
    if operation is None:
        return f"{method} {place}"
    named = {it["name"] for it in operation["parameters"] if it["in"] == "query"}
    strange = [f"the parameter `{name}`" for name, _ in parse_qsl(query) if name not in named]
    if body is not None:
        shape = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        fields = about["components"]["schemas"][shape]["properties"]
        strange += [f"the field `{name}`" for name in msgspec.json.decode(body) if name not in fields]
    return " and ".join(strange)


def _number(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Refused(
            f"the server's answer is of another version: {error}", hint="install the server's version here"
        ) from error
