"""Buckets: the same in every process and language, uniform, and independent between salts and kinds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency

from segue.assign.buckets import bucket, digest, least, prefix_of
from segue.facts.allocation import BUCKETS

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "buckets.json").read_text())


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: f"{case['kind']}:{case['unit']}")
def test_vectors(case: dict[str, object]) -> None:
    """The published cases hold, whatever the language that made them."""
    assert bucket(prefix_of(str(case["salt"]), str(case["kind"])), str(case["unit"])) == case["bucket"]


@given(st.integers(1, BUCKETS - 1))
def test_a_bucket_begins_at_its_least_digest(number: int) -> None:
    """The least digest of a bucket is in it, and the one before is in the bucket before: comparing bytes asks the same."""
    first = int.from_bytes(least(number), "big")
    assert (first * BUCKETS >> 64, (first - 1) * BUCKETS >> 64) == (number, number - 1)


@given(st.text())
def test_every_digest_lies_in_its_bucket(unit: str) -> None:
    """Compared as bytes, a unit's digest is where its bucket says."""
    prefix = prefix_of("s", "variant")
    number = bucket(prefix, unit)
    assert least(number) <= digest(prefix, unit)
    assert number == BUCKETS - 1 or digest(prefix, unit) < least(number + 1)


def test_normal_form() -> None:
    """The same name in two Unicode forms is one unit."""
    prefix = prefix_of("s", "variant")
    assert bucket(prefix, "Jos\u00e9") == bucket(prefix, "Jose\u0301")


def test_same_in_another_process() -> None:
    """A process with another hash seed gives the same bucket."""
    code = "from segue.assign.buckets import *; print(bucket(prefix_of('s', 'variant'), 'user-42'))"
    out = subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=True)
    assert int(out.stdout) == bucket(prefix_of("s", "variant"), "user-42")


def test_uniform() -> None:
    """Consecutive names spread evenly over a hundred cells."""
    cells = [0] * 100
    for number in range(50_000):
        cells[bucket(prefix_of("salt-1", "variant"), f"user-{number}") // 10_000] += 1
    statistic = sum((cell - 500) ** 2 / 500 for cell in cells)
    assert chi2.sf(statistic, df=99) > 1e-4


@pytest.mark.parametrize("other", [("salt-2", "variant"), ("salt-1", "shadow:v8")])
def test_independent(other: tuple[str, str]) -> None:
    """Who is in one rollout's 10 % says nothing about who is in another's."""
    table = [[0, 0], [0, 0]]
    for number in range(60_000):
        name = f"user-{number}"
        first = bucket(prefix_of("salt-1", "variant"), name) < 100_000
        second = bucket(prefix_of(*other), name) < 100_000
        table[first][second] += 1
    assert chi2_contingency(table).pvalue > 1e-4
