"""Whether kinds that read JSON or compare texts say on a Spark cluster of two workers what they say on DuckDB."""

import json
import random
from pathlib import Path
from typing import Final

import msgspec
import pytest
from spark_cluster import assert_same
from tests.unit.adapters.test_rewriting import REQUIRED, foreign

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.ports.engine import Engine
from segue.spec.metric import KINDS, Metric
from segue.testkit.measured import ask, measured
from segue.testkit.worlds import World, outcome, prediction, shadow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]
Rows = list[Prediction | Outcome]

FOREIGN: Final = tuple(kind for kind in KINDS if foreign(kind))
OTHERS: Final = (
    ask("ndcg", k=3, gains="exponential", ideal="list", without="zero"),
    ask("map_at_k", k=2, denominator="capped"),
    ask("precision_at_k", k=4, shorter="list"),
    ask("levenshtein_distance", scaled="longest"),
    ask("class_roc_auc", pairing="one", weighting="weighted"),
    *(ask(kind, against="champion") for kind in FOREIGN if "against" in KINDS[kind].parameters),
)
ODD: Final = (
    None, "", " ", "a", "na\u00efve", "[", "[]", "[1,]", "[1, 2", "{}", "{", "null", "true", "3", "1e400", "[null]",
    "[null, 1]", '["a", null, "b"]', '["a" "b"]', "['a']", '["1", "2"]', "[1e400, 2]", "[NaN]", '["NaN", "1d"]', "[[1], [2]]",
    '{"a": "x"}', '{"a": 1, "a": 2}', '{"a": null, "b": 1}', '{"a": "0.5", "b": 0.5}', '{"a": [1]}', '[1, 2] [3]',
    ' [1, 2, 3, 4] ', "[1, 2, 1, 2]",
)  # fmt: skip
"""Labels of an odd model: no JSON, almost JSON, JSON of other forms."""


def drawn(rng: random.Random, form: str) -> str | None:
    """A label of a form, now and then an odd one."""
    if rng.random() < 0.2:
        return rng.choice(ODD)
    if form == "word":
        return rng.choice(["a", "b", "0.3", "2", "x/1"])
    numbers = [round(rng.gauss(0, 2), 3) for _ in range(4)]
    items = [f"{rng.choice('xyz')}/{rng.randrange(4)}" for _ in range(rng.randrange(5))]
    chances = {name: rng.random() for name in "abc"}
    forms: dict[str, object] = {
        "vector": numbers,
        "interval": sorted(numbers[:2]),
        "box": [rng.randrange(3), rng.randrange(3), rng.randrange(2, 6), rng.randrange(2, 6)],
        "items": items,
        "gains": {item: rng.randrange(4) for item in items},
        "chances": {name: chance / sum(chances.values()) for name, chance in chances.items()},
        "logs": [-rng.expovariate(1) for _ in range(3)],
    }
    return json.dumps(forms[form])


TRUTHS: Final = {"interval": "word", "chances": "word", "items": "items", "gains": "items", "logs": "word"}


def told(rng: random.Random) -> Rows:
    """Two hours of a shadow stage whose labels and truths are of every form."""
    rows: Rows = []
    for i in range(480):
        when, name = 2 * rng.random(), f"q{i}"
        form = rng.choice(["word", "vector", "interval", "box", "items", "items", "chances", "logs"])
        about = {"context": {"country": rng.choice(["DE", "FR"])}}
        rows.append(prediction(name, when, label=drawn(rng, form), **about))
        rows.append(shadow(name, when, label=drawn(rng, form), **about))
        if i % 6:
            truth = "gains" if form == "items" and i % 2 else TRUTHS.get(form, form)
            rows.append(outcome(when, request_id=name, label=drawn(rng, truth)))
    return rows


def asked() -> list[Metric]:
    """Each kind with what it takes, and some with other parameters."""
    plain = []
    for kind in FOREIGN:
        needed = {name: REQUIRED[name] for name, default in KINDS[kind].parameters.items() if default is None}
        plain.append(ask(kind, **needed))
    return [*plain, *OTHERS]


def test_every_kind_says_what_it_says_on_duckdb(spark: Engine, tmp_path: Path) -> None:
    """All cells of all 25 kinds are the same, by country too; no kind is without a judged row, odd labels among them."""
    metrics, found = asked(), []
    assert len(FOREIGN) == 25
    with DuckdbEngine() as duckdb:
        for name, engine in (("spark", spark), ("duckdb", duckdb)):
            world = World(FolderLake(tmp_path / name), engine)
            seen = measured(world, told(random.Random(3)), metrics)
            if name == "duckdb":
                judged = {it.kind: getattr(seen.summary(it), "cells", True) for it in metrics if it not in OTHERS}
                assert all(judged.values()), judged
            cells = [cell for hour in sorted(world.cells) for cell in world.cells[hour]]
            cells.sort(key=lambda it: (it.hour, it.metric, it.variant, it.version, sorted(it.segment.items())))
            found.append([msgspec.to_builtins(cell) for cell in cells])
    assert_same(*found)
