"""`segue audit` tells who did what, and notices when the record of it was changed."""

import json
import sqlite3
from pathlib import Path

import pytest

from segue.adapters.stores.store import open_store
from segue.cli.main import app
from segue.errors import DomainError
from segue.ports.audit import Entry, faults
from segue.testkit import samples


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which a rollout was begun, asked for something, and decided."""
    with open_store(f"sqlite:///{tmp_path}/store.db") as stores:
        begun = stores.rollouts.create(samples.state(), spec_source="spec", salt="s")
        stores.commands.ask(samples.act())
        stores.rollouts.save(samples.decision(1), begun.state, begun.token)
    return tmp_path


def told(home: Path, *words: str) -> int:
    """One command's status."""
    status = app([*words, "--home", str(home)], exit_on_error=False, result_action="return_value")
    return int(status or 0)


def test_list_and_export(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who, what and why for people; every entry, chained, for programs."""
    assert told(home, "audit", "list") == 0
    listed = capsys.readouterr().out
    assert all(word in listed for word in ("applied", "asked", "decided", "ada"))
    assert told(home, "audit", "export") == 0
    import msgspec

    entries = [msgspec.convert(json.loads(line), Entry) for line in capsys.readouterr().out.splitlines()]
    assert [entry.deed for entry in entries] == ["applied", "asked", "decided"]
    assert list(faults(entries)) == []


def test_the_newest_are_found_without_reading_the_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last two, oldest of them first, though the first is no entry any more; who asks for all is told so."""
    with sqlite3.connect(home / "store.db") as database:
        assert database.execute("update audit set body = 'worn out' where number = 1").rowcount == 1
    assert told(home, "audit", "list", "--last", "2", "-o", "json") == 0
    assert [row["number"] for row in json.loads(capsys.readouterr().out)] == [2, 3]
    with pytest.raises(DomainError, match="these bytes are no Entry"):
        told(home, "audit", "list", "--last", "0")


def test_verify_finds_nothing_where_nothing_was_changed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says the last digest, to be kept elsewhere."""
    assert told(home, "audit", "verify") == 0
    assert "3 entries, whole; the last digest is " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update audit set body = replace(body, 'ada', 'bob') where number = 2", "entry 2 was changed"),
        ("delete from audit where number = 2", "entry 2 is missing"),
        ("update decisions set body = replace(body, 'advance', 'promote')", "was changed since entry 3"),
        ("delete from decisions", "of entry 3 is gone"),
    ],
)
def test_verify_finds_what_was_changed(home: Path, capsys: pytest.CaptureFixture[str], change: str, said: str) -> None:
    """In the log, and in the decisions that it vouches for."""
    with sqlite3.connect(home / "store.db") as database:
        assert database.execute(change).rowcount >= 1
    assert told(home, "audit", "verify") == 1
    assert said in capsys.readouterr().out
