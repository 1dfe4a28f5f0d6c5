"""What gateways poll and report, and where versions are served."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"


def upgrade() -> None:
    """Make the tables of serving."""
    op.create_table(
        "routes",
        sa.Column("route", sa.Text(), primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
    )
    op.create_table(
        "allocations",
        sa.Column("route", sa.Text(), sa.ForeignKey("routes.route"), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("command_id", sa.Text(), nullable=False, unique=True),
        sa.Column("rollout", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_table(
        "endpoints",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("host", sa.Text(), primary_key=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("seen_at_us", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "workers",
        sa.Column("route", sa.Text(), primary_key=True),
        sa.Column("worker", sa.Text(), primary_key=True),
        sa.Column("body", sa.Text(), nullable=False),
    )
