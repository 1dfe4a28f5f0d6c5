"""How do the parts say what they do?"""

import logging
import os

from segue.errors import DomainError


def log_to_stderr() -> None:
    """A line for each thing that a person who looks after this part would want to know."""
    level = (os.environ.get("SEGUE_LOG") or "INFO").upper()
    if level not in logging.getLevelNamesMapping():
        raise DomainError(f"SEGUE_LOG is {level!r}, which is no level", hint="DEBUG, INFO, WARNING or ERROR")
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
