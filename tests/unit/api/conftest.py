"""A fresh API for each test."""

from collections.abc import Iterator
from pathlib import Path

import api_server
import pytest


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[api_server.Api]:
    """On loopback, without a token yet."""
    for name in ("SEGUE_HOME", "SEGUE_STORE", "SEGUE_REGISTRY", "SEGUE_LAKE", "SEGUE_CLOCK"):
        monkeypatch.delenv(name, raising=False)
    with api_server.serving(tmp_path / "home") as served:
        yield served
