"""Commands on a real home: what they print where, what they refuse, and their status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import SPEC, run

from segue.cli.policy.specs import begin
from segue.spec.load import load
from segue.spec.metric import KINDS
from segue.testkit import samples
from segue.wiring import home_at, stores_of


class Shell:
    """A home, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "rollout.yaml"
        self.file.write_text(SPEC)

    def __call__(self, *words: str, status: int = 0) -> tuple[str, str]:
        """Standard output and error; the status has to be the one that is expected."""
        said = run(*words)
        assert said.status == status, said.out + said.err
        return said.out, said.err


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A fresh home."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEGUE_USER", "ada")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path)


def register(shell: Shell) -> None:
    """Versions 7 and 8, 7 the champion."""
    for version in ("7", "8"):
        artifact = shell.folder / version
        artifact.mkdir()
        (artifact / "weights").write_text(version)
        shell("model", "register", "churn", version, "--factory", "churn:load", "--artifact", str(artifact), "--unchecked")
    shell("model", "alias", "churn", "champion", "7", "--reason", "first")


def test_models(shell: Shell) -> None:
    """Versions are listed with their aliases; a version that is not there, and another content, are refused by status."""
    register(shell)
    rows = json.loads(shell("model", "list", "-o", "json")[0])
    assert [(row["version"], row["aliases"]) for row in rows] == [("7", ["champion"]), ("8", [])]
    assert shell("model", "list", "-o", "name")[0].split() == ["churn/7", "churn/8"]
    _, problem = shell("model", "alias", "churn", "champion", "9", status=5)
    assert "it has 7, 8" in problem
    (shell.folder / "8" / "weights").write_text("changed")
    _, problem = shell("model", "register", "churn", "8", "--factory", "churn:load", "--artifact", "8", "--unchecked", status=7)
    assert "another content" in problem
    words = ("model", "register", "churn", "9", "--factory", "churn:load", "--artifact", "7", "--warmup", "nowhere.json")
    assert "nowhere.json cannot be read" in shell(*words, status=1)[1]
    assert [row["who"] for row in json.loads(shell("audit", "list", "-o", "json")[0])] == ["ada"] * 3
    (move,) = json.loads(shell("model", "history", "churn", "-o", "json")[0])
    assert (move["who"], move["why"], move["to"]) == ("ada", "first", "7")


def test_lint(shell: Shell) -> None:
    """All errors at once with their lines, as text and as data; nothing on standard output for a program to misread."""
    shell.file.write_text(SPEC.replace("worse_than_champion_by: 5pp", "worse_then_champion_by: 5").replace("24h", "24"))
    out, err = shell("lint", "-f", "rollout.yaml", status=1)
    assert [line.split(":")[1] for line in out.splitlines()] == ["10", "14"]
    assert "worse_than_champion_by" in out
    assert "2 problems" in err
    rows = json.loads(shell("lint", "-f", "rollout.yaml", "-o", "json", status=1)[0])
    assert [row["line"] for row in rows] == [10, 14]
    more = "  errors: {kind: error_rate}\nguardrails:\n  - errors: {above: 5%}\n  - accuracy: {below: 50%, weight: 2}\n"
    shell.file.write_text(SPEC.replace("guardrails:\n", more))
    _, said = shell("lint", "-f", "rollout.yaml")
    assert "guardrails[0] (errors) weighs 8, for it counts requests that failed" in said
    assert "guardrails[1] (accuracy) weighs 2, as the file says" in said
    _, problem = shell("lint", "-f", "nowhere.yaml", status=1)
    assert "cannot be read" in problem


def test_a_version_that_somebody_else_serves(shell: Shell) -> None:
    """It is registered by its name alone; a name that no rollout file can say, and half of what a host needs, are refused."""
    assert "would register churn 7: served elsewhere" in shell("model", "register", "churn", "7", "--dry-run")[1]
    assert shell("model", "register", "churn", "7")[0] == "churn 7 registered (served elsewhere)\n"
    shell("model", "alias", "churn", "champion", "7")
    assert "v7 can be named by an alias only" in shell("model", "register", "churn", "v7", "--dry-run")[1]
    assert "'ch urn' is no name of a model" in shell("model", "register", "ch urn", "7", status=1)[1]
    assert "lacks an artifact" in shell("model", "register", "churn", "8", "--factory", "churn:load", status=1)[1]
    assert "--path and --warmup are for a host" in shell("model", "register", "churn", "8", "--path", ".", status=1)[1]


def test_apply_says_what_the_registry_has_to_be_told(shell: Shell) -> None:
    """A version or an alias that nobody knows yet is named with the command that tells of it; what is known is not."""
    _, said = shell("apply", "rollout.yaml", "--dry-run")
    assert "until the registry knows models:/churn@champion (champion): segue model alias churn champion VERSION" in said
    assert "until the registry knows models:/churn/8 (v8): segue model register churn 8" in said
    register(shell)
    begun, said = shell("apply", "rollout.yaml")
    assert (begun, "the registry" in said) == ("churn-1 begun: shadow, everyone\n", False)


def test_apply_waits_for_no_champion_that_is_served_elsewhere(shell: Shell) -> None:
    """Only who is to be promoted has to be registered; the champion at an address of its own need not be."""
    elsewhere = SPEC.replace("models:/churn@champion}", 'models:/churn/6, url: "http://127.0.0.1:9"}')
    assert elsewhere != SPEC
    shell.file.write_text(elsewhere)
    _, said = shell("apply", "rollout.yaml", "--dry-run")
    assert "until the registry knows models:/churn/8 (v8)" in said
    assert "models:/churn/6" not in said


def test_names_and_numbers_that_cannot_be_are_refused(shell: Shell) -> None:
    """A key of what no rollout file could call a route; a negative number of entries."""
    assert "'a b' is no name of a route" in shell("key", "add", "a b", "team", "--dry-run", status=1)[1]
    assert "Must be >= 0" in shell("audit", "list", "--last", "-3", status=1)[1]


def test_a_file_is_named_in_any_usual_way(shell: Shell) -> None:
    """With -f, without, or read from the standard input; all commands that take a rollout file agree on it."""
    for words in (("-f", "rollout.yaml"), ("rollout.yaml",), ("--file", "rollout.yaml")):
        assert shell("lint", *words)[0].startswith("rollout.yaml: route churn")
        assert "churn: how long it takes" in shell("plan", *words)[0]
    piped = [sys.executable, "-m", "segue", "lint", "-f", "-"]
    said = subprocess.run(piped, input=SPEC, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("-: route churn")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("lint",), "FILE is missing"),
        (("lint", "-f"), 'command "lint" parameter -f requires an argument'),
        (("abort", "churn"), "--reason is missing"),
        (("explian",), 'unknown command "explian". Did you mean "explain"?'),
        (("history", "churn", "delay"), "there is no place for delay"),
        (("up", "rollout.yaml", "--port", "80710"), 'invalid value "80710" for --port. Must be <= 65535'),
        (("gateway", "--route", "churn", "--port", "80710"), 'invalid value "80710" for --port'),
        (("monitor", "--tick", "-1"), 'invalid value "-1.0" for --tick'),
        (("token", "add", "bob", "--role", "emperor"), 'invalid value "emperor" for --role'),
    ],
)
def test_what_is_wrong_with_the_words(shell: Shell, words: tuple[str, ...], told: str) -> None:
    """A misused command says so in one sentence, where its help is, and status 1; nothing goes to the standard output."""
    out, err = shell(*words, status=1)
    assert not out
    assert err.startswith(f"error: {told}")
    assert err.rstrip().endswith("--help")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("SEGUE_SEAL_S", "soon", ("get",)), ("SEGUE_LOG", "LOUD", ("record",)), ("SEGUE_GATEWAY_PORT", "80710", ("gateway",))],
)
def test_what_is_wrong_in_the_environment(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: tuple[str, ...]
) -> None:
    """A variable that makes no sense is named with its value, never a traceback."""
    monkeypatch.setenv(name, value)
    _, err = shell(*words, status=1)
    assert err.startswith("error: ")
    assert value in err


def test_where_was_looked(shell: Shell) -> None:
    """What is not found in an empty home names the home: it may be another terminal's folder."""
    assert f"looked into {shell.folder / 'home'}" in shell("status", "churn", status=5)[1]
    register(shell)
    shell("apply", "-f", "rollout.yaml")
    assert "looked into" not in shell("status", "chrn", status=5)[1]


def test_rollout_from_the_shell(shell: Shell) -> None:
    """Apply, look, steer: what a dry run says is not done, what needs a reason is not done without."""
    register(shell)
    assert "would begin" in shell("apply", "-f", "rollout.yaml", "--dry-run")[0]
    for word in ("status", "get"):
        assert f"there is no rollout yet; looked into {shell.folder / 'home'}" in shell(word)[1]
    assert "there is no rollout of churn yet" in shell("get", "churn")[1]
    assert json.loads(shell("get", "-o", "json")[0]) == []
    assert "churn-1 begun" in shell("apply", "-f", "rollout.yaml")[0]
    assert "live with this very spec" in shell("apply", "-f", "rollout.yaml")[0]
    for words in (("get",), ("status", "churn"), ("describe", "churn")):
        assert shell(*words, "-o", "name")[0].split() == ["churn-1"]
    assert shell("status", "churn")[0].startswith("churn-1 is pending")
    assert "churn-1 on route churn: pending" in shell("describe", "churn")[0]
    shell("abort", "churn", status=1)
    shell("abort", "churn", "--reason", "wrong", "--dry-run")
    shell("resume", "churn", status=7)
    assert "abort asked for" in shell("abort", "churn", "--reason", "wrong data")[0]
    _, problem = shell("abort", "churn", "--reason", "again", "--wait", "--timeout", "0.3", status=4)
    assert "segue monitor" in problem
    shell("describe", "nothing", status=5)
    shell("explain", "d-0", status=5)
    assert "churn-1 is still pending" in shell("status", "churn", "--wait", "--timeout", "0.1", status=4)[1]
    deeds = json.loads(shell("audit", "list", "--subject", "churn-1", "-o", "json")[0])
    assert [(deed["what"], deed["who"]) for deed in deeds] == [
        ("applied", "ada"),
        ("asked abort", "ada"),
        ("asked abort", "ada"),
    ]


def test_help_says_all(shell: Shell) -> None:
    """The list has one line of a command; its own help has the whole text, and a word for every argument."""
    assert "request_id" not in shell("--help")[0]
    text = shell("skew", "--help")[0]
    assert "request_id" in text
    assert "A route, by its name." in text


def test_starting_again_begins_nothing_anew(shell: Shell) -> None:
    """`segue up` on a rollout that is over serves what it left; only `segue apply` begins the same file once more."""
    place, over = home_at(), samples.state("churn-1", phase="promoted", spec_digest=load(SPEC).digest)
    with stores_of(place) as stores:
        stores.rollouts.create(over, spec_source=SPEC, salt="s")
    assert begin(place, shell.file) == "churn-1"
    assert shell("get", "-o", "name")[0].split() == ["churn-1"]
    assert "churn-2 begun" in shell("apply", "rollout.yaml")[0]
    assert begin(place, shell.file) == "churn-2"


def test_numbers_for_people_and_for_programs(shell: Shell) -> None:
    """People read shares in percent, and when the stage began; programs get the numbers as they are."""
    over = samples.state("churn-1", phase="rolled_back", spec_digest=load(SPEC).digest)
    with stores_of(home_at()) as stores:
        stores.rollouts.create(over, spec_source=SPEC, salt="s")
        stores.allocations.publish(samples.allocation(rollout="churn-1", share=0.125), command_id="c-1")
    assert "v8=12.5 %" in shell("get")[0]
    assert json.loads(shell("get", "-o", "json")[0])[0]["shares"] == {"champion": 0.875, "v8": 0.125}
    began = f"{over.entered_at:%Y-%m-%d %H:%M} UTC"
    assert shell("status", "churn", status=2)[0] == f"churn-1 is rolled back in stage shadow, which began {began}\n"
    assert json.loads(shell("status", "churn", "-o", "json", status=2)[0])["phase"] == "rolled_back"


def test_the_catalogue_is_described(shell: Shell) -> None:
    """Every kind of metric is listed; one is shown with its formula, its parameters and its source; a near miss is named."""
    assert set(shell("describe", "metrics", "-o", "name")[0].split()) == set(KINDS)
    assert "matthews" in shell("describe", "metrics")[0]
    text = shell("describe", "metrics", "ece")[0]
    assert "ece[positive=1,bins=uniform,count=15]" in text
    assert "Naeini" in text
    assert "Bins of equal width, or of equal mass" in text
    _, problem = shell("describe", "metrics", "eec", status=5)
    assert "ece" in problem


def test_other_spec_while_live(shell: Shell) -> None:
    """A second rollout of a live route is a conflict; the difference is shown by `diff`."""
    register(shell)
    shell("apply", "-f", "rollout.yaml")
    shell.file.write_text(SPEC.replace("not_worse_than_champion_by: 1pp", "not_worse_than_champion_by: 3pp"))
    _, problem = shell("apply", "-f", "rollout.yaml", status=7)
    assert "churn-1" in problem
    assert "the gates of stage shadow stay as they are" in problem
    changed, _ = shell("diff", "-f", "rollout.yaml", status=1)
    assert "1pp" in changed
    assert "3pp" in changed


def test_nothing_was_promoted(shell: Shell) -> None:
    """What is tried counts, before anything was promoted; what is no share is refused."""
    register(shell)
    shell("apply", "-f", "rollout.yaml")
    assert "1 candidate tried" in shell("promotions")[1]
    assert shell("promotions", "-o", "json")[0].strip() == "[]"
    assert "5" in shell("promotions", "--fdr", "5", status=1)[1]


def test_another_guardrail_while_live(shell: Shell) -> None:
    """It amends the rollout: what it costs is said before, the plan of the file knows it, and the budget is described."""
    register(shell)
    shell("apply", "-f", "rollout.yaml")
    shell.file.write_text(SPEC.replace("guardrails:\n", "guardrails:\n  - accuracy: {worse_than_champion_by: 4pp}\n"))
    dry, _ = shell("apply", "-f", "rollout.yaml", "--dry-run")
    assert dry.startswith("would amend churn-1:\n  + guardrail never accuracy of v8 worse than champion's by 4 pp: 0.45 %")
    assert "amends churn-1 at its next tick" in shell("apply", "-f", "rollout.yaml")[0]
    assert "amends churn-1: + guardrail" in shell("plan", "rollout.yaml", "--observed", "churn-1")[1]
    assert "guardrails that are added later" in shell("describe", "churn-1", "-o", "wide")[0]


def test_not_built_is_refused_by_name(shell: Shell) -> None:
    """What a spec may say and this version cannot do is refused, never ignored."""
    register(shell)
    shell.file.write_text(SPEC.replace("registry: embedded", "registry: mlflow+http://127.0.0.1:5000"))
    _, problem = shell("apply", "-f", "rollout.yaml", status=1)
    assert "registry" in problem
    assert json.loads(shell("get", "-o", "json")[0]) == []


def test_assign(shell: Shell) -> None:
    """The answer of the shell is the gateway's: variant, bucket and probability."""
    register(shell)
    shell("apply", "-f", "rollout.yaml")
    row = json.loads(shell("assign", "user-42", "-o", "json")[0])
    assert (row["variant"], row["propensity"], row["comparable"]) == ("champion", 1.0, True)
    assert "user-42 gets champion with probability 100 %" in shell("assign", "user-42")[0]


def test_one_outcome(shell: Shell) -> None:
    """One is one."""
    register(shell)
    shell("apply", "-f", "rollout.yaml")
    (shell.folder / "one.ndjson").write_text('{"request_id":"r-1","at":"2026-01-02T00:00:00Z","label":1}\n')
    assert shell("outcomes", "import", "one.ndjson")[0] == "1 outcome taken\n"


def test_outcomes_from_files(shell: Shell) -> None:
    """CSV and NDJSON are taken whole or not at all; the message names the line."""
    register(shell)
    shell("apply", "-f", "rollout.yaml")
    (shell.folder / "good.csv").write_text(
        "request_id,at,label,revenue\nr-1,2026-01-02T00:00:00Z,1,2.5\nr-2,2026-01-02T00:00:00Z,0,\n"
    )
    assert "2 outcomes taken" in shell("outcomes", "import", "good.csv")[0]
    (shell.folder / "bad.ndjson").write_text('{"request_id":"r-1","label":1}\n{"label":1}\n')
    _, problem = shell("outcomes", "import", "bad.ndjson", status=1)
    assert "outcome 1" in problem
    assert len(list((shell.folder / "home" / "lake").rglob("*.parquet"))) == 1


def test_outcomes_that_are_worth_asking_for(shell: Shell) -> None:
    """Before anything is served there is nothing to ask for, and a stage without a shadow has no such list."""
    register(shell)
    shell("apply", "-f", "rollout.yaml")
    assert json.loads(shell("outcomes", "wanted", "churn", "-o", "json")[0]) == []
    assert shell("outcomes", "wanted", "nobody", status=5)[0] == ""


def test_doctor(shell: Shell) -> None:
    """A sound installation is found sound."""
    rows = json.loads(shell("doctor", "-o", "json")[0])
    assert {row["finding"] for row in rows} <= {"fine", "absent"}


def test_usage(shell: Shell) -> None:
    """A mistyped command or option is a status 1 with help, and no traceback."""
    shell("promot", status=1)
    shell("get", "--outptu", "json", status=1)
    assert "Usage" in shell("--help")[0]


def test_as_a_process(tmp_path: Path) -> None:
    """`python -m segue` is the same, and a reader of its output that leaves early is no traceback."""
    command = [sys.executable, "-m", "segue", "--help"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        assert b"Traceback" not in started.stderr.read()
