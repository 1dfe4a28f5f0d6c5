"""Which units does an audience or a population mean?

A small language over the attributes that a spec declares under `context`: `tier == 'vip' and country in ['DE', 'AT']`. It is
parsed once, here, into a frozen tree; `assign` compiles the tree to a closure and `measure` to SQL, and both agree on every
input:

- An attribute's value is text, as the request carried it. An attribute may be missing.
- Against a text literal, text is compared by code points. Against a number, the attribute's text is read as a decimal number
  (`NUMBER_TEXT`); text that is none counts as missing.
- A comparison with a missing value is *unknown*. `not`, `and` and `or` treat unknown as SQL treats NULL (Kleene's logic):
  `not unknown` is unknown, `unknown and False` is False, `unknown or True` is True.
- `x in [a, b]` means `x == a or x == b`; `x not in [a, b]` means `not (x in [a, b])`.
- At the top, unknown is no match, and is counted.
"""

import ast
import math
import re
import warnings
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, Literal

import msgspec

from segue.errors import SpecError, near_miss

Operator = Literal["==", "!=", "<", "<=", ">", ">="]

NUMBER_TEXT: Final = r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?"
"""The text that counts as a number; a regular expression that Python, RE2 and Java read alike."""

MAX_LENGTH: Final = 2000
MAX_NODES: Final = 400
_FLIPPED: Final[dict[Operator, Operator]] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPERATORS: Final[dict[type[ast.cmpop], Operator]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_GRAMMAR: Final = "attributes, texts in quotes, numbers, == != < <= > >=, in, not in, and, or, not, ( )"


class Attribute(msgspec.Struct, frozen=True, tag="attribute"):
    """The value of a declared attribute."""

    name: str


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A text literal."""

    value: str


class Number(msgspec.Struct, frozen=True, tag="number"):
    """A number literal; finite."""

    value: float


Literals = Text | Number
Operand = Attribute | Text | Number


class Compare(msgspec.Struct, frozen=True, tag="compare"):
    """An attribute against a literal, or (with == and != only) two attributes as texts."""

    left: Attribute
    operator: Operator
    right: Operand


class In(msgspec.Struct, frozen=True, tag="in"):
    """An attribute equals one of the literals."""

    attribute: Attribute
    choices: tuple[Literals, ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The opposite; of unknown, unknown."""

    part: "Expression"


class And(msgspec.Struct, frozen=True, tag="and"):
    """All parts hold."""

    parts: "tuple[Expression, ...]"


class Or(msgspec.Struct, frozen=True, tag="or"):
    """At least one part holds."""

    parts: "tuple[Expression, ...]"


Expression = Compare | In | Not | And | Or


def parse(text: str, attributes: Iterable[str]) -> Expression:
    """The tree of an expression as written in a spec.

    >>> parse("tier == 'vip'", ["tier", "country"])
    Compare(left=Attribute(name='tier'), operator='==', right=Text(value='vip'))

    Args:
        text: the expression.
        attributes: the names that it may use: those that the spec declares under `context`.

    Raises:
        SpecError: not in the language, or an undeclared attribute (the hint names the nearest one).
    """
    if len(text) > MAX_LENGTH:
        raise SpecError(f"the expression has {len(text)} characters, more than {MAX_LENGTH}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python warns of odd literals today and will refuse them tomorrow
            tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise SpecError(f"not an expression: {error.msg} at character {error.offset or 0}", hint=_GRAMMAR) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise SpecError("not an expression", hint=_GRAMMAR) from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise SpecError(f"the expression has more than {MAX_NODES} parts", hint="declare an attribute that says the same")
    return _Parser(tuple(attributes)).condition(tree.body)


def attributes_of(expression: Expression) -> frozenset[str]:
    """The attributes that an expression reads.

    >>> sorted(attributes_of(parse("a == 'x' or not b > 2", ["a", "b"])))
    ['a', 'b']
    """
    return frozenset(_attributes(expression))


def canonical(expression: Expression) -> str:
    """An expression in one spelling, however it was written.

    >>> canonical(parse('''  (tier=="vip") and 3 <age ''', ["tier", "age"]))
    "(tier == 'vip' and age > 3.0)"
    """
    match expression:
        case Compare():
            return f"{expression.left.name} {expression.operator} {_operand(expression.right)}"
        case In():
            return f"{expression.attribute.name} in [{', '.join(_operand(choice) for choice in expression.choices)}]"
        case Not():
            return f"not ({canonical(expression.part)})"
        case And() | Or():
            word = " and " if isinstance(expression, And) else " or "
            return f"({word.join(canonical(part) for part in expression.parts)})"


def _operand(operand: Operand) -> str:
    return operand.name if isinstance(operand, Attribute) else repr(operand.value)


def _attributes(expression: Expression) -> Iterator[str]:
    match expression:
        case Compare():
            yield expression.left.name
            if isinstance(expression.right, Attribute):
                yield expression.right.name
        case In():
            yield expression.attribute.name
        case Not():
            yield from _attributes(expression.part)
        case And() | Or():
            for part in expression.parts:
                yield from _attributes(part)


class _Parser:
    """From Python's syntax tree, by a white list, to ours."""

    def __init__(self, attributes: tuple[str, ...]) -> None:
        self._attributes = attributes

    def condition(self, node: ast.expr) -> Expression:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return And(tuple(self.condition(value) for value in values))
            case ast.BoolOp(values=values):
                return Or(tuple(self.condition(value) for value in values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.condition(operand))
            case ast.Compare(left=left, ops=operators, comparators=comparators):
                links = pairwise([left, *comparators])
                parts = tuple(self._link(a, operator, b) for (a, b), operator in zip(links, operators, strict=True))
                return parts[0] if len(parts) == 1 else And(parts)
            case ast.Name(id=name) if name in self._attributes:
                raise SpecError(f"`{name}` alone is no condition", hint=f"compare it: `{name} == 'yes'`")
            case _:
                self._operand(node)
                raise SpecError(f"`{_source(node)}` is no condition", hint=_GRAMMAR)

    def _link(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Expression:
        if isinstance(operator, ast.In | ast.NotIn):
            inside = In(self._attribute(left), self._choices(right))
            return inside if isinstance(operator, ast.In) else Not(inside)
        if type(operator) not in _OPERATORS:
            raise SpecError("`is` is not in the language", hint="use == or !=")
        symbol = _OPERATORS[type(operator)]
        a, b = self._operand(left), self._operand(right)
        if isinstance(a, Attribute):
            if isinstance(b, Attribute) and symbol not in ("==", "!="):
                raise SpecError(
                    f"`{a.name} {symbol} {b.name}` orders two attributes", hint="two attributes have only == and !="
                )
            return Compare(a, symbol, b)
        if isinstance(b, Attribute):
            return Compare(b, _FLIPPED[symbol], a)
        raise SpecError(f"`{_source(left)} {symbol} {_source(right)}` compares two constants", hint="one side is an attribute")

    def _choices(self, node: ast.expr) -> tuple[Literals, ...]:
        if not isinstance(node, ast.List | ast.Tuple | ast.Set):
            raise SpecError(f"`in {_source(node)}` needs a list of literals", hint="such as `in ['DE', 'AT']`")
        choices = tuple(self._operand(element) for element in node.elts)
        literals = tuple(choice for choice in choices if not isinstance(choice, Attribute))
        if not literals or len(literals) < len(choices):
            raise SpecError(f"`in {_source(node)}` needs a list of literals", hint="such as `in ['DE', 'AT']`")
        return literals

    def _attribute(self, node: ast.expr) -> Attribute:
        operand = self._operand(node)
        if not isinstance(operand, Attribute):
            raise SpecError(f"`{_source(node)}` stands where an attribute is needed", hint="such as `country in ['DE', 'AT']`")
        return operand

    def _operand(self, node: ast.expr) -> Operand:
        match node:
            case ast.Name(id=name):
                if name not in self._attributes:
                    known = ", ".join(self._attributes) or "none is declared under `context`"
                    quoted = f"a text stands in quotes: '{name}'; attributes: {known}"
                    raise SpecError(f"unknown attribute `{name}`", hint=near_miss(name, self._attributes) or quoted)
                return Attribute(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=int() | float() as value)):
                return _number(-value if isinstance(sign, ast.USub) else value, node)
            case ast.Constant(value=bool() | None as value):
                raise SpecError(f"`{value}` is not in the language", hint=f"values are texts: '{str(value).lower()}'")
            case ast.Constant(value=int() | float() as value):
                return _number(value, node)
            case ast.Constant(value=str() as value):
                if re.search("[\0\ud800-\udfff]", value):
                    raise SpecError(
                        "a text literal holds a character that no text has", hint="NUL and lone surrogates are refused"
                    )
                return Text(value)
            case _:
                raise SpecError(f"`{_source(node)}` is not in the language", hint=_GRAMMAR)


def _number(value: float, node: ast.expr) -> Number:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if isinstance(value, bool) or not math.isfinite(number):
        raise SpecError(f"`{_source(node)}` is no finite number")
    return Number(number + 0.0)


def _source(node: ast.expr) -> str:
    try:
        return ast.unparse(node)[:60]
    except (ValueError, RecursionError):  # a number with too many digits to print
        return "..."
