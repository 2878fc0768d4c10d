"""What the versions of a table have in common, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from groundtune.knowledge.lance.compressed import Compressed

__all__ = ["Shared"]


class Shared:
    """The vectors of some version, so that another one reads only what it has beyond them.

    They are of one lineage: as long as a table is not made anew, the number of a row never means another row.
    """

    def __init__(self) -> None:
        self._kept: tuple[str, Compressed] | None = None

    def of(self, lineage: str) -> Compressed | None:
        """The vectors, where they are of this lineage."""
        kept = self._kept
        return kept[1] if kept is not None and lineage and kept[0] == lineage else None

    def keep(self, lineage: str, vectors: Compressed) -> None:
        """Share these vectors from now on."""
        self._kept = (lineage, vectors)
