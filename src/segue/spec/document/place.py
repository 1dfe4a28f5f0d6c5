"""What stands at one place of a document, and is it what the key asks for?

A `Place` reads; it never stops. Whatever is wrong goes to the one list of problems, and the reader gets a stand-in that no
later rule objects to: NaN for a number, "" for a text, nothing for a list. The rollout that is built around stand-ins is
thrown away, so that one pass finds every problem.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from segue.errors import Problem, SpecError, near_miss
from segue.spec.document.keys import Section
from segue.spec.document.tree import Entries, Items, Scalar, Tree

T = TypeVar("T")
BROKEN: Final = math.nan
"""What a number reads as after its problem has been reported."""


class Place:
    """A value of the document with its path; reads typed values and notes problems."""

    __slots__ = ("_key", "_problems", "_tree", "path")

    def __init__(self, tree: Tree, path: str, problems: list[Problem], key: Scalar | None = None) -> None:
        self._tree = tree
        self._key = key
        self._problems = problems
        self.path = path

    def problem(self, message: str, hint: str = "") -> None:
        """Note that something is wrong here: with a plain value, or with what the key holds."""
        at = self._tree if self._key is None or isinstance(self._tree, Scalar) else self._key
        self._problems.append(Problem(at.line, at.column, self.path, message, hint))

    def key_problem(self, message: str, hint: str = "") -> None:
        """Note that the key itself is wrong here."""
        at = self._key or self._tree
        self._problems.append(Problem(at.line, at.column, self.path, message, hint))

    @property
    def is_list(self) -> bool:
        """Whether a list stands here."""
        return isinstance(self._tree, Items)

    @property
    def is_mapping(self) -> bool:
        """Whether a mapping stands here."""
        return isinstance(self._tree, Entries)

    @property
    def is_text(self) -> bool:
        """Whether a text stands here."""
        return isinstance(self._tree, Scalar) and isinstance(self._tree.value, str)

    @property
    def written(self) -> str:
        """What is written here, for messages."""
        if isinstance(self._tree, Scalar):
            return f"`{self._tree.text[:60]}`" if self._tree.text else "nothing"
        return "a list" if self.is_list else "a mapping"

    def keys(self) -> tuple[str, ...]:
        """The keys of a mapping; none where no mapping stands here. Notes no problem."""
        return tuple(dict.fromkeys(key.text for key, _ in self._tree.pairs)) if isinstance(self._tree, Entries) else ()

    def entries(self) -> tuple[tuple[str, "Place"], ...]:
        """The keys and their places; of a key that stands twice the last, with a problem."""
        if not isinstance(self._tree, Entries):
            self.problem(f"a mapping is needed, not {self.written}")
            return ()
        first: dict[str, int] = {}
        found: dict[str, Place] = {}
        for key, value in self._tree.pairs:
            path = f"{self.path}.{key.text}" if self.path else key.text
            if key.text in first:
                where = f"it stands already in line {first[key.text]}"
                self._problems.append(Problem(key.line, key.column, path, f"duplicate key `{key.text}`", where))
            first.setdefault(key.text, key.line)
            found[key.text] = Place(value, path, self._problems, key)
        return tuple(found.items())

    def fields(self, section: Section) -> "Fields":
        """The section that stands here: unknown keys are problems, and missing ones that the section requires."""
        names = [key.name for key in section.keys]
        known: dict[str, Place] = {}
        meant = set()
        for name, place in self.entries():
            if name in names:
                known[name] = place
            elif name in section.foreign:
                place.key_problem(f"`{name}` has no use in {section.noun}", f"its keys: {', '.join(names)}")
            else:
                near = near_miss(name, [other for other in names if other not in self.keys()])
                meant.add(near)
                place.key_problem(f"unknown key `{name[:60]}`", near or f"keys here: {', '.join(names)}")
        if self.is_mapping:
            for key in section.keys:
                if key.required and key.name not in known and f"did you mean `{key.name}`?" not in meant:
                    self.missing(key.name, f"such as `{key.name}: {key.example}`")
        return Fields(self, known)

    def peek(self, name: str) -> str:
        """The text of a key's plain value, "" where there is none; notes no problem."""
        pairs = self._tree.pairs if isinstance(self._tree, Entries) else ()
        return next((value.text for key, value in pairs if key.text == name and isinstance(value, Scalar)), "")

    def missing(self, name: str, hint: str) -> None:
        """Note that a key is missing in the mapping that stands here."""
        path = f"{self.path}.{name}" if self.path else name
        at = self._key or self._tree
        line, column = (at.line, at.column) if self.path else (0, 1)
        self._problems.append(Problem(line, column, path, f"`{name}` is missing", hint))

    def items(self) -> Iterator["Place"]:
        """The places of a list's items."""
        if not isinstance(self._tree, Items):
            self.problem(f"a list is needed, not {self.written}", "`[a, b]`, or one `- item` a line")
            return
        for index, item in enumerate(self._tree.values):
            yield Place(item, f"{self.path}[{index}]", self._problems)

    def text(self) -> str:
        """A text; a number or a word that YAML reads as something else is not one."""
        if isinstance(self._tree, Scalar) and isinstance(self._tree.value, str):
            return self._tree.value
        quotes = f"put it in quotes: '{self._tree.text[:60]}'" if isinstance(self._tree, Scalar) and self._tree.text else ""
        self.problem(f"a text is needed, not {self.written}", quotes)
        return ""

    def check_key(self, name: str, names: Sequence[str], noun: str) -> None:
        """The key of this place is one of the known names."""
        if name not in names:
            self.key_problem(f"unknown {noun} `{name[:60]}`", near_miss(name, names) or f"one of {', '.join(names) or 'none'}")

    def matching(self, grammar: re.Pattern[str], noun: str, hint: str) -> str:
        """A word of a grammar, whatever YAML takes it for (`8` is a name too); "" after a problem."""
        text = self._tree.text if isinstance(self._tree, Scalar) else ""
        if not grammar.fullmatch(text):
            self.problem(f"{self.written} is no {noun}", hint)
            return ""
        return text

    def choice(self, options: Sequence[str], noun: str) -> str:
        """One of the known words."""
        text = self._tree.text if isinstance(self._tree, Scalar) else ""
        if text in options:
            return text
        message = f"unknown {noun} {self.written}" if text else f"a {noun} is needed, not {self.written}"
        others = f"one of {', '.join(options)}" if options else f"no {noun} is declared"
        self.problem(message, near_miss(text, options) or others)
        return ""

    def flag(self) -> bool | None:
        """True or false; None after a problem."""
        if isinstance(self._tree, Scalar) and isinstance(self._tree.value, bool):
            return self._tree.value
        self.problem(f"true or false is needed, not {self.written}")
        return None

    def scalar(self) -> str | int | float | bool | None:
        """Any plain value that is not empty; None after a problem."""
        if isinstance(self._tree, Scalar) and self._tree.value is not None:
            return self._tree.value
        self.problem(f"a value is needed, not {self.written}")
        return None

    def integer(self, least: int) -> int:
        """A whole number of at least so much."""
        value = self._tree.value if isinstance(self._tree, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**53:
            return value
        self.problem(f"a whole number of at least {least} is needed, not {self.written}")
        return least

    def number(self) -> float:
        """A plain finite number."""
        value = self._tree.value if isinstance(self._tree, Scalar) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
            return float(value)
        self.problem(f"a number is needed, not {self.written}")
        return BROKEN

    def quantity(self, read: Callable[[str], T], stand_in: T) -> T:
        """A typed quantity, by one of the readers of `segue.spec.quantity`."""
        if not isinstance(self._tree, Scalar) or not self._tree.text or isinstance(self._tree.value, bool):
            self.problem(f"a quantity is needed, not {self.written}")
            return stand_in
        return self.parsed(read, self._tree.text, stand_in)

    def parsed(self, read: Callable[[str], T], text: str, stand_in: T) -> T:
        """What a pure reader makes of a text; its error is a problem here."""
        try:
            return read(text)
        except SpecError as error:
            self.problem(error.message, error.hint)
            return stand_in

    def within(self, value: float, holds: bool, wanted: str, hint: str = "") -> float:
        """The value, with a problem where it is outside its domain."""
        if not holds and not math.isnan(value):
            self.problem(f"{self.written} is not {wanted}", hint)
            return BROKEN
        return value


class Fields(msgspec.Struct, frozen=True):
    """The known keys of one section that the document holds."""

    place: Place
    known: dict[str, Place]

    def __contains__(self, name: str) -> bool:
        return name in self.known

    def get(self, name: str, read: Callable[[Place], T], default: T) -> T:
        """What the reader makes of the key's value, or the default where the key is not written."""
        place = self.known.get(name)
        return default if place is None else read(place)
