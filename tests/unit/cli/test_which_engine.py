"""Who measures for a monitor?"""

from pathlib import Path

import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.errors import DomainError
from segue.wiring import ENGINE, home_at, measuring_engine_of


def test_measures_on_this_machine_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word, and with `duckdb`, it is the embedded engine; another name is refused with those that there are."""
    for name in ("", "duckdb"):
        monkeypatch.setenv(ENGINE, name)
        home = home_at(tmp_path)
        with measuring_engine_of(home) as engine:
            assert isinstance(engine, DuckdbEngine)
    monkeypatch.setenv(ENGINE, "flink://somewhere")
    with pytest.raises(DomainError, match="flink://somewhere") as refused:
        measuring_engine_of(home_at(tmp_path))
    assert "spark://" in refused.value.hint
