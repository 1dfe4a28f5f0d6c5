"""When did a version's losses change? Its judged answers in the order of their time, under several detectors."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from math import isfinite, log
from typing import Any, Final, Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from segue.errors import DomainError
from segue.evidence.change.betting import alarms, upper
from segue.evidence.change.signals import Watcher, detected
from segue.evidence.process import Floats
from segue.facts.drift.findings import Change, Detected
from segue.measure.drift.judged import Answered, judged
from segue.monitor.drifting import Window
from segue.ports.engine import Engine
from segue.ports.lake import Lake

Loss = Literal["error", "brier", "log", "absolute", "squared"]
FIRST: Final = 0.25
"""Share of the losses, the earliest, that say what was well, where nobody says it."""
LEAST: Final = 100
"""Losses below which nothing is said."""
_CONFIDENCE: Final = 1e-3
_CLIP: Final = 1e-15
_SEED: Final = 1
Row = Sequence[Any]


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """Which loss of which answers.

    Args:
        loss: error: the label is not what came true. brier: (score - 1 or 0) squared. log: of the score, clipped at 1e-15.
            absolute, squared: of labels that are numbers.
        positive: the label that a score speaks of.
        cap: losses are cut to it; what our own detector needs of losses that have no largest value. 0 for none.
        well: what the mean loss is at most while all is well; None to take it from the earliest losses.
        run_length: losses that pass on average before a false alarm of ours, at least.
    """

    route: str
    version: str
    window: Window
    loss: Loss = "error"
    positive: str = "1"
    cap: float = 0.0
    well: float | None = None
    run_length: float = 100_000.0


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Args:
        losses: how many; `unjudged` answers have none, because nothing came true of them yet or they are of another kind.
        mean: of the losses; None where there are none.
        found: of each detector; empty where the losses are too few.
    """

    losses: int
    unjudged: int
    mean: float | None
    found: tuple[Detected, ...]


def watched(engine: Engine, lake: Lake, asked: Losses, others: Sequence[Watcher] = ()) -> Watched:
    """Read, and watch.

    Args:
        engine: reads the files.
        lake: where they are.
        asked: which losses.
        others: detectors beside our own.

    Raises:
        DomainError: a cap, a level or a run length that is none.
        Unavailable: lake or engine did not answer.
    """
    if asked.cap < 0 or (asked.well is not None and asked.well <= 0):
        raise DomainError("a cap and a level of losses are above 0")
    if asked.run_length < 1:
        raise DomainError(f"a run length of {asked.run_length:g} losses is none", hint="such as --run-length 100000")
    window = asked.window
    predictions = [it for it in lake.segments("predictions", asked.route) if window.begin <= it.hour < window.end]
    outcomes = [it for it in lake.segments("outcomes", asked.route) if it.hour >= window.begin]
    engine.bind({"predictions": lake.locations(predictions), "outcomes": lake.locations(outcomes)})
    rows = engine.run(judged(Answered(version=asked.version, begin=window.begin, end=window.end)))
    of_row = partial(_LOSSES[asked.loss], positive=asked.positive)
    pairs = [(int(str(row[0])), loss) for row in rows if (loss := of_row(row)) is not None and isfinite(loss)]
    losses = np.array([loss for _, loss in pairs])
    counts = {"losses": len(pairs), "unjudged": len(rows) - len(pairs)}
    if asked.cap:
        losses = losses.clip(max=asked.cap)
    if len(losses) < LEAST:
        return Watched(**counts, mean=float(losses.mean()) if len(losses) else None, found=())
    times = [at_us for at_us, _ in pairs]
    made = [detected(watcher, losses, np.random.default_rng(_SEED)) for watcher in (*_ours(asked, losses), *others)]
    return Watched(**counts, mean=float(losses.mean()), found=tuple(_timed(it, times) for it in made))


def _ours(asked: Losses, losses: Floats) -> list[Watcher]:
    """Our own detector; none where the losses have no largest value and nobody gave one."""
    scale = asked.cap or (1.0 if asked.loss in {"error", "brier"} else 0.0)
    if not scale:
        return []
    first = losses[: max(int(FIRST * len(losses)), 1)] / scale
    level = asked.well / scale if asked.well is not None else upper(float(first.mean()), len(first), _CONFIDENCE)
    whence = "as said" if asked.well is not None else f"the most that the first {len(first):,} allow, at 99.9 %"
    return [
        Watcher(
            name=f"e_detector[shiryaev_roberts,well={level * scale:.4g},run_length={asked.run_length:g}]",
            guarantee=f"while the mean loss is at most {level * scale:.4g} ({whence}), on average no false alarm before "
            f"{asked.run_length:,.0f} losses, and none in these {len(losses):,} with a chance of at least "
            f"{max(1 - len(losses) / asked.run_length, 0.0):.0%}",
            alarms=lambda part: alarms(part / scale, level, asked.run_length),
        )
    ]


def _timed(found: Detected, times: Sequence[int]) -> Detected:
    def at(place: int) -> datetime:
        return datetime.fromtimestamp(times[place] / 1e6, UTC)

    changes: list[Change] = [replace(it, at=at(it.signalled), since=at(it.changed)) for it in found.changes]
    return replace(found, changes=tuple(changes))


def _number(text: object) -> float | None:
    try:
        return None if text is None else float(str(text))
    except ValueError:
        return None


def _error(row: Row, positive: str) -> float | None:  # noqa: ARG001 - one shape for all losses
    return None if row[1] is None or row[3] is None else float(row[1] != row[3])


def _brier(row: Row, positive: str) -> float | None:
    score = _number(row[2])
    if score is None or row[3] is None or not 0 <= score <= 1:
        return None
    return float((score - (row[3] == positive)) ** 2)


def _log(row: Row, positive: str) -> float | None:
    score = _number(row[2])
    if score is None or row[3] is None or not 0 <= score <= 1:
        return None
    return -log(max(score if row[3] == positive else 1 - score, _CLIP))


def _absolute(row: Row, positive: str) -> float | None:  # noqa: ARG001 - one shape for all losses
    label, truth = _number(row[1]), _number(row[3])
    return None if label is None or truth is None else abs(label - truth)


def _squared(row: Row, positive: str) -> float | None:
    absolute = _absolute(row, positive)
    return None if absolute is None else absolute**2


_LOSSES: Final[dict[Loss, Callable[..., float | None]]] = {
    "error": _error,
    "brier": _brier,
    "log": _log,
    "absolute": _absolute,
    "squared": _squared,
}
