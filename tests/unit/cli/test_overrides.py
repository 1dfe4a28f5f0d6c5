"""`segue kill` says what it did, and refuses what cannot be meant."""

from pathlib import Path

import pytest
from command_line import Said, run

from segue.facts.allocation import Directory, Target
from segue.facts.wire.codec import to_json
from segue.testkit import samples


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a machine whose gateways have served `churn`."""
    variants = {name: Target(version=f"models:/churn/{name}") for name in ("champion", "v8")}
    allocation = samples.all_to_champion(number=1, variants=variants)
    kept = tmp_path / "run" / "gateway" / "churn.json"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(to_json(Directory(revision="1", allocation=allocation)))
    return tmp_path


def segue(home: Path, *words: str) -> Said:
    """A command there."""
    return run(*words, "--home", str(home))


def test_kill_and_lift(home: Path) -> None:
    """What is killed is listed with its reason; lifting it leaves nothing."""
    killed = segue(home, "kill", "churn", "v8", "--reason", "it leaks")
    assert (killed.status, "segue lift churn" in killed.out) == (0, True)
    listed = segue(home, "killed", "-o", "json")
    assert (listed.status, '"it leaks"' in listed.out) == (0, True)
    assert segue(home, "lift", "churn").status == 0
    assert not (home / "run" / "override.json").exists()
    assert segue(home, "lift", "churn").status == 5


def test_dry_run_writes_nothing(home: Path) -> None:
    """It says what would be done."""
    assert segue(home, "kill", "churn", "--reason", "calm", "--dry-run").status == 0
    assert not (home / "run" / "override.json").exists()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["chrun", "v8", "--reason", "r"], 5, "'churn'"),
        (["churn", "v88", "--reason", "r"], 5, "'v8'"),
        (["churn", "champion", "--reason", "r"], 1, "champion"),
        (["churn", "v8"], 1, "reason"),
        (["churn", "v8", "--reason", " "], 1, "reason"),
    ],
)
def test_what_cannot_be_meant(home: Path, words: list[str], status: int, said: str) -> None:
    """A typo, the champion, no reason: refused, with what was meant."""
    ended = segue(home, "kill", *words)
    assert (ended.status, said in ended.err) == (status, True)
    assert not (home / "run" / "override.json").exists()
