"""Counting in a profile's bins, on the real engine."""

import json
from typing import Any

import duckdb
import numpy as np
import pytest

from segue.adapters.engines.tallying import tallied
from segue.errors import DomainError
from segue.evidence.drift.profiling import profile_of
from segue.facts.drift.bins import ArmBins
from segue.facts.drift.profile import Profile
from segue.measure.drift.counting import Counting, left_closed
from segue.measure.drift.fields import extracted, of_columns, out_of_json, plain, typed, typed_fields
from segue.measure.expressions import quoted

TABLE: dict[str, list[Any]] = {
    "age": [float(value) for value in range(100)] + [None],
    "tier": ["vip", "new", "", "it's"] * 25 + [None],
    "ok": [True, False] * 50 + [None],
    "in[1]": [1, 2, 3, 4] * 25 + [None],
}


def counted(profile: Profile, rows: list[object], *, texts: bool = False) -> ArmBins:
    """The rows, each as it stands in the lake or as a table with typed columns."""
    connection = duckdb.connect()
    if texts:
        connection.execute("CREATE TABLE t AS SELECT unnest($rows) AS features", {"rows": [json.dumps(row) for row in rows]})
        source = f"SELECT 'now' AS arm, {extracted(profile.features, 'features')} AS v FROM t"
        fields = out_of_json(profile.features)
    else:
        connection.execute("CREATE TABLE t (age DOUBLE, tier VARCHAR, ok BOOLEAN, n DOUBLE)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        source = "SELECT 'now' AS arm, * FROM t"
        fields = of_columns(profile.features, {"age": "age", "tier": "tier", "ok": "ok", "in[1]": "n"})
    counting = Counting(columns=profile.features, fields=fields, keys=("arm",))
    ((_, bins),) = counting.arms(tallied(connection, counting.statement(source), 1, counting.bins))
    return bins


def test_training_counted_again_is_training() -> None:
    """Out of typed columns and out of JSON, in every bin, what is missing included."""
    profile = profile_of(TABLE)
    expected = tuple(column.counts for column in profile.features)
    rows = list(zip(*TABLE.values(), strict=True))
    assert counted(profile, [list(row) for row in rows]).counts == expected
    objects: list[object] = [{"age": age, "tier": tier, "ok": ok, "in": [0, n]} for age, tier, ok, n in rows]
    assert counted(profile, objects, texts=True).counts == expected


def test_what_was_never_seen_has_bins() -> None:
    """Numbers beyond the ends, a text for a number, an unknown category, null, and no key at all."""
    profile = profile_of({"age": TABLE["age"], "tier": TABLE["tier"]})
    odd = [{"age": -5, "tier": "gold"}, {"age": 1e9, "tier": 1}, {"age": "old", "tier": None}, {"tier": "vip"}]
    age, tier = counted(profile, list(odd), texts=True).counts
    assert (age[0], age[-3], age[-2], age[-1]) == (1, 1, 1, 1)
    assert tier == (0, 0, 0, 1, 2, 1)


def test_whole_numbers_are_one_category() -> None:
    """1 and 1.0 in JSON are the category that training wrote as 1."""
    profile = profile_of({"kind": ["1", "2", "x"]})
    assert counted(profile, [{"kind": 1}, {"kind": 1.0}, {"kind": "1"}, {"kind": 2.5}], texts=True).counts == ((3, 0, 0, 1, 0),)


def test_left_closed_edges_count_as_numpy_does() -> None:
    """What other tools cut at `[a, b)` can be counted by the same statement."""
    values = np.random.default_rng(1).integers(0, 20, 500).astype(float)
    edges = np.array([3.0, 7.0, 12.0])
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest($values) AS x", {"values": values.tolist()})
    listed = list(left_closed(edges.tolist()))
    row = tallied(connection, "SELECT x FROM t", 0, [listed])[0]
    expected = np.histogram(values, [-np.inf, *edges, np.inf])[0]
    assert row == (500, (*expected.tolist(), 0, 0))


ODD = [
    "1",
    "0",
    "true",
    "false",
    "null",
    '"old"',
    '"1.5"',
    '"NaN"',
    '"inf"',
    "1e400",
    "[1]",
    '{"a": 1}',
    '""',
    "-0.0",
    '"true"',
    "1.0",
    '"it\'s"',
]


def test_one_struct_counts_as_the_texts_do() -> None:
    """Each odd JSON value falls into the same bin, read as a number or as a category, and so does a key that is missing."""
    profile = profile_of({"age": [0.0, 1.0, 2.0, *TABLE["age"]], "tier": ["true", "1", "old", "it's", ""]})
    assert plain(profile.features)
    connection = duckdb.connect()
    for value in [*ODD, None]:
        row = "{}" if value is None else f'{{"age": {value}, "tier": {value}}}'
        found: list[Any] = []
        for fields, read in (
            (typed_fields(profile.features), typed(profile.features, "features")),
            (out_of_json(profile.features), extracted(profile.features, "features")),
        ):
            counting = Counting(columns=profile.features, fields=fields, keys=("arm",))
            source = f"SELECT 'now' AS arm, features, {read} AS v FROM (SELECT {quoted(row)} AS features)"
            found.extend(counting.arms(tallied(connection, counting.statement(source), 1, counting.bins)))
        assert found[0] == found[1], value


def test_what_one_struct_cannot_hold() -> None:
    """Places in lists, and names that differ in capitals alone, are read as texts."""
    for names in (["in[1]"], ["age", "Age"]):
        assert not plain(profile_of({name: [1.0, 2.0] for name in names}).features)


def test_names_that_are_no_features() -> None:
    """A quote or a broken place is refused before any SQL is written, and so is a table without the column."""
    for name in ('a"b', "a[", "[1]", ""):
        with pytest.raises(DomainError):
            extracted(profile_of({name: [1]}).features, "features")
    with pytest.raises(DomainError):
        of_columns(profile_of(TABLE).features, {"age": "age"})
