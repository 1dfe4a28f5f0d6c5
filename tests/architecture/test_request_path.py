"""What stands in the request path starts fast and carries no numerics."""

import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "duckdb", "pyarrow", "pandas", "sqlalchemy", "jinja2", "rich", "sklearn")
PATHS = (
    "segue.facts.wire.codec",
    "segue.assign.draw",
    "segue.http.server",
    "segue.http.client",
    "segue.record.journal",
    "segue.gateway.serve",
)


@pytest.mark.parametrize("module", PATHS)
def test_imports(module: str) -> None:
    """A worker that has imported this has not imported any of the heavy ones."""
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not out.stdout.split()
