"""The served factories of the demo: from an artifact folder to answers."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import joblib
import msgspec
import pandas as pd
import pytest

from segue.demo.flights import FEATURES, Flight, load, v2_request
from segue.demo.models import TrainedVersion
from segue.demo.serving import ONE_OF, PIPELINE, PREPROCESSING, TREES, Boosted, Champion, boosted, champion
from segue.errors import DomainError, Refused
from segue.host.model import load as host_load
from segue.host.v2 import read_request
from segue.ports.registry import ModelVersion

Factory = Callable[[Path], Champion | Boosted]
FACTORIES: list[tuple[str, Factory]] = [("v7", champion), ("v8", boosted), ("v9", boosted)]
FILES = [("v7", PIPELINE), ("v8", TREES), ("v8", PREPROCESSING), ("v9", PREPROCESSING)]


@pytest.fixture(scope="module")
def some(demo_folder: Path) -> list[Flight]:
    """A few hundred flights of a week."""
    return load(date(2013, 5, 1), date(2013, 5, 8), 0.05, folder=demo_folder)


def _columns(flights: list[Flight]) -> dict[str, list[Any]]:
    return {name: [flight.features[name] for flight in flights] for name in FEATURES}


def test_champion_is_the_pipeline(some: list[Flight], versions: dict[str, TrainedVersion]) -> None:
    """The champion's scores are those of the scikit-learn pipeline in its artifact, for values it has never seen too."""
    inputs = _columns(some)
    inputs["dest"][0], inputs["carrier"][1], inputs["hour"][2] = "XXX", "??", 3
    folder = versions["v7"].folder
    table = pd.DataFrame({name: pd.Series(inputs[name], dtype=object) for name in ONE_OF} | {"distance": inputs["distance"]})
    expected = joblib.load(folder / PIPELINE).predict_proba(table)[:, 1]
    assert champion(folder).predict(inputs)["score"] == pytest.approx(expected.tolist(), abs=1e-12)


@pytest.mark.parametrize(("name", "factory"), FACTORIES)
def test_rows_do_not_touch(name: str, factory: Factory, some: list[Flight], versions: dict[str, TrainedVersion]) -> None:
    """A row's answer is the same alone and among others, and its label is its score against the card's threshold."""
    model, card = factory(versions[name].folder), versions[name].card
    together = model.predict(_columns(some))
    alone = [model.predict(_columns([flight])) for flight in some]
    assert [answer["score"][0] for answer in alone] == pytest.approx(together["score"], abs=1e-6)
    assert together["label"] == [int(score > card.threshold) for score in together["score"]]
    assert set(together["label"]) == {0, 1}


@pytest.mark.parametrize("name", ["v7", "v8", "v9"])
def test_host_takes_it(name: str, some: list[Flight], versions: dict[str, TrainedVersion]) -> None:
    """A host loads each version by the factory it was registered with, and answers a request as it came over the wire."""
    version = versions[name]
    registered = ModelVersion(
        model="late",
        version=version.version,
        factory=version.factory,
        artifact=str(version.folder),
        digest=version.digest,
        registered_at=datetime(2013, 3, 1, tzinfo=UTC),
    )
    model = host_load(registered)
    asked = read_request(msgspec.json.encode(v2_request(some[0])))
    model.check(asked)
    answer = model.predict(asked.columns)
    assert answer["label"] in ([0], [1])
    assert 0 < answer["score"][0] < 1
    assert {output: spec.datatype for output, spec in model.outputs.items()} == {"label": "INT64", "score": "FP64"}


@pytest.mark.parametrize(("name", "file"), FILES)
def test_changed_file(name: str, file: str, tmp_path: Path, versions: dict[str, TrainedVersion]) -> None:
    """An artifact of which one file is no longer the trained one is refused before anything of it is loaded."""
    copy = tmp_path / name
    shutil.copytree(versions[name].folder, copy)
    (copy / file).write_bytes((copy / file).read_bytes() + b" ")
    with pytest.raises(Refused, match=file):
        dict(FACTORIES)[name](copy)


@pytest.mark.parametrize(("name", "factory"), FACTORIES)
def test_missing_input(name: str, factory: Factory, some: list[Flight], versions: dict[str, TrainedVersion]) -> None:
    """A request without an input that the model needs is named as the caller's mistake."""
    inputs = _columns(some)
    del inputs["dest"]
    with pytest.raises(DomainError, match="dest"):
        factory(versions[name].folder).predict(inputs)
