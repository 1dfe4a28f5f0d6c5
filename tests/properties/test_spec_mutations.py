"""Whatever is written: a rollout, or a list of problems, and nothing else."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from segue.errors import SpecError
from segue.spec.diff import diff
from segue.spec.load import lint, load
from segue.spec.rollout import Rollout
from segue.spec.unbuilt import unbuilt

VECTORS = Path(__file__).parents[1] / "vectors"
TEXTS = [(VECTORS / name).read_text(encoding="utf-8") for name in ("small-rollout.yaml", "example-rollout.yaml")]
TOKENS = sorted({token for text in TEXTS for token in re.findall(r"[\w.%@/:-]+|[^\w\s]", text)})
ODD = ["", "~", "null", "[]", "{}", "0", "-1", "1e999", "1e308", ".nan", "5%", "0.5pp", "5", "24h", "100%", "''", "true", "yes",
       "1.5x champion", "&a", "*a", "!!set", "!x", "<<", "? ", "- ", ": ", "\t", "\n", "|", ">", "%", "@", "'", '"', "\0",
       "\u2028", "\ufeff", "٣%", "9" * 400, "[[[[[[", "0x1F", "2013-01-01", "agreement", "drift", "champion", "🙂"]  # fmt: skip
odd = st.sampled_from(ODD) | st.sampled_from(TOKENS) | st.text(max_size=6)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd, inner, max_size=3),
    max_leaves=4,
)


def rollout_or_problems(text: str) -> Rollout | None:
    """The promise: a rollout that has no problem, or problems that have a place and say something."""
    problems = lint(text)
    if problems:
        with pytest.raises(SpecError) as caught:
            load(text)
        assert caught.value.problems == problems
        for problem in problems:
            assert problem.message
            assert 0 <= problem.line <= text.count("\n") + 2
            assert problem.column >= 1
        return None
    rollout = load(text)
    assert all(problem.path for problem in unbuilt(rollout))
    assert diff(rollout, rollout) == ()
    return rollout


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_text(data: st.DataObject) -> None:
    """A document with tokens replaced, cut out or put in is a rollout or has problems; nothing else comes out."""
    text = data.draw(st.sampled_from(TEXTS[:1] * 3 + TEXTS[1:]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        token = re.compile(r"\s*([\w.%@/:-]+|[^\w\s]|$)").match(text, start)
        end = token.end() if token is not None and data.draw(st.booleans()) else start
        text = text[:start] + data.draw(odd) + text[end:]
    rollout_or_problems(text)


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(tree, dict):
        inner = list(tree.items())
    elif isinstance(tree, list):
        inner = list(enumerate(tree))
    return [path, *(found for key, value in inner for found in _paths(value, (*path, key)))]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_tree(data: st.DataObject) -> None:
    """A document with values replaced by others, or taken out, is a rollout or has problems; nothing else comes out."""
    tree: Any = YAML(typ="safe", pure=True).load(data.draw(st.sampled_from(TEXTS[:1] * 3 + TEXTS[1:])))
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from(_paths(tree)[1:] or [("segue",)]))
        holder = tree
        for key in parents:
            holder = holder[key]
        if data.draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = data.draw(values)
    rollout_or_problems(json.dumps(tree, ensure_ascii=data.draw(st.booleans())))


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60) | st.text(st.sampled_from("[]{}:,-?&*!|>'\"% \n#a1"), max_size=40))
def test_any_text(text: str) -> None:
    """Text that was never a spec has problems."""
    assert rollout_or_problems(text) is None


def _shuffled(tree: Any, chance: random.Random) -> Any:
    if isinstance(tree, dict):
        keys = list(tree)
        chance.shuffle(keys)
        return {key: _shuffled(tree[key], chance) for key in keys}
    return [_shuffled(item, chance) for item in tree] if isinstance(tree, list) else tree


@settings(max_examples=25, deadline=None)
@given(chance=st.randoms(use_true_random=False), text=st.sampled_from(TEXTS))
def test_order_of_keys_means_nothing(chance: random.Random, text: str) -> None:
    """A spec with all its mappings in another order has the same digest and no difference."""
    original = load(text)
    shuffled = load(json.dumps(_shuffled(YAML(typ="safe", pure=True).load(text), chance)))
    assert shuffled.digest == original.digest
    assert diff(original, shuffled) == ()
