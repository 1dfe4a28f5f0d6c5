"""The three versions of the demo: how good each is later, and what is wrong with v9."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from segue.demo.flights import FEATURES, WEATHER
from segue.demo.models import FAULT, TRAINED, UNITS, TrainedVersion, train
from segue.demo.serving import PREPROCESSING, TREES, Boosted, Champion, Preprocessing, boosted, champion
from segue.host.artifact import check_artifact

Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Month:
    """What was asked of a month's flights, and what came true."""

    inputs: Columns
    late: "np.ndarray[Any, np.dtype[np.float64]]"


def _month(year: pd.DataFrame, number: int) -> Month:
    there = year["departs_at"].dt.tz_convert("America/New_York").dt.month == number
    rows = year[there & year["late"].notna()]
    return Month({name: rows[name].tolist() for name in FEATURES}, rows["late"].to_numpy())


def _answers(versions: dict[str, TrainedVersion], inputs: Columns) -> dict[str, dict[str, list[Any]]]:
    models: dict[str, Champion | Boosted] = {"v7": champion(versions["v7"].folder)}
    models |= {name: boosted(versions[name].folder) for name in ("v8", "v9")}
    return {name: model.predict(inputs) for name, model in models.items()}


@pytest.mark.parametrize("number", [3, 4, 5])
def test_who_is_better(number: int, year: pd.DataFrame, versions: dict[str, TrainedVersion]) -> None:
    """In each month that the demo plays, v8 is right more often than v7, and v9 less often, by points that traffic can show."""
    month = _month(year, number)
    accuracy = {
        name: float((np.array(answer["label"]) == month.late).mean())
        for name, answer in _answers(versions, month.inputs).items()
    }
    assert accuracy["v8"] > accuracy["v7"] + 0.03
    assert accuracy["v9"] < accuracy["v7"] - 0.04


def test_ranking(year: pd.DataFrame, versions: dict[str, TrainedVersion]) -> None:
    """In March both candidates rank flights better than v7 does: the fault of v9 does not show in its ranking."""
    march = _month(year, 3)
    auc = {name: roc_auc_score(march.late, answer["score"]) for name, answer in _answers(versions, march.inputs).items()}
    assert 0.60 < auc["v7"] < 0.65 < auc["v9"] < 0.73
    assert 0.70 < auc["v8"] < 0.73


def test_trained_before_played(year: pd.DataFrame, versions: dict[str, TrainedVersion]) -> None:
    """Every version has learned from exactly the flights of January and February that arrived, each landed before March."""
    local = year["departs_at"].dt.tz_convert("America/New_York").dt.month
    rows = year[local.isin([1, 2]) & year["late"].notna()]
    for version in versions.values():
        assert version.card.trained == tuple(day.isoformat() for day in TRAINED) == ("2013-01-01", "2013-02-28")
        assert version.card.rows == len(rows)
    assert rows["landed_at"].max() < pd.Timestamp("2013-03-02", tz="UTC")


@pytest.mark.usefixtures("versions")
def test_training_says_what_it_does(said: list[str]) -> None:
    """Before each of the twelve fits, and before the flights are read, training says what comes."""
    parts = [f"{version}: threshold, model {part} of 5" for version in ("v7", "v8") for part in range(1, 6)]
    assert said == ["reading the flights of 2013", "v7: fitting the regression", "v8: growing the trees", *parts]


def test_one_unit_apart(versions: dict[str, TrainedVersion]) -> None:
    """v9 has the very trees of v8, and its preprocessing differs in the unit of the temperature alone."""
    right, wrong = versions["v8"].folder, versions["v9"].folder
    assert (right / TREES).read_bytes() == (wrong / TREES).read_bytes()
    assert (_preprocessing(right).units, _preprocessing(wrong).units) == (UNITS, {**UNITS, **FAULT})
    assert msgspec.structs.replace(_preprocessing(wrong), units=UNITS) == _preprocessing(right)
    assert list(FAULT) == ["temp"]


def test_right_feed_heals(year: pd.DataFrame, versions: dict[str, TrainedVersion]) -> None:
    """Fed with the kelvin that it takes its input to be, v9 answers as v8 does: nothing else is wrong with it."""
    inputs = _month(year, 3).inputs
    kelvin = [(degrees + 459.67) * 5 / 9 for degrees in inputs["temp"]]
    right = boosted(versions["v8"].folder).predict(inputs)
    healed = boosted(versions["v9"].folder).predict({**inputs, "temp": kelvin})
    assert np.mean(np.array(healed["label"]) != right["label"]) < 0.001  # the last bit of a float may cross a split
    assert boosted(versions["v9"].folder).predict(inputs)["label"] != right["label"]


def test_fault_is_in_no_offline_figure(versions: dict[str, TrainedVersion]) -> None:
    """The cards of v8 and v9 tell the same figures, and better ones than the card of v7."""
    right, wrong = versions["v8"].card, versions["v9"].card
    assert (right.metrics, right.threshold) == (wrong.metrics, wrong.threshold)
    assert right.metrics["roc_auc"] > versions["v7"].card.metrics["roc_auc"] + 0.03
    assert right.metrics["accuracy"] > versions["v7"].card.metrics["accuracy"] + 0.01
    for version in versions.values():
        assert version.card.metrics["called_late"] == pytest.approx(version.card.metrics["late"], abs=0.001)


def test_known_units() -> None:
    """What freezes, blows, pours and hides is the same in the feed's units and in the trees'."""
    fed = {"temp": 32.0, "wind_speed": 10.0, "precip": 1.0, "visib": 10.0}
    converted = {name: UNITS[name].scale * value + UNITS[name].offset for name, value in fed.items()}
    assert converted == pytest.approx({"temp": 273.15, "wind_speed": 4.4704, "precip": 25.4, "visib": 16.09344})
    assert set(UNITS) == set(WEATHER)


def test_digest(versions: dict[str, TrainedVersion]) -> None:
    """The digest is the one that a host will compute before it loads the version."""
    for version in versions.values():
        check_artifact(version.folder, version.digest)
    assert len({version.digest for version in versions.values()}) == 3


@pytest.mark.slow
def test_same_again(demo_folder: Path, tmp_path: Path, versions: dict[str, TrainedVersion]) -> None:
    """Trained a second time, every version has the same files to the byte."""
    for kept in demo_folder.glob("*.parquet"):
        (tmp_path / kept.name).write_bytes(kept.read_bytes())
    again = train(tmp_path)
    assert {name: version.digest for name, version in again.items()} == {n: version.digest for n, version in versions.items()}


def _preprocessing(folder: Path) -> Preprocessing:
    return msgspec.json.decode((folder / PREPROCESSING).read_bytes(), type=Preprocessing)
