"""What would a version's metrics be, while its outcomes are not there? Guesses, put right by the outcomes that are.

Of classes by the calibration of the version's training profile (CBPE); of numbers by trees that learned the losses of earlier
answers of the same version, whose outcomes are known (DLE). What comes out is an `Estimate`, which no gate takes.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from msgspec.structs import replace

from segue.errors import DomainError
from segue.evidence.drift.whole import codes
from segue.evidence.process import Floats
from segue.evidence.unlabelled import cbpe
from segue.evidence.unlabelled.prediction_powered import corrected
from segue.facts.drift.findings import Estimate
from segue.facts.drift.profile import Calibration, Profile
from segue.facts.evidence import NotEnough
from segue.measure.drift.judged import Answered, judged
from segue.monitor.drifting import Window
from segue.ports.engine import Engine
from segue.ports.lake import Lake

ROWS: Final = 20_000
BEFORE_H: Final = 30 * 24
"""How far back losses are learned from."""
LEAST: Final = 100
"""Earlier answers with an outcome that losses are learned from, at least."""
_SEED: Final = 1
Row = Sequence[Any]
Guess = Estimate | NotEnough


class Guessing(msgspec.Struct, frozen=True, kw_only=True):
    """Whose answers.

    Args:
        rows: at most so many of the window, and as many before it; requests are drawn by the MD5 of their id.
    """

    route: str
    version: str
    window: Window
    rows: int = ROWS


class Guessed(msgspec.Struct, frozen=True, kw_only=True):
    """What was guessed.

    Args:
        answers: of the window, as many as were looked at; `known` of them have an outcome.
        found: guesses of all of them, then those that outcomes put right; both may name the same metric.
    """

    answers: int
    known: int
    found: tuple[tuple[str, Guess], ...] = ()


def guessed(engine: Engine, lake: Lake, profile: Profile, asked: Guessing) -> Guessed:
    """Every guess that profile and record allow.

    Raises:
        DomainError: the profile has no calibration and the labels are no numbers.
        Unavailable: lake or engine did not answer.
    """
    features = () if profile.calibration else profile.features
    rows = _rows(engine, lake, asked, features)
    if profile.calibration is not None:
        return _of_classes(profile.calibration, rows)
    if rows and all(_number(row[1]) is None for row in rows):
        hint = "register it with --profile-score and --profile-truth, which calibrate its scores"
        raise DomainError(f"{asked.version} answers with classes, and its profile has no calibration", hint=hint)
    begin = asked.window.begin
    before = replace(asked, window=Window(begin=begin - BEFORE_H, end=begin))
    return _of_numbers(profile, _rows(engine, lake, before, features), rows)


def _rows(engine: Engine, lake: Lake, asked: Guessing, features: Sequence[Any]) -> list[Row]:
    begin, end = asked.window.begin, asked.window.end
    segments = [it for it in lake.segments("predictions", asked.route) if begin <= it.hour < end]
    outcomes = [it for it in lake.segments("outcomes", asked.route) if it.hour >= begin]
    if not segments:
        return []
    engine.bind({"predictions": lake.locations(segments), "outcomes": lake.locations(outcomes)})
    return list(engine.run(judged(Answered(version=asked.version, begin=begin, end=end, most=asked.rows), features)))


def _of_classes(calibration: Calibration, rows: Sequence[Row]) -> Guessed:
    scored = [row for row in rows if row[1] is not None and _number(row[2]) is not None]
    scores = np.array([float(row[2]) for row in scored])
    positive = np.array([row[1] == calibration.positive for row in scored], dtype=bool)
    known = np.array([row[3] is not None for row in scored], dtype=bool)
    came_true = np.array([row[3] == calibration.positive for row in scored], dtype=bool)
    found: list[tuple[str, Guess]] = list(cbpe.estimated(calibration, scores, positive).items())
    p = cbpe.chances(calibration, scores)
    right = np.where(positive, p, 1 - p)
    real = (came_true == positive).astype(float)
    found.append(("accuracy", corrected("accuracy", right[~known], right[known], real[known])))
    told, untold = known & positive, ~known & positive
    found.append(("precision", corrected("precision", p[untold], p[told], came_true[told].astype(float))))
    return Guessed(answers=len(scored), known=int(known.sum()), found=tuple(found))


def _of_numbers(profile: Profile, before: Sequence[Row], rows: Sequence[Row]) -> Guessed:
    """Losses of earlier answers, half to learn from and half to see how far single guesses are off."""
    earlier = [row for row in before if _number(row[1]) is not None and _number(row[3]) is not None]
    now = [row for row in rows if _number(row[1]) is not None]
    known = np.array([_number(row[3]) is not None for row in now], dtype=bool)
    counts = {"answers": len(now), "known": int(known.sum())}
    if len(earlier) < LEAST or not now:
        have = NotEnough(
            have=len(earlier), need=LEAST, unit="earlier answers with an outcome", reason="losses are learned from"
        )
        return Guessed(**counts, found=(("mae", have), ("mse", have)))
    from segue.evidence.unlabelled import dle  # noqa: PLC0415 - takes scikit-learn, which is an extra

    old, new = _inputs(profile, earlier), _inputs(profile, now)
    error = np.array([float(row[1]) - float(row[3]) for row in earlier])
    real = np.array([float(row[1]) - float(row[3]) for row, told in zip(now, known, strict=True) if told])
    learned = np.arange(len(earlier)) % 2 == 0
    found: list[tuple[str, Guess]] = []
    for name, power in (("mae", 1), ("mse", 2)):
        losses = np.abs(error) ** power
        tried = dle.guessed(old[learned], losses[learned], old[~learned], _SEED)
        guesses = dle.guessed(old[learned], losses[learned], new, _SEED)
        found.append((name, dle.estimated(name, guesses, float(np.var(losses[~learned] - tried)))))
        found.append((name, corrected(name, guesses[~known], guesses[known], np.abs(real) ** power)))
    return Guessed(**counts, found=tuple(found))


def _inputs(profile: Profile, rows: Sequence[Row]) -> Floats:
    """Features, and the prediction itself."""
    table = {feature.name: [row[4 + place] for row in rows] for place, feature in enumerate(profile.features)}
    predicted = np.array([float(row[1]) for row in rows])
    return np.column_stack([codes(profile.features, table), predicted])


def _number(text: object) -> float | None:
    try:
        found = None if text is None else float(str(text))
    except ValueError:
        return None
    return found if found is not None and np.isfinite(found) else None
