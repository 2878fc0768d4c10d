"""The tables of the ledger and the numbered steps that made them what they are.

`MIGRATIONS` is append-only: a released step is never edited, a change is a new step at the end. SQLite runs DDL
inside transactions and keeps the number of the last step in ``PRAGMA user_version``, so a step and its number are
committed together or not at all. (Alembic was tried for this: 1.8 s of imports and a folder of generated scripts for
a single-file database that only this program opens.)
"""

from __future__ import annotations

from sqlalchemy import REAL, Boolean, Column, ForeignKey, Integer, MetaData, Table, Text

__all__ = ["MIGRATIONS", "answers", "runs", "scores"]

_metadata = MetaData()

runs = Table(
    "runs",
    _metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("finished_at", Text),
    Column("record", Text, nullable=False),
    Column("result", Text),
)
"""One execution: ``record`` holds what is needed to rebuild it (settings, data hashes, versions) as JSON."""

answers = Table(
    "answers",
    _metadata,
    Column("run", Text, ForeignKey("runs.id"), primary_key=True),
    Column("system", Text, primary_key=True),
    Column("query", Text, primary_key=True),
    Column("answered_at", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reason", Text),
    Column("error", Text),
    Column("confidence", REAL),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("total_ms", REAL),
    Column("milliseconds", Text, nullable=False),
    Column("citations", Text, nullable=False),
    Column("hits", Text, nullable=False),
    Column("cached_tokens", Integer),
    Column("reasoning_tokens", Integer),
    Column("first_token_ms", REAL),
    Column("model", Text),
    Column("template", Text),
    Column("from_cache", Boolean, nullable=False),
    Column("knowledge", Text),
)
"""Every raw answer; NULL is what was not measured."""

scores = Table(
    "scores",
    _metadata,
    Column("run", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("query", Text, primary_key=True),
    Column("scorer", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("value", REAL),
    Column("note", Text),
)
"""What each version of each scorer made of an answer; NULL with a note is "could not be scored"."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT,
            record TEXT NOT NULL, result TEXT)""",
        """CREATE TABLE answers (
            run TEXT NOT NULL REFERENCES runs(id), system TEXT NOT NULL, query TEXT NOT NULL, answered_at TEXT NOT NULL,
            text TEXT NOT NULL, reason TEXT, error TEXT, confidence REAL, input_tokens INTEGER, output_tokens INTEGER,
            total_ms REAL, milliseconds TEXT NOT NULL, citations TEXT NOT NULL, hits TEXT NOT NULL,
            PRIMARY KEY (run, system, query))""",
        """CREATE TABLE scores (
            run TEXT NOT NULL, system TEXT NOT NULL, query TEXT NOT NULL, scorer TEXT NOT NULL, version TEXT NOT NULL,
            value REAL, note TEXT,
            PRIMARY KEY (run, system, query, scorer, version),
            FOREIGN KEY (run, system, query) REFERENCES answers(run, system, query))""",
    ),
    (
        "ALTER TABLE answers ADD COLUMN cached_tokens INTEGER",
        "ALTER TABLE answers ADD COLUMN reasoning_tokens INTEGER",
        "ALTER TABLE answers ADD COLUMN first_token_ms REAL",
        "ALTER TABLE answers ADD COLUMN model TEXT",
        "ALTER TABLE answers ADD COLUMN template TEXT",
        "ALTER TABLE answers ADD COLUMN from_cache INTEGER NOT NULL DEFAULT 0",
    ),
    ("ALTER TABLE answers ADD COLUMN knowledge TEXT",),
)
"""Step n (1-based) brings a ledger from version n - 1 to n."""
