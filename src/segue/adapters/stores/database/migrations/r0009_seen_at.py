"""When a lake segment was first included in a rollout's summaries."""

import sqlalchemy as sa
from alembic import op

revision = "r0009"
down_revision = "r0008"


def upgrade() -> None:
    """Add the time; what was included before this is as if it had always been."""
    op.add_column("seen_segments", sa.Column("at_us", sa.BigInteger(), nullable=False, server_default="0"))
