"""How long do Evidently and NannyML take, and what do they say? Run in an environment of their own; it knows nothing of us.

`python peers.py evidently|nannyml FOLDER`. Drift is timed whole, from reading its columns. Of the cells a sample is
timed, once the files are loaded; `share` says how much of the whole it is.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ |= {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}  # both would report to their makers

import pandas as pd

warnings.filterwarnings("ignore")
NUMBERS = [f"n{index}" for index in range(10)]
CATEGORIES = [f"c{index}" for index in range(10)]
NAMES = [*NUMBERS, *CATEGORIES]
DAYS, SEGMENTS = 30, 50
CELLS_TIMED, SEGMENTS_TIMED = 20, 3

Numbers = dict[str, float]


def read(folder: Path, columns: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The current table and that of training."""
    current, reference = (pd.read_parquet(folder / f"{name}.parquet", columns=columns) for name in ("current", "reference"))
    for table in (current, reference):
        if "ts" in columns:
            table["ts"] = table["ts"].dt.tz_localize(None)
    return current, reference


def evidently(folder: Path) -> Iterator[tuple[str, float, Callable[[], Numbers]]]:
    """The PSI preset on twenty columns, and four metrics of some cells."""
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.metrics import Accuracy, Precision, Recall, RocAuc
    from evidently.presets import DataDriftPreset

    def psi() -> Numbers:
        columns = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES)
        sides = [Dataset.from_pandas(table, columns) for table in read(folder, NAMES)]
        found = Report([DataDriftPreset(method="psi")]).run(*sides).dict()["metrics"]
        drifts = [metric for metric in found if metric["config"]["type"].endswith(":ValueDrift")]
        return {f"psi {metric['config']['column']}": float(metric["value"]) for metric in drifts}

    def cells() -> Numbers:
        roles = BinaryClassification(target="y_true", prediction_labels="y_pred", prediction_probas="y_score", pos_label=1)
        columns, numbers = DataDefinition(classification=[roles]), {}
        for (day, segment), table in parts:
            side = Dataset.from_pandas(table[["y_true", "y_pred", "y_score"]], columns)
            found = Report([Accuracy(), Precision(), Recall(), RocAuc()]).run(side, None).dict()["metrics"]
            for name, metric in zip(("accuracy", "precision", "recall", "auc"), found, strict=True):
                numbers[f"{name} {day} {segment}"] = float(metric["value"])
        return numbers

    current, _ = read(folder, ["y_true", "y_pred", "y_score", "ts", "segment"])
    parts = [part for _, part in zip(range(CELLS_TIMED), current.groupby([current.ts.dt.date, "segment"]), strict=False)]
    yield "psi", 1.0, psi
    yield "cells", CELLS_TIMED / (DAYS * SEGMENTS), cells


def nannyml(folder: Path) -> Iterator[tuple[str, float, Callable[[], Numbers]]]:
    """Daily Jensen-Shannon distance of twenty columns, and six metrics a day of some segments, one after the other."""
    import nannyml as nml

    labelled, trained = read(folder, ["y_true", "y_pred", "y_score", "ts", "segment"])

    def js() -> Numbers:
        calculator = nml.UnivariateDriftCalculator(
            column_names=NAMES,
            treat_as_categorical=CATEGORIES,
            timestamp_column_name="ts",
            continuous_methods=["jensen_shannon"],
            categorical_methods=["jensen_shannon"],
            chunk_period="D",
        )
        current, reference = read(folder, [*NAMES, "ts"])
        found = calculator.fit(reference).calculate(current).filter(period="analysis").to_df()
        return {
            f"js {name} {row['chunk', 'chunk', 'key']}": float(row[name, "jensen_shannon", "value"])
            for _, row in found.iterrows()
            for name in NAMES
        }

    def cells() -> Numbers:
        numbers = {}
        for index in range(SEGMENTS_TIMED):
            segment = f"s{index}"
            calculator = nml.PerformanceCalculator(
                y_true="y_true",
                y_pred="y_pred",
                y_pred_proba="y_score",
                timestamp_column_name="ts",
                problem_type="classification_binary",
                metrics=["roc_auc", "f1", "precision", "recall", "specificity", "accuracy"],
                chunk_period="D",
            )
            calculator.fit(trained[trained.segment == segment])
            found = calculator.calculate(labelled[labelled.segment == segment]).filter(period="analysis").to_df()
            for _, row in found.iterrows():
                for name, theirs in (
                    ("auc", "roc_auc"),
                    ("accuracy", "accuracy"),
                    ("precision", "precision"),
                    ("recall", "recall"),
                ):
                    numbers[f"{name} {row['chunk', 'key']} {segment}"] = float(row[theirs, "value"])
        return numbers

    yield "js", 1.0, js
    yield "cells", SEGMENTS_TIMED / SEGMENTS, cells


def main() -> None:
    """Both jobs of one peer."""
    peer, folder = sys.argv[1], Path(sys.argv[2])
    found: dict[str, dict[str, Any]] = {}
    for name, share, job in {"evidently": evidently, "nannyml": nannyml}[peer](folder):
        wall, cpu = time.perf_counter(), time.process_time()
        numbers = job()
        found[name] = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        found[name] |= {"share": share, "numbers": numbers}
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
