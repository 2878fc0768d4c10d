"""The full-text search of a table, in one step of LanceDB's event loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb import AsyncTable
    from lancedb.table import Table

__all__ = ["matches"]


def matches(table: Table, question: str, depth: int, columns: Sequence[str], where: str | None) -> pa.Table:
    """The best rows by BM25 among those of a condition: these columns, ``_score`` and ``_rowid``.

    The table's own search builds the same query, but hands each of its steps to another thread and waits for it,
    which on one core takes longer than the search.
    """
    from lancedb.background_loop import LOOP

    found: pa.Table = LOOP.run(_matches(table._table, question, depth, columns, where))  # type: ignore[attr-defined,no-untyped-call]
    return found


async def _matches(table: AsyncTable, question: str, depth: int, columns: Sequence[str], where: str | None) -> pa.Table:
    from lancedb.query import MatchQuery

    match = MatchQuery(question, "indexed")  # type: ignore[call-arg]
    query = table.query().nearest_to_text(match).select([*columns, "_score"]).with_row_id().limit(depth)
    if where is not None:
        query = query.where(where)
    return await query.to_arrow()
