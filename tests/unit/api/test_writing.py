"""What can be done: once a key, by whom it may be, and under whose name."""

import re
from pathlib import Path
from typing import Any

import api_server
import pytest

from segue.api.openapi import EVENTS, OPERATIONS
from segue.errors import Refused
from segue.ports.access import ROLES


def test_a_rollout_is_begun_and_steered(api: api_server.Api) -> None:
    """Applied twice is once; a dry run writes nothing; an act is asked for, and told of once a tick has applied it."""
    api_server.register(api.stores)
    assert api("POST", "/v1/rollouts", {"spec": api_server.SPEC, "dry_run": True}).json["created"] is False
    assert api("GET", "/v1/rollouts").json["items"] == []
    assert [api("POST", "/v1/rollouts", {"spec": api_server.SPEC}).status for _ in range(2)] == [201, 200]
    api.decide("churn-1", "running")
    other = api_server.SPEC.replace("1pp", "2pp")
    assert api("POST", "/v1/rollouts", {"spec": other}).status == 409
    (change,) = api("POST", "/v1/diff", {"spec": other}).json["changes"]
    assert (change["old"], change["new"]) == ("1pp", "2pp")
    acts = "/v1/rollouts/churn/acts"
    assert api("POST", acts, {"trigger": "resume"}).status == 409
    assert api("POST", acts, {"trigger": "abort"}).status == 400
    assert api("POST", acts, {"trigger": "pause", "dry_run": True}).json["state"] == "dry_run"
    assert api.stores.commands.asked("churn-1") == []
    asked = api("POST", acts, {"trigger": "pause", "reason": "lunch"}, x_segue_who="ana")
    assert asked.status == 202
    assert (asked.json["act"]["who"], asked.json["act"]["why"], asked.json["state"]) == ("ana", "lunch", "asked")
    place = f"{acts}/{asked.json['act']['id']}"
    assert api("GET", place).json["state"] == "asked"
    decided = api.decide("churn-1", "paused")
    assert api("GET", place).json["decision"]["id"] == decided.id


def test_a_key_makes_twice_once(api: api_server.Api) -> None:
    """The same write with the same key is answered the same and done once; another one with that key is a 409."""
    rollout = api.begin()
    acts, wish = f"/v1/rollouts/{rollout}/acts", {"trigger": "pause", "reason": "lunch"}
    first = api("POST", acts, wish, idempotency_key="k1")
    again = api("POST", acts, wish, idempotency_key="k1")
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(api.stores.commands.asked(rollout)) == 1
    assert api("POST", acts, {"trigger": "abort", "reason": "x"}, idempotency_key="k1").status == 409
    assert len(api.stores.commands.asked(rollout)) == 1
    api("POST", acts, wish, idempotency_key="k2")
    assert len(api.stores.commands.asked(rollout)) == 2


def test_an_answer_that_was_lost_is_given_again(api: api_server.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between an act and the keeping of its answer: the same key again enters nothing, even after a tick applied it."""
    rollout = api.begin()
    acts, wish = f"/v1/rollouts/{rollout}/acts", {"trigger": "pause", "reason": "lunch"}

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(type(api.stores.answered), "keep", crash)
        assert api("POST", acts, wish, idempotency_key="k1").status == 500
    (act,) = api.stores.commands.asked(rollout)
    assert api("POST", acts, wish, idempotency_key="k1").json["act"]["id"] == act.id
    assert list(api.stores.commands.asked(rollout)) == [act]
    with monkeypatch.context() as patch:
        patch.setattr(type(api.stores.answered), "keep", crash)
        api("POST", acts, wish, idempotency_key="k2")
    api.decide(rollout, "paused")
    again = api("POST", acts, wish, idempotency_key="k2")
    assert (again.status, api.stores.commands.asked(rollout)) == (202, [])
    assert again.json["decision"]["number"] == 2


def test_what_has_changed_since_is_left_alone(api: api_server.Api) -> None:
    """`If-Match` with an ETag that is not in force is a 412 and enters nothing."""
    rollout = api.begin()
    etag = api("GET", f"/v1/rollouts/{rollout}").headers["etag"]
    api.decide(rollout, "running")
    wish = {"trigger": "abort", "reason": "x"}
    assert api("POST", f"/v1/rollouts/{rollout}/acts", wish, if_match=etag).status == 412
    assert api.stores.commands.asked(rollout) == []
    now = api("GET", f"/v1/rollouts/{rollout}").headers["etag"]
    assert api("POST", f"/v1/rollouts/{rollout}/acts", wish, if_match=now).status == 202


def test_an_alias_moves_once(api: api_server.Api) -> None:
    """With who and why; what is not registered, and what was not expected, is refused."""
    api_server.register(api.stores)
    place = "/v1/models/churn/aliases/champion"
    assert api("PUT", place, {"version": "9", "reason": "x"}).status == 404
    assert api("PUT", place, {"version": "8", "reason": "x", "expected": "6"}).status == 409
    for _ in range(2):
        moved = api("PUT", place, {"version": "8", "reason": "better", "expected": "7"}, x_segue_who="ana")
        assert (moved.status, moved.json["version"]) == (200, "8")
    assert [(it.after, it.who, it.why) for it in api.stores.registry.moves("churn")][1:] == [("8", "ana", "better")]


ROLE_OF = {
    "viewer": (
        "GET /v1/rollouts", "POST /v1/diff", "GET /v1/rollouts/{rollout}", "GET /v1/rollouts/{rollout}/decisions",
        "GET /v1/decisions/{decision}", "GET /v1/rollouts/{rollout}/acts/{act}", "GET /v1/rollouts/{rollout}/cells",
        "GET /v1/rollouts/{rollout}/outcomes-wanted", "GET /v1/routes/{route}", "GET /v1/routes/{route}/allocations",
        "GET /v1/routes/{route}/workers", "GET /v1/models", "GET /v1/models/{model}/versions/{version}/profile",
        "GET /v1/models/{model}/timeline", "GET /v1/aliases", "GET /v1/models/{model}/moves", "GET /v1/audit",
        "POST /v1/hooks/mlflow", "POST /v1/hooks/flagger/{rollout}/{hook}",
    ),
    "operator": ("POST /v1/rollouts", "POST /v1/rollouts/{rollout}/acts"),
    "approver": ("PUT /v1/models/{model}/aliases/{alias}", "POST /v1/models/{model}/versions"),
    "admin": (
        "GET /v1/tokens", "POST /v1/tokens", "DELETE /v1/tokens/{token}",
        "GET /v1/keys", "POST /v1/keys", "DELETE /v1/keys/{key}",
    ),
    None: ("GET /livez", "GET /readyz"),
}  # fmt: skip
"""Who may call what; an operation that is new has to be entered here too."""


def test_the_roles_are_those_that_were_meant() -> None:
    """Every operation stands in one row of the table, and in no other."""
    assert {role: {f"{it.method} {it.path}" for it in OPERATIONS if it.role == role} for role in ROLE_OF} == {
        role: set(operations) for role, operations in ROLE_OF.items()
    }
    assert len(OPERATIONS) == sum(map(len, ROLE_OF.values()))


def test_a_version_is_registered(api: api_server.Api) -> None:
    """With its profile, once; another content under its name is a conflict; its milestones are in the log."""
    place = "/v1/models/churn/versions"
    column = {"name": "age", "kind": "numeric", "edges": [1.0], "groups": [0, 1], "counts": [1, 2, 0, 0]}
    loading = {"factory": "m:load", "artifact": "/models/9", "digest": "ab"}
    version: dict[str, Any] = {"version": "9", "loading": loading, "tags": {"team": "a"}}
    version |= {"profile": {"features": [column], "rows": 3}}
    assert api("POST", place, version | {"dry_run": True}).status == 200
    assert api("GET", "/v1/models").json["items"] == []
    first, again = (api("POST", place, version) for _ in range(2))
    assert (first.status, again.status, first.json) == (201, 201, again.json)
    (listed,) = api("GET", "/v1/models?model=churn").json["items"]
    assert (listed["version"], listed["digest"], listed["profile"]) == ("9", "ab", first.json["profile"])
    (seen,) = api("GET", f"{place}/9/profile").json["features"]
    assert (seen["name"], seen["counts"]) == ("age", [1, 2, 0, 0])
    assert api("POST", place, version | {"loading": loading | {"digest": "ac"}}).status == 409
    wrongs = ({"factory": "m"}, {"artifact": "models/9"}, {"artifact": None})
    assert [api("POST", place, version | {"loading": loading | wrong}).status for wrong in wrongs] == [400] * 3
    assert api("POST", "/v1/models/a%40b/versions", version).status == 404
    assert [it["version"] for it in api("GET", "/v1/models/churn/timeline").json["items"]] == ["9"]
    assert "no version '8'" in api("GET", f"{place}/8/profile").json["detail"]


def test_every_route_asks_for_its_role(api: api_server.Api) -> None:
    """Each role on each route: below the route's own it is a 403, with it never; without a token it is a 401."""
    rollout = api.begin()
    tokens = {role: api.token(role) for role in ROLES}
    events = [("GET", EVENTS, "viewer")]
    for method, path, role in [*((op.method, op.path, op.role) for op in OPERATIONS), *events]:
        place = re.sub(r"{\w+}", "nothing", path)
        if role is None:
            assert api(method, place).status == 200
            continue
        body = b"{}" if method in {"POST", "PUT"} else None
        assert api(method, place, body).status == 401, place
        for holder in ROLES:
            answer = api(method, place, body, tokens[holder])
            assert (answer.status == 403) == (ROLES.index(holder) < ROLES.index(role)), (holder, method, path)
            assert answer.status != 401
    assert api.stores.commands.asked(rollout) == []


def test_only_whom_a_stage_names_says_yes(api: api_server.Api) -> None:
    """`approve: risk-team` takes an approver whose token says so; who it was stands in the act, whatever a header claims."""
    rollout = api.begin()
    operator, approver = api.token("operator"), api.token("approver")
    risk = api.token("approver", "ana", "risk-team")
    wish = {"trigger": "promote", "reason": "seen"}
    api.decide(rollout, "awaiting_approval")
    acts = f"/v1/rollouts/{rollout}/acts"
    assert [api("POST", acts, wish, token).status for token in (operator, approver, risk)] == [403, 403, 202]
    (act,) = api.stores.commands.asked(rollout)
    assert (act.trigger, act.who) == ("approve", "ana")


def test_a_token_ends(api: api_server.Api) -> None:
    """A token made through the API opens it at once, and not after it was revoked; the store holds no secret."""
    admin = api.token("admin")
    made = api("POST", "/v1/tokens", {"name": "ci", "role": "viewer"}, admin).json
    secret = made["secret"]
    assert api("GET", "/v1/rollouts", token=secret).status == 200
    for wrong in (secret[:-1], secret + "x", "sgt_", "x" * 300):
        assert api("GET", "/v1/rollouts", token=wrong).status == 401
    assert api("DELETE", f"/v1/tokens/{made['token']['id']}", token=admin).json["state"] == "revoked"
    assert api("GET", "/v1/rollouts", token=secret).status == 401
    store = Path(api.home.folder, "store.db").read_bytes() + Path(api.home.folder, "store.db-wal").read_bytes()
    assert made["token"]["id"].encode() in store
    assert secret.encode() not in store
    assert [it["deed"] for it in api("GET", "/v1/audit", token=admin).json["items"]][-1] == "token_revoked"


def test_nobody_is_let_in_whom_nobody_knows(api: api_server.Api, tmp_path: Path) -> None:
    """Without tokens: another name than loopback's is a 401; another address does not even listen."""
    from segue.api.opening import office_of
    from segue.api.server import ApiSettings, require_safe

    assert api("GET", "/v1/rollouts", host="evil.example").status == 401
    assert api("GET", "/v1/rollouts", host="localhost:1").status == 200
    office = office_of(api.home, api.stores, guarded=True)
    with pytest.raises(Refused, match="without a token"):
        require_safe(ApiSettings(address="0.0.0.0"), office)
    with api_server.serving(tmp_path / "other", guarded=True) as guarded:
        assert guarded("GET", "/v1/rollouts").status == 401
    api.token("viewer")
    require_safe(ApiSettings(address="0.0.0.0"), office)
