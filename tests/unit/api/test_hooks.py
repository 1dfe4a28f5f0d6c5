"""Hooks of other programs: who may call them, what they are told, and that a delivery is done once."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import api_server
import msgspec
import pytest

from segue.api.doing.hooks.callers import SIGNER
from segue.facts.decision import Phase
from segue.facts.wire.signing import TOLERANCE_S, signature
from segue.testkit import samples

SECRET = "a shared secret"
LOOK = "/v1/hooks/mlflow"
MOVED = {"entity": "model_version_alias", "action": "created", "data": {"name": "churn", "alias": "champion", "version": "8"}}
CANARY = {"name": "churn", "namespace": "ml", "phase": "Progressing", "checksum": "c1", "metadata": {"version": "8"}}
HOOKS = ("confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "rollback")
ASKED: dict[Phase, tuple[int, ...]] = {
    "queued": (403, 200, 200, 403, 403, 403),
    "pending": (403, 200, 200, 403, 403, 403),
    "running": (200, 200, 200, 200, 403, 403),
    "paused": (403, 200, 200, 403, 403, 403),
    "awaiting_approval": (403, 200, 200, 403, 403, 403),
    "held": (403, 200, 200, 403, 403, 403),
    "champion_unhealthy": (403, 200, 200, 403, 403, 403),
    "watching": (200, 200, 200, 200, 200, 403),
    "promoted": (200, 200, 200, 200, 200, 403),
    "rolled_back": (403, 403, 403, 403, 403, 200),
    "aborted": (403, 403, 403, 403, 403, 200),
}
"""Phase -> what each hook of `HOOKS` is answered; a `rollback` hook takes back at 200."""


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[api_server.Api]:
    """An API that others reach, with a secret that is being exchanged for another one."""
    monkeypatch.setenv("SEGUE_HOOK_SECRET", f"the-next-one {SECRET.replace(' ', '-')}")
    with api_server.serving(tmp_path / "guarded", guarded=True) as served:
        yield served


def sign(
    body: bytes, identity: str = "d-1", *, family: str = "webhook", age_s: int = 0, secret: str = SECRET
) -> dict[str, str]:
    """The headers of a signed delivery."""
    at = str(int(time.time()) - age_s)
    names = ("x_mlflow_delivery_id", "x_mlflow_timestamp", "x_mlflow_signature")
    if family == "webhook":
        names = ("webhook_id", "webhook_timestamp", "webhook_signature")
    return dict(zip(names, (identity, at, signature(secret.replace(" ", "-"), identity, at, body)), strict=True))


def test_every_phase_has_its_row() -> None:
    """A phase that is new has to be thought about here."""
    assert set(ASKED) == set(get_args(Phase))


def stand(api: api_server.Api, rollout: str, phase: Phase, **changes: Any) -> None:
    """One more decision, after which the rollout is about version 8 and stands somewhere."""
    loaded = api.stores.rollouts.load(rollout)
    number = loaded.state.decisions + 1
    state = samples.state(rollout, phase=phase, decisions=number, candidate_version="8")
    state = msgspec.structs.replace(state, **changes)
    api.stores.rollouts.save(samples.decision(number, rollout), state, loaded.token)


def test_a_registry_that_signs_is_heard(guarded: api_server.Api) -> None:
    """In MLflow's headers or those of Standard Webhooks, with the old secret or the new one; nothing in it is believed."""
    body = json.dumps(MOVED).encode()
    for family, secret in (("mlflow", SECRET), ("webhook", "the-next-one")):
        answer = guarded("POST", LOOK, body, **sign(body, family, family=family, secret=secret))
        assert (answer.status, answer.json) == (202, {"looking": True})
    assert guarded.stores.registry.aliases() == []


@pytest.mark.parametrize("spoilt", ["body", "secret", "old", "early", "id", "no time", "nothing"])
def test_what_is_not_signed_so_and_now_is_unknown(guarded: api_server.Api, spoilt: str) -> None:
    """Another body, secret or id, a time outside the window, and no signature at all: a 401 each."""
    body = json.dumps(MOVED).encode()
    ages = {"old": TOLERANCE_S + 5, "early": -TOLERANCE_S - 5}
    headers = sign(body, age_s=ages.get(spoilt, 0), secret="another" if spoilt == "secret" else SECRET)
    changes = {"id": {"webhook_id": "d-2"}, "no time": {"webhook_timestamp": "now"}}
    sent = body + b" " if spoilt == "body" else body
    assert guarded("POST", LOOK, sent, **({} if spoilt == "nothing" else headers | changes.get(spoilt, {}))).status == 401
    assert guarded("POST", LOOK, body, **sign(body)).status == 202


def test_without_a_secret_no_signature_is_right(api: api_server.Api) -> None:
    """An API that was given none can check none; on loopback, without tokens, what is not signed is taken."""
    body = json.dumps(MOVED).encode()
    assert api("POST", LOOK, body, **sign(body, secret="")).status == 401
    assert api("POST", LOOK, body).status == 202


def test_a_delivery_is_done_once(guarded: api_server.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same id again is answered the same and done no more, also after a restart; with another body it is a conflict."""
    nudged: list[str] = []
    monkeypatch.setattr(type(guarded.stores.commands), "nudge", lambda _: nudged.append("now"))
    body = json.dumps(MOVED).encode()
    first, again = (guarded("POST", LOOK, body, **sign(body)) for _ in range(2))
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (first.status, first.body, "true")
    assert nudged == ["now"]
    with api_server.serving(guarded.home.folder, guarded=True) as restarted:
        assert restarted("POST", LOOK, body, **sign(body)).headers["idempotent-replayed"] == "true"
    other = json.dumps(MOVED | {"action": "deleted"}).encode()
    assert guarded("POST", LOOK, other, **sign(other)).status == 409
    assert nudged == ["now"]


@pytest.mark.parametrize("phase", list(ASKED))
def test_flagger_is_told_what_the_rollout_says(api: api_server.Api, phase: Phase) -> None:
    """In each phase each hook goes on or holds as the table says, with the reason for Flagger's events."""
    rollout = api.begin()
    stand(api, rollout, phase)
    for hook, status in zip(HOOKS, ASKED[phase], strict=True):
        for name, canary in (("churn", CANARY), (rollout, CANARY | {"metadata": {}})):
            answer = api("POST", f"/v1/hooks/flagger/{name}/{hook}", canary)
            assert (answer.status, answer.json["go"]) == (status, status == 200), hook
            assert f"{rollout} is {phase.replace('_', ' ')} in stage" in answer.json["why"]


def test_a_rollout_of_another_version_says_nothing_about_a_canary(api: api_server.Api) -> None:
    """Nothing is promoted or taken back on what was found of another version; a route alone does not say which one it is."""
    rollout = api.begin()
    for phase in ("promoted", "rolled_back"):
        stand(api, rollout, phase)
        for hook in HOOKS:
            for version in ({"version": "9"}, {}):
                answer = api("POST", f"/v1/hooks/flagger/churn/{hook}", CANARY | {"metadata": version})
                assert answer.status == 403, (phase, hook, version)


def test_one_of_several_candidates_that_has_left_is_taken_back(api: api_server.Api) -> None:
    """While the others go on."""
    rollout = api.begin()
    stand(api, rollout, "running", versions={"v8": "8", "v9": "9"}, out={"v9": 0})
    place = "/v1/hooks/flagger/churn"
    told = {
        version: [api("POST", f"{place}/{hook}", CANARY | {"metadata": {"version": version}}).status for hook in HOOKS]
        for version in ("8", "9")
    }
    assert told == {"8": list(ASKED["running"]), "9": list(ASKED["rolled_back"])}


def test_a_canary_waits_for_the_stage_that_it_names(api: api_server.Api) -> None:
    """`metadata.stage` of a confirm hook: held until the rollout is there; a stage that there is not is a mistake."""
    rollout = api.begin()
    asked = f"/v1/hooks/flagger/{rollout}/confirm-rollout"
    later = CANARY | {"metadata": {"version": "8", "stage": "everyone"}}
    stand(api, rollout, "running")
    assert api("POST", asked, later).status == 403
    stand(api, rollout, "running", stage=1)
    assert api("POST", asked, later).status == 200
    wrong = api("POST", asked, CANARY | {"metadata": {"version": "8", "stage": "everybody"}})
    assert (wrong.status, "everyone" in wrong.json["hint"]) == (400, True)
    assert (
        api("POST", f"/v1/hooks/flagger/{rollout}/confirm-promotoin", CANARY).json["hint"]
        == "did you mean `confirm-promotion`?"
    )


def test_a_canary_that_flagger_took_back_aborts_its_rollout(guarded: api_server.Api) -> None:
    """Once, however often it is told, under the token's name; not by who only looks, and not of another version."""
    api, admin = guarded, guarded.token("admin")
    api_server.register(api.stores)
    rollout = api("POST", "/v1/rollouts", {"spec": api_server.SPEC}, admin).json["rollout"]
    stand(api, rollout, "running")
    place = "/v1/hooks/flagger/churn/post-rollout"

    def told(token: str, **changes: object) -> int:
        metadata = {"version": changes.pop("version", "8"), "token": token}
        return api("POST", place, CANARY | {"phase": "Failed", "metadata": metadata} | changes).status

    assert told(api.token("viewer")) == 403
    mesh = api.token("operator", "mesh")
    assert told(mesh, version="9") == 200
    assert told(mesh, phase="Succeeded") == 200
    assert api.stores.commands.asked(rollout) == []
    assert [told(mesh) for _ in range(2)] == [200, 200]
    (act,) = api.stores.commands.asked(rollout)
    assert (act.trigger, act.who, act.why) == ("abort", "mesh", "Flagger has taken ml/churn back")
    stand(api, rollout, "aborted")
    assert told(mesh) == 200


def test_a_signed_gate_is_answered_the_same_when_it_is_asked_again(guarded: api_server.Api) -> None:
    """A proxy that signs for Flagger and tries again hears what was said first, though the rollout went on since."""
    api, body = guarded, json.dumps(CANARY).encode()
    api_server.register(api.stores)
    api("POST", "/v1/rollouts", {"spec": api_server.SPEC}, api.token("admin"))
    stand(api, "churn-1", "paused")
    place = "/v1/hooks/flagger/churn-1/confirm-rollout"
    assert api("POST", place, body, **sign(body)).status == 403
    stand(api, "churn-1", "running")
    assert api("POST", place, body, **sign(body)).status == 403
    assert api("POST", place, body, **sign(body, "d-2")).status == 200
    assert SIGNER not in [entry.who for entry in api.stores.audit.entries()]
