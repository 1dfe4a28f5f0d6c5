"""What a worker counts of its portion, and how portions are added up."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from segue.adapters.engines.portions import TALLY, Evaluated, Packages, Portioned
from segue.adapters.engines.tallying import tallied

ROWS = {"side": ["a", None, "a", "b", "a", "b"], "x": [0.1, 0.5, None, float("nan"), 0.9, 0.1], "code": [0, 1, None, 1, 0, 0]}
QUERY = "SELECT side, x, code FROM t WHERE x IS NULL OR x < 0.9 OR isnan(x)"
ASKED = Portioned(table="t", sql=QUERY, keys=1, columns=((0.2, 0.6), 2))


def portions(*starts: int) -> Iterator[Iterator[pa.RecordBatch]]:
    """The rows, cut where it is said, each part in batches of one row."""
    whole = pa.RecordBatch.from_pydict(ROWS)
    for start, end in zip((0, *starts), (*starts, len(whole)), strict=True):
        yield (whole.slice(row, 1) for row in range(start, end))


@pytest.mark.parametrize("starts", [(), (3,), (0, 1, 5, 6), (1, 2, 3, 4, 5)])
def test_portions_add_up_to_the_whole(starts: tuple[int, ...]) -> None:
    """However the rows are dealt out, empty portions among them, each value is counted once, under its key."""
    found = [row for portion in portions(*starts) for batch in ASKED.tallies(portion) for row in batch[TALLY].to_pylist()]
    connection = duckdb.connect()
    connection.register("t", pa.RecordBatch.from_pydict(ROWS))
    expected = tallied(connection, QUERY, 1, ASKED.columns)
    assert sorted(ASKED.whole(found), key=str) == sorted(expected, key=str)
    assert len(expected) == 3


def test_a_worker_of_another_version_counts_nothing() -> None:
    """It says what it has and what it should have."""
    (portion,) = portions()
    asked = Portioned(table="t", sql=QUERY, keys=1, columns=ASKED.columns, packages=Packages(duckdb="0.1"))
    with pytest.raises(ImportError, match=r"0\.1.*install the same on all machines"):
        next(asked.tallies(portion))


def test_an_expression_has_a_value_for_each_row() -> None:
    """In the rows' order, NULLs and lists among them, one batch after the other; another version gives none."""
    listed = Evaluated(sql="CASE WHEN a0 <> '[' THEN CAST(TRY_CAST(a0 AS JSON) AS VARCHAR[]) || [a1::VARCHAR] END")
    texts = ['["a"]', None, "[", "[1]"] * 2000
    numbers = list(range(8000))
    for start in (0, 5000):
        found = listed.values([pa.array(texts[start:]), pa.array(numbers[start:])]).to_pylist()
        assert found[:4] == [["a", str(start)], None, None, ["1", str(start + 3)]]
        assert [row[-1] for row in found if row] == [str(n) for n in numbers[start:] if n % 4 in {0, 3}]
    with pytest.raises(ImportError, match="install the same"):
        Evaluated(sql="a0", packages=Packages(segue="0")).values([pa.array(["x"])])
