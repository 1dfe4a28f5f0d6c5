"""Which options do many commands share?"""

import getpass
import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

HomeFolder = Annotated[
    Path | None,
    Parameter(name="--home", help="Folder of the installation (SEGUE_HOME, or .segue here).", show_default=False),
]
Dry = Annotated[bool, Parameter(name="--dry-run", negative="", help="Say what would be done, and do nothing.")]
Reason = Annotated[str, Parameter(name="--reason", help="Why; kept in the record.")]
SpecFile = Annotated[Path, Parameter(name=["--file", "-f"], help="The rollout's YAML file.")]


def who() -> str:
    """Who is asking, for the record."""
    return os.environ.get("SEGUE_USER") or getpass.getuser()
