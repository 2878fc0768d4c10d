"""The store for teams that run PostgreSQL: pgvector for meaning, full text search for words."""

from __future__ import annotations

from groundtune.knowledge.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
