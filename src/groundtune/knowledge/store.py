"""The port to a store of passages: one writer behind a lock, many readers, each on one published version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from groundtune.knowledge.filters import Filter
from groundtune.records import Document, Passage

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["EMPTY", "Snapshot", "Store", "Version"]

EMPTY = "empty"
"""Name of the version before the first sync."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A state of the knowledge that can be searched again.

    Attributes:
        name: Equal exactly when the documents, and how they were cut and embedded, are equal.
        at: When it was published: ISO 8601, UTC.
        documents: How many it holds.
        passages: How many it holds.
    """

    name: str
    at: str
    documents: int
    passages: int


class Snapshot(Protocol):
    """One published version, which no later write changes. Safe in threads.

    Every reading method applies the caller's filter inside the store, before it cuts to ``depth``.
    """

    @property
    def version(self) -> str:
        """Its name."""
        ...

    @property
    def count(self) -> int:
        """How many passages it holds, whoever may read them."""
        ...

    def dense(self, vector: NDArray[np.float32], depth: int, filter: Filter) -> dict[str, float]:
        """Ids of the ``depth`` passages with the highest cosine to a unit vector (dimensions,), best first."""
        ...

    def lexical(self, question: str, depth: int, filter: Filter) -> dict[str, float]:
        """Ids of the ``depth`` passages that match the words best with a score above 0, best first."""
        ...

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> dict[str, float]:
        """Cosines of passages that a ranking has returned to a unit vector."""
        ...

    def vectors_of(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of passages that a ranking has returned, shape (len(ids), dimensions)."""
        ...

    def documents_of(self, ids: Sequence[str]) -> list[str]:
        """The document of each passage that a ranking has returned."""
        ...

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """The passages that a ranking has returned, in the order of their ids."""
        ...

    def documents(self, filter: Filter) -> list[str]:
        """Ids of all documents, in order."""
        ...

    def withheld(self, filter: Filter) -> list[str]:
        """Ids of all documents with groups, none of them the caller's, in order; of the filter only groups count."""
        ...

    def document(self, id_: str, filter: Filter) -> Document | None:
        """The document whose text all offsets refer to; None when there is none for this caller."""
        ...

    def passages_of(self, document: str, filter: Filter) -> list[Passage]:
        """The passages of one document, in reading order."""
        ...


class Store(Protocol):
    """Keeps passages with their vectors. What is written is seen by nobody until it is published, then whole.

    The caller holds a lock: there is one writer at a time. A writer that dies leaves nothing but what it published.
    """

    def begin(self) -> str:
        """Take back what a writer before left unpublished, and give the name of the version that is published.

        Raises:
            StorageError: when the store cannot be read.
        """
        ...

    def contents(self) -> dict[str, str]:
        """Content hash of each document, as of `begin`."""
        ...

    def vectors(self, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors (dimensions,) that are stored under these keys, as far as there are any."""
        ...

    def write(self, rows: pa.Table, replaced: Sequence[str]) -> None:
        """Take out the ``replaced`` documents, then put in rows of `schema`; not visible yet.

        Raises:
            StorageError: when the store refuses; what is published stays as it was.
        """
        ...

    def remove(self, documents: Sequence[str]) -> None:
        """Take documents out; not visible yet."""
        ...

    def publish(self, name: str, documents: int) -> None:
        """Show everything that was written to readers, at once, under a name."""
        ...

    def finish(self, keep: int) -> None:
        """Keep what is published as a version, forget all but the newest ``keep`` versions, and tend the indexes."""
        ...

    def end(self) -> None:
        """Forget the writer and let others in, whether it came to its end or not."""
        ...

    def versions(self) -> list[Version]:
        """What can be searched again, newest first."""
        ...

    def snapshot(self, at: str | None = None) -> Snapshot | None:
        """The newest published version, or the kept one of a name; None when there is none.

        Raises:
            StorageError: when the store cannot be read.
        """
        ...
