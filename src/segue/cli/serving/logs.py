"""How do the parts say what they do?"""

import logging
import os


def log_to_stderr() -> None:
    """A line for each thing that a person who looks after this part would want to know."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=os.environ.get("SEGUE_LOG", "INFO").upper(), format=form)
    logging.getLogger("alembic").setLevel(logging.WARNING)
