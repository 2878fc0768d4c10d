"""What the versions of a table have in common, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from groundtune.knowledge.lance.compressed import Compressed

__all__ = ["Part", "Shared"]


class Part(NamedTuple):
    """Rows in memory.

    Attributes:
        ids: Of their passages, in the order of their numbers.
        vectors: Theirs, with the numbers.
    """

    ids: pa.Array
    vectors: Compressed


class Shared:
    """The rows of some version, so that another one reads only what it has beyond them.

    They are of one lineage: as long as a table is not made anew, the number of a row never means another row.
    """

    def __init__(self) -> None:
        self._kept: tuple[str, Part] | None = None

    def of(self, lineage: str) -> Part | None:
        """The rows, where they are of this lineage."""
        kept = self._kept
        return kept[1] if kept is not None and lineage and kept[0] == lineage else None

    def keep(self, lineage: str, part: Part) -> None:
        """Share these rows from now on."""
        self._kept = (lineage, part)
