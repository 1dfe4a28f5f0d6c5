"""What is in the language of audiences, and what is refused."""

import pytest

from segue.errors import SpecError
from segue.spec.expression import And, Attribute, Compare, In, Not, Number, Or, Text, canonical, parse

NAMES = ("tier", "country", "age")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("tier == 'vip'", Compare(Attribute("tier"), "==", Text("vip"))),
        ('"vip" == tier', Compare(Attribute("tier"), "==", Text("vip"))),
        ("3 < age", Compare(Attribute("age"), ">", Number(3.0))),
        ("age >= -1.5", Compare(Attribute("age"), ">=", Number(-1.5))),
        (
            "18 <= age < 65",
            And((Compare(Attribute("age"), ">=", Number(18.0)), Compare(Attribute("age"), "<", Number(65.0)))),
        ),
        ("tier in ('a', 1)", In(Attribute("tier"), (Text("a"), Number(1.0)))),
        ("tier not in {'a'}", Not(In(Attribute("tier"), (Text("a"),)))),
        ("not tier == country", Not(Compare(Attribute("tier"), "==", Attribute("country")))),
        (
            "tier == 'a' or tier == 'b' and age > 1",
            Or(
                (
                    Compare(Attribute("tier"), "==", Text("a")),
                    And((Compare(Attribute("tier"), "==", Text("b")), Compare(Attribute("age"), ">", Number(1.0)))),
                )
            ),
        ),
        ("  (tier == 'O\\'Hare')  ", Compare(Attribute("tier"), "==", Text("O'Hare"))),
    ],
)
def test_the_language(text: str, tree: object) -> None:
    """An expression is read into the tree that it means, the attribute first."""
    assert parse(text, NAMES) == tree


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("teer == 'vip'", "unknown attribute `teer`", "did you mean `tier`?"),
        ("tier == vip", "unknown attribute `vip`", "a text stands in quotes: 'vip'; attributes: tier, country, age"),
        ("tier = 'vip'", "not an expression", "attributes, texts in quotes"),
        ("", "not an expression", ""),
        ("tier", "`tier` alone is no condition", "compare it: `tier == 'yes'`"),
        ("'vip'", "`'vip'` is no condition", ""),
        ("True", "`True` is not in the language", "values are texts: 'true'"),
        ("tier == True", "`True` is not in the language", "values are texts: 'true'"),
        ("tier == None", "`None` is not in the language", ""),
        ("tier is 'vip'", "`is` is not in the language", "use == or !="),
        ("'a' == 'a'", "compares two constants", ""),
        ("tier < country", "orders two attributes", "only == and !="),
        ("'v' in tier", "stands where an attribute is needed", ""),
        ("tier in 'vip'", "needs a list of literals", ""),
        ("tier in []", "needs a list of literals", ""),
        ("tier in [country]", "needs a list of literals", ""),
        ("tier.lower() == 'vip'", "is not in the language", ""),
        ("__import__('os')", "is not in the language", ""),
        ("tier == f'{age}'", "is not in the language", ""),
        ("tier == b'x'", "is not in the language", ""),
        ("(lambda: tier)() == 'x'", "is not in the language", ""),
        ("age + 1 > 2", "is not in the language", ""),
        ("age > 1j", "is not in the language", ""),
        ("age > 1e999", "is no finite number", ""),
        (f"age > 1{'0' * 400}", "is no finite number", ""),
        ("tier == '\\x00'", "a character that no text has", ""),
        ("tier == '\\ud800'", "a character that no text has", "NUL and lone surrogates"),
        ("tier == '\\d'", "not an expression", ""),
        ("tier == 'a\0'", "not an expression", ""),
        ("tier == 'a'; age", "not an expression", ""),
        ("(" * 300 + "tier == 'a'" + ")" * 300, "not an expression", ""),
        ("not " * 450 + "tier == 'a'", "more than 400 parts", ""),
        ("tier == 'a' or " * 200 + "tier == 'a'", "characters, more than", ""),
        ("a) or (b", "not an expression", ""),
    ],
)
def test_what_is_refused(text: str, message: str, hint: str) -> None:
    """Everything outside the white list is refused with a message, whatever Python would make of it."""
    with pytest.raises(SpecError) as caught:
        parse(text, NAMES)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_spellings_have_one_canonical_form() -> None:
    """Spaces, quotes, sides and brackets make no difference to what an expression is."""
    spellings = ("tier=='vip' and 18<age", '(tier == "vip") and (age > 18)', "tier in ['vip'] and age > 18.0")
    assert canonical(parse(spellings[0], NAMES)) == canonical(parse(spellings[1], NAMES)) == "(tier == 'vip' and age > 18.0)"
    assert canonical(parse(spellings[2], NAMES)) == "(tier in ['vip'] and age > 18.0)"
