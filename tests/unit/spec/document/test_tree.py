"""What a YAML text holds, and where."""

import pytest

from segue.errors import SpecError
from segue.spec.document.tree import Entries, Items, Scalar, parse, places


def value(text: str) -> object:
    """What the value of the only key means."""
    tree = parse(f"key: {text}")
    assert isinstance(tree, Entries)
    scalar = tree.pairs[0][1]
    assert isinstance(scalar, Scalar)
    return scalar.value


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("true", True),
        ("'true'", "true"),
        ("", None),
        ("~", None),
        ("5", 5),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".nan", ".nan"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("10:30", "10:30"),
        ("2013-01-01", "2013-01-01"),
        ("5%", "5%"),
    ],
)
def test_plain_values(text: str, meaning: object) -> None:
    """Words that other YAML versions take for booleans, dates or numbers are texts."""
    found = value(text)
    assert (found, type(found)) == (meaning, type(meaning))


def test_an_old_yaml_version_changes_nothing() -> None:
    """`on` is a text under `%YAML 1.1` too."""
    tree = parse("%YAML 1.1\n---\non: yes\n")
    assert isinstance(tree, Entries)
    ((key, inner),) = tree.pairs
    assert isinstance(inner, Scalar)
    assert (key.text, inner.value) == ("on", "yes")


def test_places() -> None:
    """A scalar has its own place, a list or mapping that of its key; both from 1."""
    tree = parse("a: 1\nb:\n  - x: {y: z}\n  - [p, q]\n")
    assert list(places(tree)) == [
        ("a", 1, 4),
        ("b", 2, 1),
        ("b[0]", 3, 5),
        ("b[0].x", 3, 5),
        ("b[0].x.y", 3, 12),
        ("b[1]", 4, 5),
        ("b[1][0]", 4, 6),
        ("b[1][1]", 4, 9),
    ]


def test_both_entries_of_a_key_are_kept() -> None:
    """A key that stands twice is not lost on the way, so that it can be reported."""
    tree = parse("a: 1\na: 2\n")
    assert isinstance(tree, Entries)
    assert [(key.line, inner.value) for key, inner in tree.pairs if isinstance(inner, Scalar)] == [(1, 1), (2, 2)]


def test_an_alias_is_its_anchor() -> None:
    """What an alias stands for is read as if it were written there."""
    tree = parse("a: &x [1]\nb: *x\n")
    assert isinstance(tree, Entries)
    assert isinstance(tree.pairs[1][1], Items)


def test_aliases_of_aliases_fill_no_memory() -> None:
    """A few lines that stand for billions of values are refused."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    with pytest.raises(SpecError) as caught:
        parse(bomb)
    assert "holds more than" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text is empty"),
        ("a: [1", "no YAML"),
        ("a: &x [*x]", "nested deeper"),
        ("[" * 2000, "nested deeper"),
        ("a: " + "[" * 60 + "]" * 60, "nested deeper"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: !!python/object:os.system x", "the tag"),
        ("a: !mine {b: 1}", "the tag"),
        ("<<: {a: 1}", "merge keys"),
        ("? [a]\n: 1", "a key is a list"),
        ("a: \ud800", "the character U+D800 is not allowed"),
        ("a: " + "x" * 300_000, "characters, more than"),
    ],
)
def test_what_is_no_plain_data(text: str, message: str) -> None:
    """More than plain data, or no YAML at all, is one problem with a place."""
    with pytest.raises(SpecError) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert message in problem.message
