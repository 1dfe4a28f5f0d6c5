"""The command line says the same with a server and without."""

import io
import json
import sqlite3
import sys
from pathlib import Path

import api_server
import pytest
from command_line import run

from segue.gateway.request.keys import new_key
from segue.ports.audit import every
from segue.testkit import samples

LOOKS = (
    ("get",),
    ("get", "-o", "json"),
    ("get", "churn", "-o", "wide"),
    ("describe", "churn"),
    ("describe", "churn-1", "-o", "json"),
    ("status", "churn"),
    ("status", "nobody"),
    ("status",),
    ("status", "-o", "wide"),
    ("status", "--wait"),
    ("history", "churn", "--all", "-o", "json"),
    ("history", "churn"),
    ("explain", "dec-churn-1-1"),
    ("explain", "nothing"),
    ("outcomes", "wanted", "churn"),
    ("diff", "-f", "other.yaml"),
    ("diff", "-f", "wrong.yaml"),
    ("apply", "-f", "rollout.yaml"),
    ("apply", "-f", "other.yaml"),
    ("apply", "-f", "wrong.yaml"),
    ("resume", "churn"),
    ("promote", "churn"),
    ("pause", "churn", "--reason", "x", "--dry-run"),
    ("retry", "nobody"),
    ("model", "list", "-o", "json"),
    ("model", "list", "nobody"),
    ("model", "history", "churn"),
    ("model", "timeline", "churn", "-o", "json"),
    ("model", "timeline", "nobody"),
    ("model", "profile", "churn", "8"),
    ("model", "profile", "churn", "80"),
    ("model", "profile", "chrun", "8"),
    ("model", "alias", "churn", "champion", "9"),
    ("model", "alias", "churn", "champion", "7"),
    ("model", "alias", "churn", "champion", "8", "--dry-run"),
    ("model", "register", "churn", "9", "--factory", "m:load", "--artifact", "weights", "--unchecked", "--dry-run"),
    ("model", "register", "churn", "8", "--factory", "m:load", "--artifact", "weights", "--unchecked"),
    ("model", "register", "churn", "8", "--factory", "m:load", "--artifact", "weights"),
    ("audit", "list"),
    ("audit", "list", "--subject", "churn/8", "-o", "json"),
    ("audit", "list", "--last", "2"),
    ("audit", "export"),
    ("audit", "verify"),
    ("token", "list"),
    ("token", "add", "ana", "--dry-run"),
    ("token", "revoke", "nothing"),
    ("token", "revoke", "nothing", "--dry-run"),
    ("key", "list"),
    ("key", "list", "nobody", "-o", "json"),
    ("key", "add", "churn", "team-a", "--dry-run"),
    ("key", "revoke", "nothing"),
    ("abort", "churn", "--reason", "wrong", "--wait", "--timeout", "0.1"),
)


def test_with_a_server_and_without(api: api_server.Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that looks or refuses: the same status, words and streams; nothing is asked of the store."""
    monkeypatch.setenv("SEGUE_USER", "ada")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    rollout = api.begin()
    assert rollout == "churn-1"
    Path("weights").mkdir()
    Path("weights", "model").write_text("8")
    for name, spec in {
        "rollout": api_server.SPEC,
        "other": api_server.SPEC.replace("1pp", "2pp"),
        "wrong": api_server.SPEC.replace("24h", "24"),
    }.items():
        Path(f"{name}.yaml").write_text(spec)
    decision = api.stores.rollouts.decisions(rollout)[0].id
    for looks in LOOKS:
        words = [decision if word == "dec-churn-1-1" else word for word in looks]
        monkeypatch.setenv("SEGUE_HOME", str(api.home.folder))
        at_hand = run(*words)
        monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "another"))
        assert run(*words, "--server", api.url) == at_hand, words
    assert not (tmp_path / "another").exists()


def test_how_routes_stand_is_told_without_reading_the_past(api: api_server.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollout that is over and not its route's newest is not read, at hand or through a server; who lists all is told so."""
    store = api.stores.rollouts
    old = store.create(samples.state("old", "delay"), spec_source=api_server.SPEC, salt="")
    store.save(samples.decision(1, "old"), samples.state("old", "delay", phase="aborted"), old.token)
    store.create(samples.state("new", "delay"), spec_source=api_server.SPEC, salt="")
    with sqlite3.connect(api.home.folder / "store.db") as database:
        assert database.execute("update rollouts set state = 'worn out' where rollout = 'old'").rowcount == 1
    monkeypatch.setenv("SEGUE_HOME", str(api.home.folder))
    for server in ((), ("--server", api.url)):
        assert run("status", "-o", "name", *server) == (0, "new\n", "")
        assert run("get", "-o", "name", *server).status


def test_writes_through_a_server(api: api_server.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token's name stands in the act, and its role decides; without a token, the name of who asks."""
    rollout = api.begin()
    monkeypatch.setenv("SEGUE_SERVER", api.url)
    monkeypatch.setenv("SEGUE_USER", "ädä")
    assert run("pause", rollout, "--reason", "lunch")[0] == 0
    monkeypatch.setenv("SEGUE_TOKEN", api.token("viewer"))
    status, _, said = run("abort", rollout, "--reason", "wrong")
    assert (status, "takes the role operator" in said) == (6, True)
    monkeypatch.setenv("SEGUE_TOKEN", api.token("operator", "ci"))
    assert run("abort", rollout, "--reason", "wrong")[0] == 0
    assert [(act.trigger, act.who) for act in api.stores.commands.asked(rollout)] == [("pause", "ädä"), ("abort", "ci")]


def test_models_through_a_server(api: api_server.Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version with its profile, and a move of the alias, under the token's name; the store of this machine is not asked."""
    api_server.register(api.stores)
    for name, value in {"SEGUE_SERVER": api.url, "SEGUE_HOME": str(tmp_path / "another")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SEGUE_TOKEN", api.token("approver", "ci"))
    folder = tmp_path / "v9"
    folder.mkdir()
    (folder / "weights").write_text("9")
    training = tmp_path / "training.csv"
    training.write_text("age\n20\n30\n41\n")
    words = ("model", "register", "churn", "9", "--factory", "m:load", "--artifact", str(folder), "--profile", str(training))
    refused = run(*words)
    assert (refused.status, "No module named 'm'" in refused.err, len(api.stores.registry.versions("churn"))) == (1, True, 2)
    assert run(*words, "--unchecked").out.endswith("profile of 1 columns of 3 rows\n")
    assert api.stores.profiles.profile("churn", "9") is not None
    assert "moved from 7 to 9" in run("model", "alias", "churn", "champion", "9", "--reason", "better").out
    assert [(it.who, it.after) for it in api.stores.registry.moves("churn")] == [("ada", "7"), ("ci", "9")]
    assert [(it.deed, it.who) for it in every(api.stores.audit, "churn/9")] == [("registered", "ci"), ("alias_moved", "ci")]
    assert not (tmp_path / "another").exists()
    monkeypatch.setenv("SEGUE_TOKEN", api.token("operator"))
    assert run("model", "alias", "churn", "champion", "8", "--reason", "x").status == 6


def test_tokens_and_keys_through_a_server(api: api_server.Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An admin makes and ends them, more than a page of them; nobody else may; they open what they are for."""
    for name, value in {"SEGUE_SERVER": api.url, "SEGUE_HOME": str(tmp_path / "another")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SEGUE_TOKEN", api.token("admin", "ada"))
    made = run("token", "add", "ci", "--role", "approver", "--also", "risk-team", "--days", "9")
    assert (made.status, "of ci, approver" in made.err) == (0, True)
    assert api("GET", "/v1/rollouts", token=made.out.strip()).status == 200
    named = made.err.split()[1]
    assert f"token {named} of ci opens nothing" in run("token", "revoke", named).out
    assert api("GET", "/v1/rollouts", token=made.out.strip()).status == 401
    said = {it["name"]: it["state"] for it in json.loads(run("token", "list", "-o", "json").out)}
    assert said == {"ada": "valid", "ci": "revoked"}
    key = run("key", "add", "churn", "team-a")
    assert key.out.startswith("sgk_")
    assert "opens nothing any more" in run("key", "revoke", key.err.split()[1]).out
    deeds = [(it.deed, it.who) for it in every(api.stores.audit) if it.who]
    assert deeds == [("token_added", "ada"), ("token_revoked", "ada"), ("key_added", "ada"), ("key_revoked", "ada")]
    for number in range(501):
        api.stores.keys.add(new_key("delay", f"team-{number}", api_server.AT)[0])
    assert len(run("key", "list", "-o", "name").out.split()) == 502
    assert len(run("key", "list", "delay", "-o", "name").out.split()) == 501
    assert not (tmp_path / "another").exists()
    monkeypatch.setenv("SEGUE_TOKEN", api.token("approver"))
    for words in (
        ("token", "list"),
        ("token", "add", "x"),
        ("key", "list"),
        ("key", "add", "churn", "x"),
        ("key", "revoke", "x"),
    ):
        assert run(*words).status == 6


def test_a_changed_record_is_found_out_through_a_server(api: api_server.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision that was changed or removed differs from what the log says, wherever it is asked from."""
    rollout = api.begin()
    api.decide(rollout, "running")
    monkeypatch.setenv("SEGUE_SERVER", api.url)
    assert run("audit", "verify").status == 0
    with sqlite3.connect(api.home.folder / "store.db") as database:
        database.execute("update decisions set body = replace(body, 'advance', 'promote') where number = 1")
        database.execute("delete from decisions where number = 2")
    found = run("audit", "verify")
    assert (found.status, "was changed since entry" in found.out, "is gone" in found.out) == (1, True, True)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer is a status, not a traceback."""
    monkeypatch.setenv("SEGUE_SERVER", "http://127.0.0.1:1")
    status, out, said = run("get")
    assert (status, out) == (4, "")
    assert "segue api" in said
