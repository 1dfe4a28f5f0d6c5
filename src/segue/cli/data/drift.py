"""`segue drift`: what has moved, against training, against the champion, or since an earlier time?"""

from typing import Annotated, Literal

from cyclopts import Parameter

from segue.cli.options import HomeFolder
from segue.cli.output import Listing, Output, say, show
from segue.errors import DomainError, NotFound
from segue.facts.drift.findings import Moved
from segue.wiring import clock_of, engine_of, home_at, lake_of, stores_of

Against = Literal["training", "champion", "before"]


def drift(
    route: str,
    *,
    version: Annotated[str, Parameter(help="MODEL/VERSION: in the bins of its training profile.")],
    against: Annotated[Against, Parameter(help="Training, --champion, or the time before --hours.")] = "training",
    champion: Annotated[str, Parameter(help="MODEL/VERSION, for --against champion.")] = "",
    hours: Annotated[float, Parameter(help="How much of the stream, up to now, is looked at.")] = 24.0,
    every: Annotated[bool, Parameter(name="--all", negative="", help="Every statistic, not the PSI alone.")] = False,
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """What has moved: every feature, the predicted label and the score, with its no-drift expectation and chance."""
    from segue.monitor.drifting import Looked, Window, look

    place = home_at(home)
    model, _, name = version.rpartition("/")
    if not model or (against == "champion" and "/" not in champion):
        raise DomainError("a version is named MODEL/VERSION", hint="such as churn/8")
    with stores_of(place) as stores, engine_of(place) as engine:
        profile = stores.profiles.profile(model, name)
        if profile is None:
            raise NotFound(f"{version} has no profile", hint="register a version with --profile training.csv")
        window = Window.of_last(clock_of(place).now(), hours)
        looked = Looked(route=route, version=name, against=against, champion=champion.rpartition("/")[2], window=window)
        found = look(engine, lake_of(place), profile, looked)
    if not found:
        say("nothing was recorded to compare")
    listed = [moved for moved in found if every or moved.statistic.startswith("psi[")]
    listed.sort(key=lambda moved: (moved.statistic, moved.q_value if moved.q_value is not None else 2.0, -moved.value))
    show(listing(listed), output)


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
