"""What the suites of several engines share."""

from collections.abc import Iterator

import pytest

from segue.ports.engine import Engine


@pytest.fixture(scope="module")
def spark(spark_master: str) -> Iterator[Engine]:
    """The engine on the cluster."""
    from segue.adapters.engines.spark import SparkEngine, SparkSettings

    small = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.codegen.wholeStage": "false",  # to compile costs more than to count so few rows
    }
    with SparkEngine(SparkSettings(master=spark_master, more=small)) as engine:
        yield engine
