"""`segue report`: what happened, on one page that needs nothing else."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from segue.cli.options import Engine, HomeFolder, RolloutName
from segue.errors import DomainError
from segue.wiring import home_at, outside_of


def report(
    rollout: RolloutName,
    *,
    file: Annotated[Path, Parameter(name=["--file", "-f"], help="Where to write the page.")] = Path("report.html"),
    engine: Engine = "duckdb",
    home: HomeFolder = None,
) -> None:
    """One page of a rollout (or of a route's newest): its walk, gates, metrics, segments, drift and agreement, with pictures.

    The page holds everything that it shows; no script, no font, no picture from elsewhere.
    """
    from segue.monitor.begin import find
    from segue.report.gather import of_rollout, to_html
    from segue.report.sections import sections

    if engine != "duckdb":
        hint = "without --engine; on Spark run drift, days, estimate, segments and skew, which say the same at length"
        raise DomainError("a report is counted by DuckDB, on this machine", hint=hint)
    with outside_of(home_at(home)) as outside:
        loaded = find(outside, rollout)
        found = of_rollout(outside, loaded.state.rollout)
        text = to_html(found, sections(outside, loaded))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DomainError(f"{file} cannot be written: {error.strerror}", hint="name another with --file") from error
    print(file)
