"""A command line that is newer than the API that it asks tells its user so.

The older server is the API without what a version of it had not yet: one parameter, one field and one operation less, in what
it does as in what it says of itself.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import api_server
import msgspec
import pytest
from command_line import run

import segue
from segue.api import application, openapi
from segue.api.doing.rollouts import Which, as_
from segue.api.operation import Call, Operation, Paging, Reply
from segue.api.remote import RemoteDesk
from segue.api.views import ActAsked, Name
from segue.errors import NotFound, Refused


class OlderWhich(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rollouts, before one could ask for those by which routes stand."""

    route: Name | None = None
    live: bool = False


class OlderAct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for, before there were dry runs."""

    trigger: str
    reason: str = ""
    target: str = ""


def _older(operation: Operation) -> Operation:
    def listed(call: Call) -> Reply:
        asked = as_(OlderWhich, call.query)
        which = Which(limit=asked.limit, after=asked.after, live=asked.live)
        return operation.does(replace(call, query=which))

    if operation.query is Which:
        return replace(operation, query=OlderWhich, does=listed)
    return replace(operation, body=OlderAct) if operation.body is ActAsked else operation


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[api_server.Api]:
    """Such a server, on loopback."""
    operations = tuple(_older(it) for it in openapi.OPERATIONS if not it.path.endswith("/timeline"))
    monkeypatch.setattr(application, "OPERATIONS", operations)
    monkeypatch.setattr(openapi, "OPERATIONS", operations)
    monkeypatch.setenv("NO_COLOR", "1")
    with api_server.serving(tmp_path / "home") as served:
        monkeypatch.setenv("SEGUE_SERVER", served.url)
        yield served


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        (("status",), "the parameter `standing`"),
        (("pause", "churn", "--reason", "x", "--dry-run"), "the field `dry_run`"),
        (("model", "timeline", "churn"), "GET /v1/models/churn/timeline"),
    ],
)
def test_what_an_older_server_does_not_know(older: api_server.Api, words: tuple[str, ...], lacking: str) -> None:
    """A parameter, a field, a whole operation: it is named, with the version there and the one here, and what to do."""
    older.begin()
    status, out, err = run(*words)
    assert (status, out) == (6, "")
    assert f"{older.url} does not know {lacking}: it is segue {segue.__version__}, an older build than this command line" in err
    assert "upgrade `segue api` there" in err


@pytest.mark.parametrize(
    ("here", "said"),
    [("9.10.0", "older than this command line, 9.10.0"), ("0.0.9", "newer than this command line, 0.0.9")],
)
def test_versions_are_told_apart(older: api_server.Api, monkeypatch: pytest.MonkeyPatch, here: str, said: str) -> None:
    """By their numbers, of whichever of the two is behind; the hint says which one to change."""
    with monkeypatch.context() as changed:
        changed.setattr(segue, "__version__", here)
        with pytest.raises(Refused, match=said) as refused:
            RemoteDesk(older.url, "", "ada").rollouts(standing=True)
    assert ("upgrade `segue api` there" in refused.value.hint) == (here == "9.10.0")


def test_what_it_knows_is_as_ever(older: api_server.Api) -> None:
    """What both know is done, and what is wrong by both of them is told as it is by any server."""
    older.begin()
    assert run("get", "-o", "name") == (0, "churn-1\n", "")
    desk = RemoteDesk(older.url, "", "ada")
    with pytest.raises(NotFound, match="churn-9"):
        desk.rollout("churn-9")
    said = run("model", "register", "churn", "x y")
    assert (said.status, "it is not well said" in said.err, "does not know" in said.err) == (1, True, False)


def test_an_address_with_a_path_too_many(api: api_server.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers is an API, but not there: the address is named, not the path that was asked for."""
    monkeypatch.setenv("SEGUE_SERVER", f"{api.url}/v1")
    said = run("get")
    assert (said.status, f"there is no API of Segue at {api.url}/v1" in said.err) == (6, True)
