"""What the engine's sums say is what scikit-learn and numpy say, ties and all."""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.facts.evidence import NotEnough
from segue.facts.merging import merge
from segue.facts.question import MetricRef
from segue.measure.kinds.catalogue import value
from segue.measure.kinds.service.operational import RELATIVE_ERROR
from segue.testkit.worlds import World, measurement, metric, outcome, prediction, shadow, spec

N = 600
COUNTRIES = ("DE", "AT", None)
POSITIVE = {"positive": "1"}
KINDS: dict[str, dict[str, object]] = {
    "accuracy": {},
    "precision": {"parameters": POSITIVE},
    "recall": {"parameters": POSITIVE},
    "f1": {"parameters": POSITIVE},
    "roc_auc": {},
    "log_loss": {},
    "brier": {},
    "latency_quantile": {"parameters": {"q": 0.95}},
    "error_rate": {},
    "agreement": {},
}
METRICS = {name: metric(name, name, **changes) for name, changes in KINDS.items()}
MEANS = {name: metric(name, name) for name in ("mae", "rmse")} | {"kpi": metric("kpi", "mean", of="outcome.kpi", cap=7.0)}


class Data:
    """Two variants' answers to the same requests over eight hours; scores have many ties, 0 and 1 among them."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.truth = [int(rng.random() < 0.3) for _ in range(N)]
        self.score = [round(min(max(rng.gauss(0.3 + 0.3 * y, 0.25), 0.0), 1.0), 1) for y in self.truth]
        self.other = [rng.random() for _ in range(N)]
        self.latency = [rng.lognormvariate(-4, 1) for _ in range(N)]
        self.country = [rng.choice(COUNTRIES) for _ in range(N)]
        self.hours = [rng.uniform(0, 8) for _ in range(N)]

    def put(self, world: World) -> None:
        """As rows, the champion with `score`, its shadow with `other`."""
        for i, (when, y, country) in enumerate(zip(self.hours, self.truth, self.country, strict=True)):
            row = {"context": {"country": country} if country else {}, "latency_upstream_s": self.latency[i]}
            mine = {"score": self.score[i], "label": str(int(self.score[i] >= 0.5))}
            world.put(prediction(f"q{i}", when, **row, **mine))
            world.put(shadow(f"q{i}", when, score=self.other[i], label=str(int(self.other[i] >= 0.5)), **row))
            world.put(outcome(when, request_id=f"q{i}", label=str(y)))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Data]]:
    """A world with the data in it, measured."""
    with DuckdbEngine() as engine:
        world, data = World(FolderLake(tmp_path_factory.mktemp("lake")), engine), Data(5)
        data.put(world)
        world.measure(measurement(spec_of=spec(METRICS.values(), segments=(("country",),))), 50)
        yield world, data


def read(world: World, name: str, variant: str = "champion", **segment: str) -> float:
    """A metric's value over all hours."""
    plan = measurement(spec_of=spec(METRICS.values()))
    about = next(it for it in plan.metrics if it.name == name)
    found = value(about, world.cell(name, variant, **segment))
    assert not isinstance(found, NotEnough)
    return found


@pytest.mark.parametrize("country", [None, "DE", "AT"])
def test_classification(measured: tuple[World, Data], country: str | None) -> None:
    """Over everybody and in each segment; hours and segments only add."""
    world, data = measured
    chosen = [i for i in range(N) if country is None or data.country[i] == country]
    truth = np.array(data.truth)[chosen]
    score = np.array(data.score)[chosen]
    label = (score >= 0.5).astype(int)
    expected = {
        "accuracy": sk.accuracy_score(truth, label),
        "precision": sk.precision_score(truth, label),
        "recall": sk.recall_score(truth, label),
        "f1": sk.f1_score(truth, label),
        "roc_auc": sk.roc_auc_score(truth, score),
        "log_loss": sk.log_loss(truth, score),
        "brier": sk.brier_score_loss(truth, score),
    }
    segment = {} if country is None else {"country": country}
    found = {name: read(world, name, **segment) for name in expected}
    assert found == pytest.approx(expected, rel=1e-12)


def test_agreement_and_latency(measured: tuple[World, Data]) -> None:
    """Agreement is exact; a quantile is off by the stated share at most."""
    world, data = measured
    same = np.mean((np.array(data.score) >= 0.5) == (np.array(data.other) >= 0.5))
    assert read(world, "agreement", "v8") == pytest.approx(same, rel=1e-12)
    exact = np.quantile(data.latency, 0.95, method="inverted_cdf")
    assert read(world, "latency_quantile") == pytest.approx(exact, rel=RELATIVE_ERROR)
    assert read(world, "error_rate") == 0.0


def test_regression_and_means(tmp_path: Path) -> None:
    """Numeric labels; what is no number is left out; values above the cap are cut to it."""
    rng = random.Random(3)
    truth = [rng.gauss(10, 3) for _ in range(200)]
    predicted = [y + rng.gauss(0, 1) for y in truth]
    kpi = [rng.expovariate(0.2) for _ in range(200)]
    with DuckdbEngine() as engine:
        world = World(FolderLake(tmp_path), engine)
        for i in range(200):
            world.put(prediction(f"q{i}", i / 50, label=repr(predicted[i])))
            world.put(outcome(i / 50, request_id=f"q{i}", label=repr(truth[i]), values={"kpi": kpi[i]}))
        for i, label in enumerate(["late", "nan", "inf", ""]):
            world.put(prediction(f"odd{i}", 1, label=label), outcome(1, request_id=f"odd{i}", label="1"))
        world.measure(measurement(spec_of=spec(MEANS.values())), 50)
        plan = measurement(spec_of=spec(MEANS.values()))
        found = {it.name: value(it, world.cell(it.name, "champion")) for it in plan.metrics}
    expected = {
        "mae": sk.mean_absolute_error(truth, predicted),
        "rmse": math.sqrt(sk.mean_squared_error(truth, predicted)),
        "kpi": np.minimum(kpi, 7.0).mean(),
    }
    assert found == pytest.approx(expected, rel=1e-12)


def test_nothing_is_not_zero() -> None:
    """Where no row was, there is no number."""
    for name in [*KINDS, *MEANS]:
        kind = "mean" if name == "kpi" else name
        found = value(MetricRef(name=name, kind=kind, parameters={"q": 0.5}), merge([]))
        assert isinstance(found, NotEnough)
        assert found.need == 1
