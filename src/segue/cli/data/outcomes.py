"""`segue outcomes`: how does what came true get in, when it does not come over HTTP?"""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.options import Dry, HomeFolder
from segue.cli.output import say
from segue.cli.policy.assignments import only_route
from segue.errors import DomainError
from segue.wiring import clock_of, home_at, lake_of

app = App(name="outcomes", help="What came true.")


@app.command(name="import")
def import_(
    file: Path,
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
        raise DomainError(f"{file} cannot be read: {error}") from error
    print(f"{taken:,} outcomes taken")
