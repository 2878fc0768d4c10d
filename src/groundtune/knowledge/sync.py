"""Documents into the store: read, cut, embedded and written at the same time, published window by window."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from groundtune.knowledge.ahead import ahead
from groundtune.knowledge.embedding import TokenEmbedding
from groundtune.knowledge.passages import Piece
from groundtune.knowledge.reading import Unchanged
from groundtune.knowledge.schema import Prepared, key_of, to_arrow
from groundtune.knowledge.store import EMPTY, Store
from groundtune.knowledge.versions import Tally
from groundtune.models import EmbeddingModel
from groundtune.models.embedded.markup import audible
from groundtune.sources import Failure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Progress", "SyncReport", "bring_up_to_date"]

Progress = Callable[[int, int | None, str], None]
"""Called with what is done, what there is in all (None when nobody knows), and the unit."""

_WINDOW = 1024
"""Passages that are published together, at least: a killed run loses at most two windows of work."""
_AHEAD = 64


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, in documents.

    Attributes:
        passages: What the index holds afterwards.
        renamed: Of the added ones, those whose file is a removed one under another name.
        version: Name of the knowledge from now on.
    """

    added: int
    changed: int
    removed: int
    unchanged: int
    failed: tuple[Failure, ...]
    passages: int
    seconds: float
    renamed: int = 0
    version: str = EMPTY


@dataclass(slots=True)
class _Run:
    """One sync under way."""

    store: Store
    embedding: EmbeddingModel
    stored: Mapping[str, str]
    tally: Tally
    progress: Progress
    count: Callable[[], int | None]
    total: int | None = None
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: list[Failure] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    written: Future[None] | None = None
    unpublished: bool = False

    def consume(self, items: Iterator[Prepared | Unchanged | Failure]) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="groundtune-write") as writer:
            for window in _windows(self._fresh(items)):
                vectors, keys = self._embedded([(item, piece) for item in window for piece in item.pieces])
                self._settle()
                self.written = writer.submit(self._write, window, keys, vectors)
                self._count(window)
            self._settle()

    def _fresh(self, items: Iterator[Prepared | Unchanged | Failure]) -> Iterator[Prepared]:
        for item in items:
            if isinstance(item, Prepared):
                self.seen.add(item.entry.document.id)
                yield item
            elif isinstance(item, Unchanged):
                self.seen.update(item.documents)
                self.unchanged += len(item.documents)
            else:
                self.failed.append(item)

    def _count(self, window: list[Prepared]) -> None:
        if not self.added + self.changed:
            self.total = self.count()
        known = sum(item.entry.document.id in self.stored for item in window)
        self.changed += known
        self.added += len(window) - known
        self.progress(self.added + self.changed + self.unchanged, self.total, "documents")

    def _embedded(self, pieces: list[tuple[Prepared, Piece]]) -> tuple[NDArray[np.float32], list[str]]:
        """Vectors (pieces, dimensions) and keys; what is stored, or twice in the window, is not embedded again."""
        import numpy as np

        keys = [key_of(piece) for _, piece in pieces]
        unique = dict(zip(keys, pieces, strict=True))
        vectors = self.store.vectors(list(unique)) if self.stored else {}
        missing = [key for key in unique if key not in vectors]
        if missing:
            vectors.update(zip(missing, _embed(self.embedding, [unique[key] for key in missing]), strict=True))
        return np.stack([vectors[key] for key in keys]).astype(np.float32, copy=False), keys

    def _write(self, window: list[Prepared], keys: list[str], vectors: NDArray[np.float32]) -> None:
        """Publish the window before this one, and write this one: the last one waits for what must go with it."""
        self.publish()
        replaced = [item.entry.document.id for item in window if item.entry.document.id in self.stored]
        self.unpublished = True
        self.store.write(to_arrow(window, keys, vectors), replaced)
        for item in window:
            self.tally.put(item.entry.document.id, item.content)

    def remove(self, documents: list[str]) -> None:
        if documents:
            self.unpublished = True
            self.store.remove(documents)
            for id_ in documents:
                self.tally.drop(id_)

    def publish(self) -> None:
        if self.unpublished:
            self.store.publish(self.tally.name, len(self.tally))
            self.unpublished = False

    def _settle(self) -> None:
        if self.written is not None:
            self.written.result()
            self.written = None


def bring_up_to_date(
    items: Iterable[Prepared | Unchanged | Failure],
    store: Store,
    embedding: EmbeddingModel,
    *,
    stored: Mapping[str, str],
    tally: Tally,
    count: Callable[[], int | None],
    progress: Progress,
    keep: int,
) -> SyncReport:
    """Write what is new, take out what is gone, and publish it: a reader sees each document as it was or as it is.

    Args:
        items: Everything that the sources hold now; consumed in a thread of its own.
        store: Where to; the caller holds the lock and has begun.
        embedding: Makes the vectors.
        stored: Content hash of each document that the store holds.
        tally: Of these documents; afterwards, of those that the store holds then.
        count: How many documents there are in all, None where nobody knows; asked once, when there is work to do.
        progress: Called after each window.
        keep: How many versions can be searched afterwards.

    Raises:
        StorageError: when the store refuses; every window before the last two is kept.
    """
    began = time.perf_counter()
    run = _Run(store, embedding, stored, tally, progress, count)
    with closing(ahead(items, _AHEAD)) as stream:
        run.consume(stream)
    gone = [id_ for id_ in stored if id_ not in run.seen]
    run.remove(gone)
    run.publish()
    store.finish(keep)
    snapshot = store.snapshot()
    return SyncReport(
        added=run.added,
        changed=run.changed,
        removed=len(gone),
        unchanged=run.unchanged,
        failed=tuple(run.failed),
        passages=0 if snapshot is None else snapshot.count,
        seconds=time.perf_counter() - began,
        version=EMPTY if snapshot is None else snapshot.version,
    )


def _windows(items: Iterator[Prepared]) -> Iterator[list[Prepared]]:
    window: list[Prepared] = []
    passages = 0
    for item in items:
        window.append(item)
        passages += len(item.pieces)
        if passages >= _WINDOW:
            yield window
            window, passages = [], 0
    if window:
        yield window


def _embed(embedding: EmbeddingModel, pieces: list[tuple[Prepared, Piece]]) -> NDArray[np.float32]:
    if isinstance(embedding, TokenEmbedding):
        return embedding.embed_ids([piece.ids for _, piece in pieces])
    return embedding.embed([_spoken(item, piece) for item, piece in pieces])


def _spoken(item: Prepared, piece: Piece) -> str:
    return f"{piece.context}\n{audible(item.entry.document.text[piece.start : piece.end])}".strip()
