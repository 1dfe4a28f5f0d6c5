"""Which tables hold the state?

Facts rest whole, as the JSON of `facts.wire.codec`; beside them stand only the columns that a query needs. Times are integers,
microseconds since the epoch in UTC, because databases differ in what they make of a time and none of an integer.
The tables are made by `migrations`; a test compares the two.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text

HEAD: Final = "r0009"
"""The newest revision of `migrations`, so that opening a store that is up to date needs no Alembic."""

metadata = MetaData()
Serial = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only a column of type INTEGER

rollouts = Table(
    "rollouts",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("rollout", Text, nullable=False, unique=True),
    Column("route", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("spec_source", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("state", Text, nullable=False),
)
_live = rollouts.c.live.is_(True)
Index("one_live_rollout_per_route", rollouts.c.route, unique=True, sqlite_where=_live, postgresql_where=_live)

decisions = Table(
    "decisions",
    metadata,
    Column("rollout", Text, ForeignKey("rollouts.rollout"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("body", Text, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("id", Text, primary_key=True),
    Column("rollout", Text, ForeignKey("rollouts.rollout"), nullable=False),
    Column("decision", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("commands_of_rollout", "rollout", "done"),
)

acts = Table(
    "acts",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("rollout", Text, ForeignKey("rollouts.rollout"), nullable=False),
    Column("applied_by", BigInteger, nullable=True),  # the decision's number; null while nobody has
    Column("body", Text, nullable=False),
    Index("acts_of_rollout", "rollout", "applied_by"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
)

routes = Table(  # one row a route: the only row that a gateway's poll touches
    "routes",
    metadata,
    Column("route", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("revision", Text, nullable=False),
)

allocations = Table(
    "allocations",
    metadata,
    Column("route", Text, ForeignKey("routes.route"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("command_id", Text, nullable=False, unique=True),
    Column("rollout", Text, nullable=False),
    Column("body", Text, nullable=False),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("name", Text, primary_key=True),
    Column("host", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("seen_at_us", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("route", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Index("keys_of_route", "route"),
)

workers = Table(
    "workers",
    metadata,
    Column("route", Text, primary_key=True),
    Column("worker", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

measured = Table(
    "measured",
    metadata,
    Column("rollout", Text, primary_key=True),
    Column("judged_until_us", BigInteger, nullable=False),
)

seen_segments = Table(
    "seen_segments",
    metadata,
    Column("rollout", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("at_us", BigInteger, nullable=False, server_default="0"),
)

answers = Table(
    "answers",
    metadata,
    Column("rollout", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("question", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

cells = Table(
    "cells",
    metadata,
    Column("rollout", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("metric", Text, nullable=False),
    Column("body", Text, nullable=False),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("one_row_per_model_version", "model", "version", unique=True),
)

aliases = Table(
    "aliases",
    metadata,
    Column("model", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("version", Text, nullable=False),
)

alias_moves = Table(
    "alias_moves",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("command_id", Text, nullable=True, unique=True),  # null where a person moved it without a command
    Column("model", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("alias_moves_of_model", "model"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("body", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("audit_of_subject", "subject", "number"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

answered = Table(
    "answered",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
