"""The embedded store: one LanceDB table for each embedding, in the project's own folder."""

from __future__ import annotations

from groundtune.knowledge.lance.language import storage_errors
from groundtune.knowledge.lance.store import LanceStore

__all__ = ["LanceStore", "storage_errors"]
