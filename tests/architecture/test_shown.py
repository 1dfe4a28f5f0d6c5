"""What the pages show can be done: commands are typed right, and files are what their readers take."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from cyclopts import App
from ruamel.yaml import YAML
from tests.architecture.pages import BLOCKS, PAGES, ROOT, SOURCES, Block, commands, mentions, place, prose, typed

from segue.api.doing.numbers import FAMILIES
from segue.cli.main import app
from segue.errors import SpecError
from segue.facts.wire.outcome_wire import parse as parse_outcomes
from segue.gateway.configuration import configuration
from segue.gateway.override import read as read_overrides
from segue.gateway.sight.counters import HELP
from segue.host.runtimes.description import describe
from segue.spec.document.top_keys import ROOT as TOP
from segue.spec.load import lint, load
from segue.spec.unbuilt import require_built

COMMANDS = [(block, words) for block in BLOCKS for words in commands(block)]
MENTIONS = sorted(
    {(place(page), mention) for page in PAGES for mention in mentions(prose(page))}
    | {(place(file), mention) for file in SOURCES for mention in mentions(file.read_text(encoding="utf-8"))}
)
SMALL = (ROOT / "tests" / "vectors" / "small-rollout.yaml").read_text(encoding="utf-8")
FOREIGN = {"scrape_configs", "groups", "apiVersion", "analysis"}
"""The first key of a file of somebody else: of Prometheus, Kubernetes, Flagger."""
REST = """
segue: 1
route: churn
unit: [header:x-user-id, request]
variants:
  champion: {version: models:/churn@champion}
  v8: {version: models:/churn/8}
prediction: {label: outputs.label}
context: {tier: header:x-tier, country: header:x-country}
outcome: {window: 24h}
metrics: {accuracy: {kind: accuracy}, precision: {kind: precision, positive: 1}, errors: {kind: error_rate}}
stages:
  - name: shadow
    strategy: shadow
    promote_when: [accuracy: {not_worse_than_champion_by: 1pp}]
  - {name: everyone, strategy: full}
"""


def of(language: str) -> pytest.MarkDecorator:
    """One test a block of a language."""
    return pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == language], ids=str)


@pytest.mark.parametrize(("block", "words"), COMMANDS, ids=[f"{block} {' '.join(words)}" for block, words in COMMANDS])
def test_commands_that_are_to_be_typed(block: Block, words: list[str]) -> None:
    """The command exists and takes these words, flags and values."""
    assert block.text
    app.parse_args(words, exit_on_error=False, print_error=False)


def test_there_are_commands() -> None:
    """The pages' commands are found: also after `&&`, in continued lines, and behind a prompt."""
    found = {(block.page, words[0]) for block, words in COMMANDS}
    assert found >= {("README.md", "up"), ("docs/methods/planning.md", "plan"), ("docs/operate/audit.md", "audit")}
    assert len(COMMANDS) > 40
    assert list(commands(Block("x.md", 1, "sh", "A=b .venv/bin/segue lint \\\n  -f x.yaml > out && segue get # all\n"))) == [
        ["lint", "-f", "x.yaml"],
        ["get"],
    ]


@pytest.mark.parametrize(("where", "mention"), MENTIONS, ids=[f"{where} {mention}" for where, mention in MENTIONS])
def test_commands_that_are_mentioned(where: str, mention: str) -> None:
    """In prose, docstrings and hints too: the command exists, and has each option that is said with it."""
    assert where
    for words in typed(mention):
        if words == ["--help"]:
            continue
        assert set(words[:1]) <= {*app, "COMMAND"}, mention
        _, apps, rest = app.parse_commands(words)
        known = {*options(apps[-1]), "--help"}
        assert not rest or words[0].startswith("-") or "COMMAND" in words or apps[-1].default_command, mention
        assert {word for word in rest if word.startswith("-")} <= known, mention


def options(command: App) -> set[str]:
    """What may be said with a command; nothing with a group of commands."""
    if command is app or command.default_command is None:
        return set()
    return {name for argument in command.assemble_argument_collection() for name in argument.names}


def keys_of(text: str) -> dict[str, object]:
    """A YAML file's top."""
    found = YAML(typ="safe", pure=True).load(text)
    assert isinstance(found, dict)
    return found


def completed(part: dict[str, object]) -> str:
    """A part of a rollout file, in a file that has the rest; `promote_when` is its first stage's."""
    whole = keys_of(REST)
    if "promote_when" in part:
        whole["stages"][0] |= {"promote_when": part.pop("promote_when")}  # type: ignore[index]
    out = StringIO()
    YAML(typ="safe", pure=True).dump(whole | part, out)
    return out.getvalue()


@of("yaml")
def test_rollout_files(block: Block) -> None:
    """A rollout file, or a part of one, is accepted and can be run; a file of somebody else's is YAML."""
    part = keys_of(block.text)
    if FOREIGN & set(part):
        return
    assert set(part) <= {key.name for key in TOP.keys} | {"promote_when"}
    require_built(load(completed(part)))


def test_a_wrong_part_is_refused() -> None:
    """The rest of the file hides no mistake of the part."""
    with pytest.raises(SpecError, match="1 problem"):
        load(completed({"promote_when": [{"accuracy": {"at_least": "95"}}]}))


@pytest.mark.parametrize("file", sorted((ROOT / "examples").rglob("rollout.yaml")), ids=place)
def test_examples(file: Path) -> None:
    """Each example's rollout file is accepted and can be run."""
    require_built(load(file.read_text(encoding="utf-8")))


@of("json")
def test_json(block: Block, tmp_path: Path) -> None:
    """It is JSON, and what is shown is what its reader takes."""
    found = json.loads(block.text)
    if "request_id" in found:
        (outcome,) = parse_outcomes(block.text.encode(), received_at=datetime(2026, 1, 3, tzinfo=UTC), route="churn")
        assert (outcome.label, dict(outcome.values)) == ("1", {"revenue": 12.5})
    elif "inputs" in found:
        (tmp_path / "model.json").write_text(block.text)
        assert describe(tmp_path).threshold == 0.5
    elif "specversion" not in found:  # a notice: `tests/unit/adapters` reads one that was sent
        (tmp_path / "override.json").write_text(block.text)
        assert read_overrides(tmp_path / "override.json").keys() == found.keys()


@of("toml")
def test_configurations(block: Block, tmp_path: Path) -> None:
    """The gateway takes it, key by key."""
    (tmp_path / "gateway.toml").write_text(block.text)
    assert configuration(tmp_path / "gateway.toml", {}, []).said


@of("python")
def test_python(block: Block) -> None:
    """It is Python."""
    compile(block.text, str(block), "exec")


def test_alerts() -> None:
    """Each number that Prometheus is asked for is told by somebody."""
    (rules,) = [block for block in BLOCKS if block.language == "yaml" and block.text.startswith("groups:")]
    named = set(re.findall(r"\bsegue_\w+", rules.text))
    assert named
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} <= (HELP | FAMILIES).keys()


def test_what_lint_says_of_the_example() -> None:
    """The tutorial shows the digest of its rollout file, and what becomes of a slip in it."""
    text = (ROOT / "examples" / "quickstart" / "rollout.yaml").read_text(encoding="utf-8")
    shown = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    assert f"digest {load(text).digest}\n" in shown
    (problem,) = lint(text.replace("- errors:", "- erors:"))
    assert f"\nrollout.yaml:{problem}\n" in shown


def test_what_lint_says_in_the_reference() -> None:
    """The three problems that the page about the rollout file shows are said in these words."""
    text = SMALL.replace("window: 24h", "window: 24").replace("kind: accuracy", "kind: acuracy").replace("v8: 50%", "v8: 40%")
    shown = (ROOT / "docs" / "reference" / "spec.md").read_text(encoding="utf-8")
    said = [str(problem).split(": ", 1)[1] for problem in lint(text)]
    assert len(said) == 3
    assert not [one for one in said if f": {one}\n" not in shown]


def test_what_a_plan_says() -> None:
    """The plan that the page about planning shows is the plan of the example's file."""
    (block,) = [
        block for block in BLOCKS if block.page == "docs/methods/planning.md" and block.text.startswith("$ segue plan ")
    ]
    ((words),) = list(commands(block))
    done = subprocess.run(
        [sys.executable, "-m", "segue", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )  # fmt: skip
    shown = block.text.splitlines()[1:]
    assert [line.rstrip() for line in done.stdout.splitlines()[: len(shown)]] == [line.rstrip() for line in shown]
