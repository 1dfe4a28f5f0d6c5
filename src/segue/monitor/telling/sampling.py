"""What has moved, row by row: samples of both sides out of the lake, or of a training file, compared without bins?"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from msgspec.structs import replace

from segue.errors import DomainError
from segue.evidence.drift.whole import LEAST, Table, codes, exact
from segue.facts.drift.findings import Moved
from segue.facts.drift.profile import FeatureProfile, Profile
from segue.measure.drift.judged import sampled
from segue.monitor.drifting import Looked, arm_of, bound
from segue.ports.engine import Engine
from segue.ports.lake import Lake

MOST: Final = 4000
"""Rows of a side, at most: a kernel compares each with each."""
_SEED: Final = 1


class Closely(msgspec.Struct, frozen=True, kw_only=True):
    """A look at rows.

    Args:
        rows: of a side, at most; requests are drawn by the MD5 of their id, rows of a file by chance with a fixed seed.
        training: columns of the training file, whose rows no profile keeps; needed against training alone.
        trees: whether a classifier is asked as well; takes scikit-learn.
    """

    looked: Looked
    rows: int = 1000
    training: Table | None = None
    trees: bool = True


def look_closely(engine: Engine, lake: Lake, profile: Profile, closely: Closely) -> tuple[Moved, ...]:
    """Every statistic of rows; nothing where a side has too few.

    Raises:
        DomainError: too many rows, or no training file, or one without some feature.
        Unavailable: lake or engine did not answer.
    """
    if not LEAST <= closely.rows <= MOST:
        raise DomainError(f"{LEAST} to {MOST:,} rows of a side are compared one by one, not {closely.rows:,}")
    sides = _sides(engine, lake, profile.features, closely)
    if closely.looked.against == "training":
        sides["reference"] = _of_file(profile.features, closely)
    if set(sides) != {"reference", "current"} or min(_rows(side) for side in sides.values()) < LEAST:
        return ()
    found = exact(profile.features, sides["reference"], sides["current"], _SEED)
    if not closely.trees:
        return found
    from segue.evidence.drift.classifier import told_apart  # noqa: PLC0415 - takes scikit-learn, which is an extra

    reference, current = (codes(profile.features, sides[name]) for name in ("reference", "current"))
    return (*found, replace(told_apart(reference, current, _SEED), column="all columns"))


def _sides(engine: Engine, lake: Lake, features: Sequence[FeatureProfile], closely: Closely) -> dict[str, Table]:
    if not bound(engine, lake, closely.looked):
        return {}
    rows: dict[str, list[tuple[object, ...]]] = {}
    for arm, *values in engine.run(sampled(features, arm=arm_of(closely.looked), most=closely.rows)):
        rows.setdefault(str(arm), []).append(tuple(values))
    names = [feature.name for feature in features]
    return {arm: dict(zip(names, map(list, zip(*kept, strict=True)), strict=True)) for arm, kept in rows.items()}


def _of_file(features: Sequence[FeatureProfile], closely: Closely) -> dict[str, list[Any]]:
    training = closely.training
    if training is None:
        raise DomainError("a profile keeps no rows", hint="name the training file: --training training.csv")
    missing = [feature.name for feature in features if feature.name not in training]
    if missing:
        raise DomainError(f"the training file has no column {', '.join(missing)}", hint=f"columns: {', '.join(training)}")
    total = len(training[features[0].name])
    drawn = np.random.default_rng(_SEED).permutation(total)[: closely.rows].tolist()
    return {feature.name: [_value(training[feature.name][row]) for row in drawn] for feature in features}


def _value(value: object) -> object:
    return None if isinstance(value, float) and np.isnan(value) else value


def _rows(side: Mapping[str, Sequence[object]]) -> int:
    return len(next(iter(side.values()), ()))
