"""`segue outcomes`: how does what came true get in without HTTP, and which of it is worth asking for?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter

from segue.cli.options import Dry, HomeFolder, Server, desk_at
from segue.cli.output import Listing, Output, say, show
from segue.cli.policy.assignments import only_route
from segue.errors import DomainError
from segue.report.words import many
from segue.wiring import clock_of, home_at, lake_of

if TYPE_CHECKING:
    from segue.api.views import Wanted

app = App(name="outcomes", help="What came true.")


@app.command(name="import")
def import_(
    file: Annotated[Path, Parameter(help="CSV, Parquet, NDJSON, or a JSON list.")],
    *,
    route: Annotated[str, Parameter(help="For outcomes that name no route; may be left out where there is one only.")] = "",
    dry_run: Dry = False,
    home: HomeFolder = None,
) -> None:
    """Take outcomes from a file: CSV, Parquet, NDJSON or a JSON list.

    Columns: `request_id` or `unit`, `at` (ISO 8601), `label`, `route`; every other column of a CSV or Parquet file is a named
    value. The file is checked whole before anything is taken, and the same file taken twice changes nothing.
    """
    from segue.adapters.lakes.table import rows_of
    from segue.record.outcomes import Given, import_outcomes, read_outcomes

    place = home_at(home)
    given = Given(received_at=clock_of(place).now(), route=route or only_route(place), parquet=rows_of)
    try:
        if dry_run:
            say(f"would take {len(read_outcomes(file, given)):,} outcomes")
            return
        taken = import_outcomes(file, lake_of(place), given)
    except OSError as error:
        raise DomainError(f"{file} cannot be read: {error.strerror}") from error
    print(f"{many(taken, 'outcome')} taken")


@app.command
def wanted(
    name: Annotated[str, Parameter(help="A rollout, or a route for its newest one.")],
    *,
    output: Output = "table",
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """The requests of a shadow stage whose outcomes are worth asking for: those on which the two variants differ.

    Where both gave the same answer no outcome can part them. With `outcome: {wanted: 25%}` in the spec a fixed quarter of the
    disagreements is listed, drawn by the request's id, and the gates on accuracy count by that share. A request leaves the
    list once its outcome is known.
    """
    with desk_at(home, server) as desk:
        rows = [_asked_for(one) for one in desk.wanted(name)]
    columns = {name: name for name in ("request_id", "at", "champion", "candidate", "share")}
    empty = "no answers differ whose outcome is not known"
    show(Listing(rows=rows, name="request_id", columns=columns, wide={"variant": "variant"}, empty=empty), output)


def _asked_for(one: "Wanted") -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(one)
    row["at"] = one.at.isoformat(timespec="seconds")
    return row
