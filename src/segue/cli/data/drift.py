"""`segue drift`: what has moved, against training, against the champion, or since an earlier time?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from segue.cli.data.versions import Version, known, profile_of
from segue.cli.options import Engine, HomeFolder, RouteName
from segue.cli.output import Listing, Output, say, show
from segue.errors import DomainError
from segue.extras import installing
from segue.facts.drift.findings import Moved
from segue.wiring import Home, clock_of, home_at, lake_of, measuring_engine_of, stores_of

if TYPE_CHECKING:
    from segue.monitor.telling.changing import Losses
    from segue.monitor.telling.sampling import Closely

Against = Literal["training", "champion", "before"]
Loss = Literal["error", "brier", "log", "absolute", "squared"]
_ROWS = Group("Row by row", sort_key=1)
_CONCEPT = Group("Of the concept", sort_key=2)


def drift(
    route: RouteName,
    *,
    version: Version,
    against: Annotated[Against, Parameter(help="Training, --champion, or the time before --hours.")] = "training",
    champion: Annotated[str, Parameter(help="MODEL/VERSION, for --against champion.")] = "",
    hours: Annotated[float, Parameter(help="How much of the stream, up to now, is looked at.")] = 24.0,
    every: Annotated[bool, Parameter(name="--all", negative="", help="Every statistic, not the PSI alone.")] = False,
    rows: Annotated[
        int, Parameter(group=_ROWS, help="Compare so many requests of a side without bins: KS, MMD, a classifier and more.")
    ] = 0,
    training: Annotated[
        Path | None, Parameter(group=_ROWS, help="The training file; against training, as a profile keeps no rows.")
    ] = None,
    concept: Annotated[
        bool, Parameter(group=_CONCEPT, negative="", help="When the losses changed, by several detectors, instead.")
    ] = False,
    loss: Annotated[Loss, Parameter(group=_CONCEPT, help="Which loss of single answers.")] = "error",
    positive: Annotated[str, Parameter(group=_CONCEPT, help="The label that a score speaks of.")] = "1",
    well: Annotated[float | None, Parameter(group=_CONCEPT, help="The mean loss while all is well; from the earliest.")] = None,
    cap: Annotated[float, Parameter(group=_CONCEPT, help="Losses are cut to it; ours needs it of unbounded ones.")] = 0.0,
    run_length: Annotated[
        float, Parameter(group=_CONCEPT, help="Losses that pass on average before a false alarm of ours, at least.")
    ] = 100_000.0,
    engine: Engine = "duckdb",
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """What has moved: every feature, the predicted label and the score, with its no-drift expectation and chance.

    Counted in the bins of the version's training profile; with --rows out of single requests, all columns together as well.
    With --concept not the data but their meaning: when the losses of the version's answers changed, as outcomes tell them.
    """
    from msgspec.structs import replace

    from segue.monitor.drifting import Looked, Window
    from segue.monitor.telling.changing import Losses
    from segue.monitor.telling.sampling import Closely

    place = replace(home_at(home), engine=engine)
    if against == "champion" and "/" not in champion and not concept:
        raise DomainError("--against champion needs --champion MODEL/VERSION", hint="such as --champion churn/7")
    window = Window.of_last(clock_of(place).now(), hours)
    if concept:
        whose = Losses(route=route, version=version, window=window, loss=loss, positive=positive)
        return _changes(place, replace(whose, well=well, cap=cap, run_length=run_length), output)
    looked = Looked(route=route, version=version, against=against, champion=champion, window=window)
    found = _moved(place, Closely(looked=looked, rows=rows), training)
    listed = [moved for moved in found if every or rows or moved.statistic.startswith("psi[")]
    listed.sort(key=lambda moved: (moved.statistic, moved.q_value if moved.q_value is not None else 2.0, -moved.value))
    show(listing(listed), output)
    return None


def _moved(place: Home, closely: "Closely", training: Path | None) -> tuple[Moved, ...]:
    from msgspec.structs import replace

    from segue.monitor.drifting import look
    from segue.monitor.telling.sampling import look_closely

    with stores_of(place) as stores, measuring_engine_of(place) as engine:
        version = closely.looked.version
        profile = profile_of(stores, version)
        champion = known(stores, closely.looked.champion) if closely.looked.against == "champion" else ""
        looked = replace(closely.looked, version=known(stores, version), champion=champion)
        if closely.rows:
            table = _table(training) if training else None
            closely = replace(closely, looked=looked, training=table, trees=_trees())
            found = look_closely(engine, lake_of(place), profile, closely)
        else:
            found = look(engine, lake_of(place), profile, looked)
    if not found:
        said = f"nothing to compare: no request of route {looked.route} asked {version} in these hours"
        say(said + (", or too few" if closely.rows else ""))
    return found


def _changes(place: Home, asked: "Losses", output: Output) -> None:
    from msgspec.structs import replace

    from segue.cli.data import changes
    from segue.monitor.telling.changing import watched

    with stores_of(place) as stores, measuring_engine_of(place, once=True) as engine:
        asked = replace(asked, version=known(stores, asked.version))
        found = watched(engine, lake_of(place), asked, changes.others())
    show(changes.listing(found), output)


def _table(file: Path) -> dict[str, list[object]]:
    from segue.adapters.tables import columns_of

    return {name: list(values) for name, values in columns_of(file).items()}


def _trees() -> bool:
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        say(f"the domain classifier is left out: {installing('sklearn')}")
        return False
    return True


def listing(found: list[Moved]) -> Listing:
    """Findings as rows."""
    rows: list[dict[str, object]] = [
        {
            "column": moved.column,
            "statistic": moved.statistic,
            "value": moved.value,
            "expected": moved.expected,
            "p": moved.p_value,
            "q": moved.q_value,
            "reference": moved.reference,
            "current": moved.current,
            "off_by": moved.off_by,
        }
        for moved in found
    ]
    columns = {
        "column": "column",
        "statistic": "statistic",
        "value": "value",
        "no drift": "expected",
        "p": "p",
        "q": "q",
        "n": "current",
    }
    return Listing(
        rows=rows, name="column", columns=columns, wide={"n before": "reference", "off by": "off_by"}, empty="nothing"
    )
