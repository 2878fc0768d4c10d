"""Rows whose texts stay on the disk: read when they are found, and remembered for the stages that ask again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from groundtune.knowledge.lance.language import quoted
from groundtune.knowledge.schema import passage_of
from groundtune.records import Passage

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

__all__ = ["Stored"]

T = TypeVar("T")

_BATCH = 500
_REMEMBERED = 1024
"""Rows that are remembered after a ranking has returned them."""


class Stored:
    """What `Rows` on the disk have in common."""

    def __init__(self, table: Table) -> None:
        """Read from a pinned version."""
        self._table = table
        self._lock = threading.Lock()
        self._found: OrderedDict[str, int] = OrderedDict()
        self._passages: OrderedDict[str, Passage] = OrderedDict()

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """See `Rows`."""
        known = {id_: self._passages[id_] for id_ in ids if id_ in self._passages}
        missing = [id_ for id_ in ids if id_ not in known]
        if missing:
            read = map(passage_of, self._take(missing, ["passage"])["passage"].to_pylist())
            known |= (new := {passage.id: passage for passage in read})
            self._remember(self._passages, new)
        return [known[id_] for id_ in ids]

    def _remember_numbers(self, ids: Sequence[str], numbers: Sequence[int]) -> None:
        """Know the rows of these passages, so that they need not be looked up."""
        self._remember(self._found, dict(zip(ids, numbers, strict=True)))

    def _numbers_of(self, ids: Sequence[str]) -> list[int]:
        """Numbers of the rows of passages."""
        known = {id_: number for id_ in ids if (number := self._found.get(id_)) is not None}
        unknown = [id_ for id_ in ids if id_ not in known]
        for start in range(0, len(unknown), _BATCH):
            where = f"id IN ({quoted(unknown[start : start + _BATCH])})"
            rows = self._table.search().where(where).select(["id"]).with_row_id(True).limit(_BATCH).to_arrow()
            known.update(zip(rows["id"].to_pylist(), rows["_rowid"].to_pylist(), strict=True))
        return [known[id_] for id_ in ids]

    def _take(self, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """Rows of passages, in the table's order."""
        return self._table.take_row_ids(self._numbers_of(ids)).select([*columns]).to_arrow()

    def _remember(self, memory: OrderedDict[str, T], found: Mapping[str, T]) -> None:
        with self._lock:
            for name, value in found.items():
                memory[name] = value
                memory.move_to_end(name)  # what was found again is not the next to be forgotten
            while len(memory) > _REMEMBERED:
                memory.popitem(last=False)
