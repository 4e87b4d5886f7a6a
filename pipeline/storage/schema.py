"""The tables, as the newest migration leaves them. Times are seconds since 1970; JSON is text.

Besides these there is `results_words`, the full-text index: an FTS5 table in SQLite, a `tsvector` column in PostgreSQL.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

HEAD: Final = "0003"
"""The newest migration."""

METADATA: Final = MetaData()

UPLOADS: Final = Table(
    "uploads",
    METADATA,
    Column("sha", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("refs", Integer, nullable=False),
)
"""Files on disk by the SHA-256 of their content; refs: rows of other tables that name one."""

RESULTS: Final = Table(
    "results",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("created", Float, nullable=False, index=True),
    Column("used", Float, nullable=False, index=True),
    Column("sha", String(64), ForeignKey("uploads.sha"), nullable=False),
    Column("key", String(64), nullable=True, index=True),
    Column("name", Text, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("language", String(8), nullable=False),
    Column("engine", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("nodes", Integer, nullable=False),
    Column("edges", Integer, nullable=False),
    Column("warnings", Integer, nullable=False),
    Column("description", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""Descriptions. used: when it was last answered; key: of content and settings, null where it must not answer again."""

BATCHES: Final = Table(
    "batches",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("created", Float, nullable=False, index=True),
    Column("finished", Float, nullable=True),
    Column("cancelled", Float, nullable=True),
    Column("key", Text, nullable=True, unique=True),
    Column("digest", String(64), nullable=False),
    Column("options", Text, nullable=False),
    Column("webhook", Text, nullable=False),
    Column("told", Integer, nullable=False),
    Column("total", Integer, nullable=False),
)
"""Batches. key: of idempotency, with the digest of what was sent under it; told: how often it finished."""

ITEMS: Final = Table(
    "items",
    METADATA,
    Column("batch", String(32), ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sha", String(64), ForeignKey("uploads.sha"), nullable=False),
    Column("state", String(10), nullable=False),
    Column("round", Integer, nullable=False),
    Column("starts", Integer, nullable=False),
    Column("process", String(100), nullable=False),
    Column("started", Float, nullable=True),
    Column("finished", Float, nullable=True),
    Column("earlier", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("result", String(32), ForeignKey("results.id", ondelete="SET NULL"), nullable=True),
    Column("page", Integer, nullable=False, server_default="1"),
    Index("ix_items_state", "state"),
    Index("ix_items_result", "result"),
)
"""Pictures of a batch. page: of the upload; round: of the job that may write here; starts: how often one began;
process: that began it."""

PROCESSES: Final = Table(
    "processes",
    METADATA,
    Column("id", String(100), primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("born", Float, nullable=False),
    Column("seen", Float, nullable=False),
)
"""Processes that work on items; seen: their last sign of life."""
