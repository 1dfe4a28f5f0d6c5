"""How does an answer look: as a table for people, or as data for programs?

Data goes to stdout, everything else to stderr; without a terminal there are no colours and no boxes.
"""

import io
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, Self

import msgspec
from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from ruamel.yaml import YAML

Format = Literal["table", "wide", "json", "yaml", "name"]
Output = Annotated[Format, Parameter(name=["--output", "-o"], help="How to write it.")]
Plain = str | int | float | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]

errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)
_WIDTH_WITHOUT_TERMINAL: Final = 160


def out() -> Console:
    """Where data goes."""
    return Console(
        highlight=False,
        soft_wrap=False,
        no_color=bool(os.environ.get("NO_COLOR")) or None,
        width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL,
    )


def say(text: str) -> None:
    """A word of progress, to stderr."""
    errors.print(text, markup=False)


class Progress:
    """What work of minutes does, to stderr, each line after the seconds since the work began.

    On a terminal a line that is only `passing` is overwritten by the next; elsewhere it stays like the others.
    """

    def __init__(self) -> None:
        self._begun_s = time.monotonic()
        self.live = sys.stderr.isatty()
        self._passes = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.end()
        say(self._timed(text))

    def passing(self, text: str) -> None:
        """What is done now, until the next line."""
        if not self.live:
            self.say(text)
            return
        sys.stderr.write(f"\r\033[K{self._timed(text)[: errors.width - 1]}")
        sys.stderr.flush()
        self._passes = True

    def end(self) -> None:
        """Take away a line that was only passing."""
        if self._passes:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._passes = False

    def _timed(self, text: str) -> str:
        return f"[{time.monotonic() - self._begun_s:5.1f} s] {text}"


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Rows to show: `columns` name keys of each row; those in `wide` are left out of a plain table.

    Args:
        rows: one mapping a thing, all of what is known of it.
        name: the key that names a thing.
        columns: heading -> key.
        wide: further columns for `-o wide`.
        empty: what to say where there is nothing.
    """

    rows: list[dict[str, object]]
    name: str
    columns: dict[str, str]
    wide: dict[str, str] = {}
    empty: str = "nothing"


def show(listing: Listing, output: Format) -> None:
    """Write a listing in the form that was asked for."""
    if output == "name":
        for row in listing.rows:
            print(row[listing.name])
    elif output == "json":
        print(json.dumps(_plain(listing.rows), indent=2, ensure_ascii=False))
    elif output == "yaml":
        _print_yaml(_plain(listing.rows))
    else:
        _table(listing, listing.columns | (listing.wide if output == "wide" else {}))


def show_one(thing: object, output: Format, text: str, name: str = "") -> None:
    """Write one thing: its text for people, all of it for programs, and where only its name is wanted, that if it has one."""
    if output == "json":
        print(json.dumps(_plain(thing), indent=2, ensure_ascii=False))
    elif output == "yaml":
        _print_yaml(_plain(thing))
    else:
        print(name if output == "name" and name else text)


def _table(listing: Listing, columns: Mapping[str, str]) -> None:
    if not listing.rows:
        say(listing.empty)
        return
    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False, header_style="bold")
    for heading in columns:
        table.add_column(heading.upper(), overflow="fold")
    for row in listing.rows:
        # Plain texts: a name such as `psi[ref_deciles]` is no markup.
        table.add_row(*(Text(_text(row.get(key))) for key in columns.values()))
    out().print(table)


def _text(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(entry)}" for key, entry in value.items()) or "-"
    return str(value)


def _plain(thing: object) -> object:
    """A thing as JSON has it; times in ISO 8601."""
    return json.loads(msgspec.json.encode(thing))


def _print_yaml(thing: object) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    text = io.StringIO()
    yaml.dump(thing, text)
    print(text.getvalue(), end="")
