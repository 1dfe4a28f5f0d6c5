"""Is the join of late, repeated, corrected and withdrawn outcomes exact: how many random histories were counted both ways?

The property test against a brute-force count is run as it is, and its own statistics are read: a history that is counted
otherwise fails it.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.rig.figures import Figure, at_least, at_most

_TEST: Final = "tests/properties/test_judging.py"
_ROOT: Final = Path(__file__).parent.parent.parent
_COUNTED: Final = re.compile(r"during generate phase.*?(\d+) passing(?: examples)?, (\d+) failing", re.DOTALL)
_LEAST: Final = 100


def figures() -> Iterator[Figure]:
    """How many histories were compared, and how many differed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-show-statistics", _TEST]
    told = subprocess.run(command, check=False, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    found = [(int(passing), int(failing)) for passing, failing in _COUNTED.findall(told.stdout)]
    if not found or told.returncode > 1:
        raise RuntimeError(told.stdout)
    what = "random histories of late, repeated, corrected and withdrawn outcomes, beside a brute-force count"
    yield at_least(f"{what}: compared", sum(passing + failing for passing, failing in found), _LEAST, "")
    yield at_most(f"{what}: different", max(sum(failing for _, failing in found), told.returncode), 0, "")
