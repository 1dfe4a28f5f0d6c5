"""What is said about a key of a spec?

The tables (`top_keys`, `stage_keys`) are what the readers, the JSON schema and the reference page are made from.
"""

from typing import Final, Literal

import msgspec

Type = Literal[
    "text",
    "label",
    "name",
    "attribute",
    "metric",
    "variant",
    "source",
    "pointer",
    "expression",
    "choice",
    "kind of metric",
    "flag",
    "integer",
    "number",
    "percent",
    "stream duration",
    "real duration",
    "quantity",
    "multiple",
    "version",
    "url",
    "section",
]
Form = Literal["one", "list", "mapping"]
REQUIRED: Final = "required"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a section.

    Args:
        type: what its value is; where `form` is not "one", what each value of the list or mapping is.
        about: what it means, in one line.
        default: what holds where it is not written; `REQUIRED` where something must be written.
        example: a value as it may be written.
        choices: the words it may be.
        section: the path of the section that it holds.
        only: the strategies it has a use in; all where empty.
    """

    name: str
    type: Type
    about: str
    default: str = REQUIRED
    example: str
    form: Form = "one"
    choices: tuple[str, ...] = ()
    section: str = ""
    only: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether it must be written."""
        return self.default == REQUIRED


class Section(msgspec.Struct, frozen=True):
    """The keys that may stand together; capitals in the path are names that the spec chooses.

    Args:
        noun: what stands here, for messages ("a canary stage").
        foreign: keys of its neighbours, which have no use here.
    """

    path: str
    about: str
    keys: tuple[Key, ...]
    noun: str = ""
    foreign: tuple[str, ...] = ()


def key(name: str, kind: Type, about: str, example: str, **more: object) -> Key:
    """A row of a table."""
    return msgspec.convert({"name": name, "type": kind, "about": about, "example": example, **more}, Key)
