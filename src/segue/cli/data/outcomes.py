"""`segue outcomes`: how does what came true get in without HTTP, and which of it is worth asking for?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.options import Dry, HomeFolder
from segue.cli.output import Listing, Output, say, show
from segue.cli.policy.assignments import only_route
from segue.errors import DomainError, NotFound
from segue.wiring import clock_of, control_of, engine_of, home_at, lake_of, stores_of

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


@app.command
def wanted(
    name: Annotated[str, Parameter(help="A rollout, or a route for its newest one.")],
    *,
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """The requests of a shadow stage whose outcomes are worth asking for: those on which the two variants differ.

    Where both gave the same answer no outcome can part them. With `outcome: {wanted: 25%}` in the spec a fixed quarter of the
    disagreements is listed, drawn by the request's id, and the gates on accuracy count by that share. A request leaves the
    list once its outcome is known.
    """
    from segue.decide.walk import stage_of
    from segue.measure.wanted import wanted as query
    from segue.monitor.begin import find
    from segue.spec.load import load
    from segue.spec.stage import Shadow

    place = home_at(home)
    with stores_of(place) as stores:
        loaded = find(control_of(place, stores), name)
    spec, state, lake = load(loaded.spec_source), loaded.state, lake_of(place)
    stage, share = stage_of(spec, state), spec.outcome.wanted or 1.0
    if not isinstance(stage.strategy, Shadow):
        raise NotFound(f"{state.rollout} is in stage {stage.name}, where no two variants answer the same request")
    sources = {kind: lake.locations(lake.segments(kind, state.route)) for kind in ("predictions", "outcomes")}
    rows = []
    with engine_of(place) as engine:
        for candidate in spec.candidates:
            engine.bind(sources)
            variants = (spec.champion, candidate)
            sql = query(state.rollout, stage.name, variants=variants, share=share, since_allocation=state.since_allocation)
            rows += [_asked_for(row, candidate, share) for row in engine.run(sql)]
    columns = {name: name for name in ("request_id", "at", "champion", "candidate", "share")}
    empty = "no answers differ whose outcome is not known"
    show(Listing(rows=rows, name="request_id", columns=columns, wide={"variant": "variant"}, empty=empty), output)


def _asked_for(row: tuple[object, ...], candidate: str, share: float) -> dict[str, object]:
    request_id, at_us, champion, label = row
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(str(at_us)))
    said = {"champion": champion, "candidate": label, "variant": candidate, "share": share}
    return {"request_id": request_id, "at": at.isoformat(timespec="seconds"), **said}
