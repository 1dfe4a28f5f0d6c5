"""Which traffic is measured? Seeded rows by SQL alone: predictions of two versions, their outcomes, and a training table.

Twenty features (ten numbers, ten categories), fifty segments, thirty days. After day twenty one number moves, one widens, one
category changes its shares, and the scores mean less. Everything is a hash of the row's number, so that the same number of
rows is the same data.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import duckdb
import msgspec

from segue.measure.sql import filled

START: Final = datetime(2013, 3, 1, tzinfo=UTC)
DAYS: Final = 30
SEGMENTS: Final = 50
NUMBERS: Final = tuple(f"n{index}" for index in range(10))
CATEGORIES: Final = tuple(f"c{index}" for index in range(10))
_KINDS: Final = (2, 3, 4, 5, 6, 10, 20, 30, 50, 100)
_DRIFT_DAY: Final = 20

_CHAMPION: Final = "('champion', '7', 'served', 0.5)"
_SHADOW: Final = "('v8', '8', 'shadow', 0.45)"
_SIDES: Final = "(VALUES {}) v(variant, version, role, cut)"
_ANSWERS: Final = """
SELECT printf('%016x', hash(i)) AS request_id, 'churn' AS route, $rollout AS rollout, $stage AS stage,
  $allocation AS allocation,
  $digest AS spec_digest, moment AS "at", printf('%016x', hash(i)) AS unit, 'request' AS unit_source,
  MAP {'segment': segment} AS context, 'champion' AS assigned, v.variant, v.version, v.role, 1.0::DOUBLE AS propensity,
  TRUE AS comparable, 200::INTEGER AS status, '' AS error, (y_score >= v.cut)::INTEGER::VARCHAR AS label,
  CASE WHEN v.role = 'served' THEN y_score ELSE round(y_score * y_score, 6) END AS score, $features AS features,
  NULL::DOUBLE AS cost, '' AS unread, 0.002 + 0.01 * $latency AS latency_upstream_s, 0.003 + 0.01 * $latency AS latency_total_s,
  100::BIGINT AS request_size_bytes, 20::BIGINT AS response_size_bytes, ''::BLOB AS request_hash, ''::BLOB AS response_hash,
  NULL::BLOB AS request_body, NULL::BLOB AS response_body
FROM made, $sides
"""
_TRUTHS: Final = """
SELECT 'churn' AS route, printf('%016x', hash(i)) AS request_id, '' AS unit, moment + $delay AS "at",
  moment + $delay AS received_at, y_true::VARCHAR AS label, MAP {}::MAP(VARCHAR, DOUBLE) AS "values"
FROM made
"""

# A uniform number in (0, 1) out of the row and a salt.
_U = "((hash(i * 1000003 + {salt}) >> 11)::DOUBLE + 0.5) / 9007199254740992.0"


def _uniform(salt: int) -> str:
    return f"({_U.format(salt=salt)})"


def _normal(salt: int) -> str:
    return f"sqrt(-2 * ln({_uniform(salt)})) * cos(2 * pi() * {_uniform(salt + 500)})"


def _columns(late: str) -> str:
    """Features, segment, score, truth and label of the rows `i`; `late` says whether a row comes after the change."""
    numbers = [f"{_normal(index)} AS z{index}" for index in range(10)]
    categories = [
        f"floor({_uniform(100 + index)} * {_uniform(200 + index)} * {kinds})::INTEGER AS k{index}"
        for index, kinds in enumerate(_KINDS)
    ]
    drawn = ", ".join([*numbers, *categories, f"floor({_uniform(300)} * {SEGMENTS})::INTEGER AS s", f"{late} AS late"])
    shown = [
        *(f"round({_moved(index)}, 6) AS n{index}" for index in range(10)),
        *(f"'v' || ({_mixed(index)}) AS c{index}" for index in range(10)),
        "'s' || s AS segment",
    ]
    logit = "z0 + 0.5 * z1 - 0.3 * z2 + (s % 5) * 0.1"
    score = f"round(1 / (1 + exp(-({logit}))), 6)"
    truth = f"({_uniform(301)} < 1 / (1 + exp(-(CASE WHEN late THEN 0.6 ELSE 1 END) * ({logit}))))::INTEGER"
    inner = f"SELECT i, moment, late, z0, z1, z2, s, {', '.join(shown)} FROM (SELECT i, moment, {drawn} FROM ({{rows}}))"
    return f"SELECT *, {score} AS y_score, {truth} AS y_true FROM ({inner})"


def _moved(index: int) -> str:
    changes = {0: "z0 + CASE WHEN late THEN 0.5 ELSE 0 END", 1: "z1 * CASE WHEN late THEN 1.3 ELSE 1 END"}
    return changes.get(index, f"z{index}")


def _mixed(index: int) -> str:
    return f"CASE WHEN late AND i % 4 = 0 THEN 0 ELSE k{index} END" if index == 4 else f"k{index}"


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of traffic.

    Args:
        first: number of the first request.
        requests: how many.
        start: of the stretch.
        hours: how long it is.
        features: whether they are in the rows.
        shadows: whether a shadow answers too.
    """

    first: int
    requests: int
    start: datetime
    hours: int
    features: bool
    shadows: bool = True

    @property
    def by_hour(self) -> Iterator["Traffic"]:
        """The same, hour by hour."""
        for hour in range(self.hours):
            first, end = (self.requests * at // self.hours for at in (hour, hour + 1))
            start = self.start + timedelta(hours=hour)
            part = {"first": self.first + first, "requests": end - first, "start": start, "hours": 1}
            yield msgspec.structs.replace(self, **part)

    @property
    def rows(self) -> str:
        """The requests, with their moments."""
        span_us, start_us = self.hours * 3_600_000_000, int(self.start.timestamp() * 1_000_000)
        at = f"make_timestamp({start_us} + ((range - {self.first})::DOUBLE / {self.requests} * {span_us})::BIGINT)::TIMESTAMPTZ"
        return f"SELECT range AS i, {at} AS moment FROM range({self.first}, {self.first + self.requests})"


def flat(connection: duckdb.DuckDBPyConnection, path: Path, rows: int, *, training: bool = False) -> None:
    """A table of one row a request, for tools that take a table; the training one is of before the change."""
    traffic = Traffic(first=10**12 if training else 0, requests=rows, start=START, hours=DAYS * 24, features=True)
    late = "FALSE" if training else _late()
    drawn = _columns(late).format(rows=traffic.rows)
    names = ", ".join((*NUMBERS, *CATEGORIES))
    query = (
        f"SELECT {names}, segment, moment AS ts, y_score, y_true, (y_score >= 0.5)::INTEGER AS y_pred FROM ({drawn}) ORDER BY i"
    )
    connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")


class Under(Protocol):
    """What rows say of the table that they were answered under; an `Allocation` is one."""

    @property
    def rollout(self) -> str:
        """Whose."""

    @property
    def stage(self) -> str:
        """Of it."""

    @property
    def number(self) -> int:
        """Of the table."""

    @property
    def spec_digest(self) -> str:
        """Of the spec."""


def ship(connection: duckdb.DuckDBPyConnection, lake: Path, traffic: Traffic, allocation: Under) -> None:
    """The same rows in the lake, as the recorder names them: the champion's answer, the shadow's, and the outcome.

    Predictions are written hour by hour. The truth is known a minute to an hour later.
    """
    pairs = ", ".join(f"'\"{name}\":' || {_json(name)}" for name in (*NUMBERS, *CATEGORIES))
    features = f"'{{' || concat_ws(',', {pairs}) || '}}'" if traffic.features else "NULL::VARCHAR"
    features = f"CASE WHEN v.role = 'served' THEN {features} END"
    delay = f"to_microseconds(((60 + {_uniform(400)} * 3540) * 1000000)::BIGINT)"
    name = f"b{traffic.first}"
    fixed = {
        "rollout": f"'{allocation.rollout}'",
        "stage": f"'{allocation.stage}'",
        "allocation": f"{allocation.number}::BIGINT",
        "digest": f"'{allocation.spec_digest}'",
    }
    sides = _SIDES.format(f"{_CHAMPION}, {_SHADOW}" if traffic.shadows else _CHAMPION)
    answers = filled(_ANSWERS, sides=sides, features=features, latency=_uniform(302), **fixed)
    for hour in traffic.by_hour:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW made AS {_columns(_late()).format(rows=hour.rows)}")
        target = lake / f"predictions/route=churn/date={hour.start:%Y-%m-%d}/hour={hour.start:%H}"
        target.mkdir(parents=True, exist_ok=True)
        connection.execute(f"COPY ({answers}) TO '{target}/{name}.parquet' (FORMAT parquet, COMPRESSION zstd)")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW made AS {_columns(_late()).format(rows=traffic.rows)}")
    _partitioned(connection, lake / "outcomes/route=churn", name, filled(_TRUTHS, delay=delay))


def _json(name: str) -> str:
    return f"{name}::VARCHAR" if name in NUMBERS else f"'\"' || {name} || '\"'"


def _late() -> str:
    return f"moment >= TIMESTAMPTZ '{START + timedelta(days=_DRIFT_DAY)}'"


def _partitioned(connection: duckdb.DuckDBPyConnection, folder: Path, name: str, query: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partitioned = f"""SELECT *, strftime("at", '%Y-%m-%d') AS date, strftime("at", '%H') AS hour FROM ({query})"""
    connection.execute(
        f"COPY ({partitioned}) TO '{folder}' (FORMAT parquet, COMPRESSION zstd, "
        f"PARTITION_BY (date, hour), FILENAME_PATTERN '{name}_{{i}}', OVERWRITE_OR_IGNORE)"
    )
