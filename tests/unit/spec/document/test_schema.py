"""The tables of keys, the reference page and the JSON schema say the same."""

from pathlib import Path

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from segue.spec.document.keys import Key, Section
from segue.spec.document.schema import SECTIONS, json_schema
from segue.spec.load import lint
from segue.spec.metric import KINDS, scale_of

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "reference" / "spec.md").read_text(encoding="utf-8")
VECTORS = ROOT / "tests" / "vectors"
SMALL = (VECTORS / "small-rollout.yaml").read_text(encoding="utf-8")


def row(key: Key) -> str:
    """The line of the reference page that documents a key."""
    one = " \\| ".join(f"`{choice}`" for choice in key.choices) or (f"`{key.section}`" if key.section else key.type)
    kind = {"one": one, "list": f"list of {one}", "mapping": f"mapping of {one}"}[key.form]
    only = f" Only {', '.join(key.only)}." if 0 < len(key.only) < 4 else ""
    return f"| `{key.name}` | {kind} | {key.default} | `{key.example}` | {key.about}{only} |"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.path or "root")
def test_every_key_is_documented(section: Section) -> None:
    """The reference page has every key with its type, unit, default and an example."""
    heading = f"\n### `{section.path}`\n" if section.path else "\n### The whole file\n"
    assert heading in PAGE
    part = PAGE.split(heading, 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    assert rows == [row(key) for key in section.keys]


def test_every_kind_of_metric_is_documented() -> None:
    """The reference page has every kind that gates test, with what it needs and how its values are written."""
    lines = PAGE.splitlines()
    for name, kind in KINDS.items():
        if kind.shape == "shown":
            continue
        wanted = f"| `{name}` | {kind.goal or 'as the spec says'} | {kind.needs} | {'yes' if kind.outcome else 'no'} |"
        assert [line for line in lines if line.startswith(wanted) and line.endswith(f" {scale_of(name)} |")], name


@pytest.mark.parametrize("name", ["example-rollout.yaml", "small-rollout.yaml"])
def test_the_schema_accepts_what_loads(name: str) -> None:
    """An editor that knows the schema underlines nothing in a valid spec."""
    tree = YAML(typ="safe", pure=True).load((VECTORS / name).read_text(encoding="utf-8"))
    assert [error.message for error in jsonschema_rs.validator_for(json_schema()).iter_errors(tree)] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("route: churn", "rote: churn"),
        ("strategy: ab", "strategy: abc"),
        ("{window: 24h}", "{window: 24}"),
        ("{kind: accuracy}", "{kind: acuracy}"),
        ("share: 5%", "share: 5pp"),
        ("v8: 50%", "v8: 0.5"),
        ("  v8: {version: models:/churn/8}", "  v8: {url: http://x}"),
    ],
)
def test_the_schema_refuses_what_is_plainly_wrong(old: str, new: str) -> None:
    """What an editor underlines, lint reports too."""
    text = SMALL.replace(old, new, 1)
    tree = YAML(typ="safe", pure=True).load(text)
    assert list(jsonschema_rs.validator_for(json_schema()).iter_errors(tree))
    assert lint(text)
