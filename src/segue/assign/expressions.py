"""Does a request's context match an expression?

The tree becomes nested closures once, when an allocation is read; a match then costs a dictionary look-up a comparison.
What unknown means stands in `segue.spec.expression`.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from segue.spec.expression import NUMBER_TEXT, And, Attribute, Compare, Expression, In, Literals, Not, Number, Operator, Or

Predicate = Callable[[Mapping[str, str]], bool | None]
"""Context -> True, False, or None for unknown; only True is a match."""

_NUMBER: Final = re.compile(NUMBER_TEXT)
_TESTS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_predicate(expression: Expression) -> Predicate:
    """A function that says whether a context matches.

    >>> from segue.spec.expression import parse
    >>> vip = compile_predicate(parse("tier == 'vip'", ["tier"]))
    >>> vip({"tier": "vip"}), vip({"tier": "basic"}), vip({})
    (True, False, None)
    """
    match expression:
        case Compare(left=left, operator=symbol, right=right):
            if isinstance(right, Attribute):
                return _two_attributes(left.name, symbol, right.name)
            return _comparison(left.name, symbol, right)
        case In(attribute=attribute, choices=choices):
            return _any([_comparison(attribute.name, "==", choice) for choice in choices])
        case Not(part=part):
            return _negation(compile_predicate(part))
        case And(parts=parts):
            return _all([compile_predicate(part) for part in parts])
        case Or(parts=parts):
            return _any([compile_predicate(part) for part in parts])


def _comparison(name: str, symbol: Operator, literal: Literals) -> Predicate:
    test, value = _TESTS[symbol], literal.value
    if isinstance(literal, Number):

        def of_number(context: Mapping[str, str]) -> bool | None:
            text = context.get(name)
            return test(float(text), value) if text is not None and _NUMBER.fullmatch(text) else None

        return of_number

    def of_text(context: Mapping[str, str]) -> bool | None:
        text = context.get(name)
        return None if text is None else test(text, value)

    return of_text


def _two_attributes(left: str, symbol: Operator, right: str) -> Predicate:
    test = _TESTS[symbol]

    def predicate(context: Mapping[str, str]) -> bool | None:
        a, b = context.get(left), context.get(right)
        return None if a is None or b is None else test(a, b)

    return predicate


def _negation(part: Predicate) -> Predicate:
    def predicate(context: Mapping[str, str]) -> bool | None:
        held = part(context)
        return None if held is None else not held

    return predicate


def _all(parts: list[Predicate]) -> Predicate:
    def predicate(context: Mapping[str, str]) -> bool | None:
        known: bool | None = True
        for part in parts:
            held = part(context)
            if held is False:
                return False
            if held is None:
                known = None
        return known

    return predicate


def _any(parts: list[Predicate]) -> Predicate:
    def predicate(context: Mapping[str, str]) -> bool | None:
        known: bool | None = False
        for part in parts:
            held = part(context)
            if held is True:
                return True
            if held is None:
                known = None
        return known

    return predicate
