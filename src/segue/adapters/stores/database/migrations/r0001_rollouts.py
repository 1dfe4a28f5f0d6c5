"""Rollouts, their decisions, commands and acts, and who leads."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables of rollouts."""
    op.create_table(
        "rollouts",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("rollout", sa.Text(), nullable=False, unique=True),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("spec_source", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
    )
    live = sa.column("live", sa.Boolean()).is_(True)
    op.create_index("one_live_rollout_per_route", "rollouts", ["route"], unique=True, sqlite_where=live, postgresql_where=live)
    op.create_table(
        "decisions",
        sa.Column("rollout", sa.Text(), sa.ForeignKey("rollouts.rollout"), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_table(
        "commands",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("rollout", sa.Text(), sa.ForeignKey("rollouts.rollout"), nullable=False),
        sa.Column("decision", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("commands_of_rollout", "commands", ["rollout", "done"])
    op.create_table(
        "acts",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("rollout", sa.Text(), sa.ForeignKey("rollouts.rollout"), nullable=False),
        sa.Column("applied_by", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("acts_of_rollout", "acts", ["rollout", "applied_by"])
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
    )
