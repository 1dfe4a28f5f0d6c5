"""The lake in a bucket passes the suite of the lake, on a real S3 server."""

import dataclasses
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import seaweed
from obstore.store import S3Store

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.s3 import S3Lake, S3Settings, file_system
from segue.errors import DomainError, Refused, Unavailable
from segue.monitor.begin import apply
from segue.monitor.measuring import Findings, Measuring
from segue.monitor.tick import Monitor
from segue.spec.load import load
from segue.testkit.lakes import LakeOpener, LakeSuite, Reader, predictions, segment
from segue.testkit.small_world import SPEC, SmallWorld
from segue.testkit.suites.packs import PackSuite
from segue.wiring import engine_of, home_at, lake_of


@pytest.fixture(scope="module")
def server() -> Iterator[seaweed.Server]:
    """One server for all tests of the file."""
    with seaweed.running() as running:
        yield running


@pytest.fixture
def settings(server: seaweed.Server) -> S3Settings:
    """A lake of its own."""
    return server.settings(f"s3://lake/{secrets.token_hex(4)}/deep")


class TestS3Lake(LakeSuite, PackSuite):
    @pytest.fixture
    def opener(self, settings: S3Settings) -> LakeOpener:
        return partial(S3Lake, settings)

    @pytest.fixture
    def read(self, settings: S3Settings) -> Reader:
        store = S3Store(settings.bucket, config=settings.config, client_options=settings.client)

        def rows(location: str) -> list[dict[str, object]]:
            body = obstore.get(store, location.removeprefix(f"s3://{settings.bucket}/")).bytes()
            found: list[dict[str, object]] = pq.read_table(pa.BufferReader(body.to_bytes())).to_pylist()
            return found

        return rows

    def test_the_engine_reads_it(self, settings: S3Settings) -> None:
        """Rows, counts and keys, as of a folder."""
        lake = S3Lake(settings)
        for name in ("a", "b"):
            lake.put_predictions(segment(name), predictions(3, name))
        locations = list(lake.locations(lake.segments("predictions", "churn")))
        with DuckdbEngine(remote=file_system(settings)) as engine:
            engine.bind({"predictions": locations, "outcomes": []})
            assert engine.run("SELECT count(*), min(request_id) FROM predictions") == [(6, "a-0")]
            assert list(engine.counts(locations)) == [3, 3]
            assert list(engine.holding("predictions", "request_id", "SELECT 'b-2'", locations)) == locations[1:]

    def test_what_is_not_ours_is_no_segment(self, settings: S3Settings) -> None:
        """Other objects below the same prefix are passed over."""
        lake = S3Lake(settings)
        lake.put_predictions(segment(), predictions(1))
        store = S3Store(settings.bucket, config=settings.config, client_options=settings.client)
        top = f"{settings.prefix}/predictions/route=churn"
        for name in (
            "readme.txt",
            "date=2013-03-01/hour=12/x.csv",
            "date=2013-03-01/odd/x.parquet",
            "date=2013-03-01/x.parquet",
        ):
            store.put(f"{top}/{name}", b"")
        assert list(lake.segments("predictions", "churn")) == [segment()]


def test_a_monitor_measures_out_of_it(settings: S3Settings, small_world: SmallWorld) -> None:
    """Traffic in a bucket gives what the same traffic in a folder gives, tick by tick."""
    folder = small_world.outside
    with DuckdbEngine(remote=file_system(settings)) as engine:
        bucket = dataclasses.replace(folder, lake=S3Lake(settings), engine=engine)
        small_world.outside = bucket
        apply(bucket, SPEC)
        small_world.host()
        Monitor(bucket).tick()
        measuring, rollout = Measuring(bucket), small_world.allocation().rollout
        found = Findings()
        for _ in range(2):
            small_world.traffic(80, hours=1)
            small_world.later(1)
            found = measuring.find(load(SPEC), bucket.rollouts.load(rollout), small_world.clock.now())
        assert found.problems == ()
        assert {name: (it.asked, it.with_outcome) for name, it in found.health.items()} == {
            "champion": (160, 160),
            "v8": (160, 160),
        }


def test_an_installation_finds_its_lake(settings: S3Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By SEGUE_LAKE and the usual variables of S3, in this process and in its children; what is put is read by its engine."""
    for name, value in {
        "SEGUE_LAKE": settings.address,
        "AWS_ENDPOINT_URL": settings.endpoint,
        "AWS_ACCESS_KEY_ID": settings.key_id,
        "AWS_SECRET_ACCESS_KEY": settings.secret,
    }.items():
        monkeypatch.setenv(name, value)
    home = home_at(tmp_path)
    assert home.environment()["SEGUE_LAKE"] == settings.address
    lake = lake_of(home)
    lake.put_predictions(segment(), predictions(2))
    with engine_of(home) as engine:
        engine.bind({"predictions": lake.locations(lake.segments("predictions", "churn"))})
        assert engine.run("SELECT count(*) FROM predictions") == [(2,)]
    monkeypatch.setenv("SEGUE_LAKE", "ftp://somewhere/else")
    with pytest.raises(DomainError, match="no lake in a bucket"):
        lake_of(home_at(tmp_path))


def test_who_may_not_is_told_so(server: seaweed.Server) -> None:
    """Another secret is refused, not tried for ever."""
    lake = S3Lake(server.settings("s3://lake/x", secret="wrong"))
    with pytest.raises(Refused):
        lake.put_predictions(segment(), predictions(1))
    with pytest.raises(Refused):
        lake.segments("predictions", "churn")


def test_a_server_that_is_not_there(server: seaweed.Server) -> None:
    """Holds, and may be tried again."""
    lake = S3Lake(server.settings("s3://lake/x", endpoint="http://127.0.0.1:9", timeout_s=1.0))
    with pytest.raises(Unavailable):
        lake.segments("outcomes", "churn")


@pytest.mark.parametrize("address", ["lake", "s3://", "/lake", "s3:///x"])
def test_an_address_that_names_no_bucket(address: str) -> None:
    """It is refused with an example."""
    with pytest.raises(DomainError, match="no lake in a bucket"):
        S3Lake(S3Settings(address=address))


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a=b"])
def test_names_that_lead_elsewhere(settings: S3Settings, name: str) -> None:
    """No name of a route or a segment can point elsewhere."""
    with pytest.raises(DomainError):
        S3Lake(settings).put_predictions(segment(name), predictions(1))
    with pytest.raises(DomainError):
        S3Lake(settings).segments("predictions", name)
