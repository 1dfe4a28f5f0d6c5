"""`segue kill` says what it did, and refuses what cannot be meant."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from segue.assign.ownership import rebalance
from segue.cli.main import main
from segue.facts.allocation import Allocation, Directory, Split, Target
from segue.facts.wire.codec import to_json


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a machine whose gateways have served `churn`."""
    allocation = Allocation(
        number=1,
        route="churn",
        rollout="",
        stage="",
        spec_digest="d",
        published_at=datetime.now(UTC),
        protocol="v2",
        unit=("request",),
        context={},
        champion="champion",
        variants={name: Target(version=f"models:/churn/{name}") for name in ("champion", "v8")},
        split=Split(salt="s", kind="variant", ranges=rebalance(None, {"champion": 1.0})),
    )
    kept = tmp_path / "run" / "gateway" / "churn.json"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(to_json(Directory(revision="1", allocation=allocation)))
    return tmp_path


def segue(home: Path, *words: str) -> int:
    """A command's status."""
    with pytest.raises(SystemExit) as end:
        main([*words, "--home", str(home)])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_kill_and_lift(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is killed is listed with its reason; lifting it leaves nothing."""
    assert segue(home, "kill", "churn", "v8", "--reason", "it leaks") == 0
    assert "segue lift churn" in capsys.readouterr().out
    assert segue(home, "killed", "-o", "json") == 0
    assert '"it leaks"' in capsys.readouterr().out
    assert segue(home, "lift", "churn") == 0
    assert not (home / "run" / "override.json").exists()
    assert segue(home, "lift", "churn") == 5


def test_dry_run_writes_nothing(home: Path) -> None:
    """It says what would be done."""
    assert segue(home, "kill", "churn", "--reason", "calm", "--dry-run") == 0
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
def test_what_cannot_be_meant(home: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str) -> None:
    """A typo, the champion, no reason: refused, with what was meant."""
    assert segue(home, "kill", *words) == status
    assert said in capsys.readouterr().err
    assert not (home / "run" / "override.json").exists()
