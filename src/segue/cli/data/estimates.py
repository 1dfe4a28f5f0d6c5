"""`segue estimate`: how good is a version probably, while its outcomes are not there?"""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segue.cli.data.versions import Version, known, profile_of
from segue.cli.options import Engine, HomeFolder, RouteName
from segue.cli.output import Listing, Output, say, show
from segue.errors import DomainError, near_miss
from segue.extras import installing
from segue.facts.drift.findings import Estimate
from segue.wiring import clock_of, home_at, lake_of, measuring_engine_of, stores_of

if TYPE_CHECKING:
    from segue.monitor.telling.estimating import Guess

METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc")


def estimate(
    route: RouteName,
    *,
    version: Version,
    hours: Annotated[float, Parameter(help="How much of the stream, up to now, is looked at.")] = 24.0,
    rows: Annotated[int, Parameter(help="At most so many answers, drawn by the MD5 of their request's id.")] = 20_000,
    floor: Annotated[
        list[str] | None,
        Parameter(negative="", help="Such as accuracy=0.8: warn where the metric is surely below; repeatable."),
    ] = None,
    engine: Engine = "duckdb",
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """Metrics without outcomes, each with an interval, what it assumes, and put right by the outcomes that are there.

    Of classes from the scores, by the calibration of the training profile; of numbers from the features, by the errors of
    earlier answers. A guess, for people: it may warn, and no gate ever takes it.
    """
    from msgspec.structs import replace

    from segue.evidence.unlabelled.cbpe import warnings
    from segue.monitor.drifting import Window
    from segue.monitor.telling.estimating import Guessing, guessed

    floors = dict(_floor(text) for text in floor or ())
    if rows < 1:
        raise DomainError(f"{rows} rows are none")
    place = replace(home_at(home), engine=engine)
    with stores_of(place) as stores, measuring_engine_of(place, once=True) as reader:
        profile = profile_of(stores, version)
        window = Window.of_last(clock_of(place).now(), hours)
        asked = Guessing(route=route, version=known(stores, version), window=window, rows=rows)
        try:
            found = guessed(reader, lake_of(place), profile, asked)
        except ModuleNotFoundError as error:
            raise DomainError(f"guessing losses needs {error.name}", hint=installing("sklearn")) from error
    say(f"{found.answers:,} answers, {found.known:,} of them with an outcome; no gate takes these numbers")
    for said in dict.fromkeys(text for name, guess in found.found for text in warnings({name: guess}, floors)):
        say(f"warning: {said}")
    rows_ = [_row(name, guess) for name, guess in found.found] if found.answers else []
    names = ("metric", "estimate", "between", "n", "with outcome", "method")
    wide = {"assumes": "assumes"}
    show(Listing(rows=rows_, name="metric", columns={name: name for name in names}, wide=wide, empty="no answer yet"), output)


def _row(name: str, guess: "Guess") -> dict[str, object]:
    if not isinstance(guess, Estimate):
        return {"metric": name, "estimate": None, "method": f"not yet: {guess.have:,} of {guess.need:,} {guess.unit}"}
    return {
        "metric": name,
        "estimate": guess.value,
        "between": f"{guess.low:.4g} and {guess.high:.4g}",
        "low": guess.low,
        "high": guess.high,
        "n": guess.rows,
        "with outcome": guess.labelled,
        "method": guess.method,
        "assumes": list(guess.assumptions),
    }


def _floor(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        found = float(value)
    except ValueError:
        raise DomainError(f"{text!r} is no floor", hint="such as --floor accuracy=0.8") from None
    if name not in METRICS:
        hint = near_miss(name, METRICS) or f"one of {', '.join(METRICS)}"
        raise DomainError(f"{name!r} is not estimated from scores", hint=hint)
    return name, found
