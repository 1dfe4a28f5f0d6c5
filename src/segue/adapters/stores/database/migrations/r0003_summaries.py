"""Kept summaries and what they include."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    """Make the tables of summaries."""
    op.create_table(
        "measured",
        sa.Column("rollout", sa.Text(), primary_key=True),
        sa.Column("judged_until_us", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "seen_segments",
        sa.Column("rollout", sa.Text(), primary_key=True),
        sa.Column("segment", sa.Text(), primary_key=True),
    )
    op.create_table(
        "answers",
        sa.Column("rollout", sa.Text(), primary_key=True),
        sa.Column("hour", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("question", sa.Text(), primary_key=True),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_table(
        "cells",
        sa.Column("rollout", sa.Text(), primary_key=True),
        sa.Column("hour", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
