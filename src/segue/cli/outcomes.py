"""`segue outcomes`: how does what came true get in, when it does not come over HTTP?"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from segue.cli.assignments import only_route
from segue.cli.options import Dry, HomeFolder
from segue.cli.output import say
from segue.errors import DomainError
from segue.wiring import clock_of, home_at, import_outcomes

app = App(name="outcomes", help="What came true.")
_AT_ONCE = 10_000


@app.command(name="import")
def import_(
    file: Path,
    *,
    route: Annotated[str, Parameter(help="For outcomes that name no route; may be left out where there is one only.")] = "",
    dry_run: Dry = False,
    home: HomeFolder = None,
) -> None:
    """Take outcomes from a file: NDJSON, a JSON list, or CSV.

    CSV columns: `request_id` or `unit`, `at` (ISO 8601), `label`, `route`; every other column is a named value. The file is
    checked whole before anything is taken, and the same file taken twice changes nothing.
    """
    from segue.facts.outcome_wire import parse

    place = home_at(home)
    name = route or only_route(place)
    received_at = clock_of(place).now()
    try:
        body = _body(file)
    except (OSError, UnicodeDecodeError) as error:
        raise DomainError(f"{file} cannot be read: {error}") from error
    outcomes = parse(body, received_at=received_at, route=name)
    if dry_run:
        say(f"would take {len(outcomes):,} outcomes")
        return
    for start in range(0, len(outcomes), _AT_ONCE):
        import_outcomes(place, outcomes[start : start + _AT_ONCE])
        say(f"{min(start + _AT_ONCE, len(outcomes)):,} of {len(outcomes):,} outcomes recorded")
    print(f"{len(outcomes)} outcomes taken; the recorder ships them to the lake")


def _body(file: Path) -> bytes:
    if file.suffix.lower() == ".csv":
        with file.open(newline="", encoding="utf-8") as lines:
            return b"\n".join(_from_csv(csv.DictReader(lines)))
    return file.read_bytes()


def _from_csv(rows: "csv.DictReader[str]") -> Iterator[bytes]:
    for number, row in enumerate(rows):
        named = {key: value for key, value in row.items() if key is not None and value not in {None, ""}}
        sent: dict[str, object] = {key: named.pop(key) for key in ("request_id", "unit", "at", "route") if key in named}
        if "label" in named:
            sent["label"] = _label(named.pop("label"))
        try:
            sent["values"] = {key: float(value) for key, value in named.items()}
        except ValueError as error:
            raise DomainError(f"line {number + 2}: {error}", hint="values are numbers") from error
        yield msgspec.json.encode(sent)


def _label(text: str) -> object:
    """A CSV cell as JSON would have it: numbers and true, false as such, else text."""
    try:
        read = json.loads(text.lower() if text.lower() in {"true", "false"} else text)
    except ValueError:
        return text
    return read if isinstance(read, bool | int | float | str) else text
