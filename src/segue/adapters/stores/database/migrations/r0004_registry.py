"""The embedded registry."""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"

Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables of registry."""
    op.create_table(
        "model_versions",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("one_row_per_model_version", "model_versions", ["model", "version"], unique=True)
    op.create_table(
        "aliases",
        sa.Column("model", sa.Text(), primary_key=True),
        sa.Column("alias", sa.Text(), primary_key=True),
        sa.Column("version", sa.Text(), nullable=False),
    )
    op.create_table(
        "alias_moves",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("command_id", sa.Text(), nullable=True, unique=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("alias_moves_of_model", "alias_moves", ["model"])
