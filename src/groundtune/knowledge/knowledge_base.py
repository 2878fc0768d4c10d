"""The knowledge base of a project: documents in, the passages for a question out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from groundtune.errors import Busy
from groundtune.knowledge.embedding import token_source
from groundtune.knowledge.filters import EVERYONE, Filter
from groundtune.knowledge.fingerprints import Fingerprints
from groundtune.knowledge.index import Index, quoted, storage_errors
from groundtune.knowledge.passages import CHUNKING, MAX_TOKENS, Splitter
from groundtune.knowledge.reading import Reading
from groundtune.knowledge.schema import LAYOUT, PASSAGE_COLUMNS, Entry, passage_of
from groundtune.knowledge.searching import Mode, Search
from groundtune.knowledge.snapshot import Latest
from groundtune.knowledge.sync import Progress, SyncReport, store
from groundtune.models import EmbeddingModel
from groundtune.records import Document, Example, Hit, Passage
from groundtune.sources import CONVERSION, DEFAULT_RULES, Conversion, Rules, count_documents, discover

__all__ = ["KnowledgeBase", "Mode"]


class KnowledgeBase:
    """Documents as searchable passages, kept in one folder.


    Searching is safe from many threads and processes, and sees what another process has synced meanwhile. Only one sync
    runs at a time. Vectors of different embedding models are never mixed: each has its own index in the folder.
    """

    def __init__(self, folder: Path, embedding: EmbeddingModel, *, max_tokens: int = MAX_TOKENS) -> None:
        """Open the knowledge base in ``folder``; nothing is read or made before it is needed.

        Args:
            folder: Holds everything that the knowledge base makes; safe to delete.
            embedding: Makes the vectors of passages and questions.
            max_tokens: Longest passage, in tokens of the embedding.
        """
        self.folder = folder
        self._embedding = embedding
        self._splitter = Splitter(token_source(embedding), max_tokens)
        self._recipe = f"{CHUNKING}/{self._splitter.max_tokens}/{embedding.name}"
        self._slug = hashlib.sha256(embedding.name.encode()).hexdigest()[:12]
        self._index = Index(folder / "index", f"passages-{LAYOUT}-{self._slug}", embedding.dimensions)
        self._latest = Latest(self._index)
        self._search = Search(embedding, folder / f"fusion-{self._slug}.json")
        self._versions: tuple[int, str] = (-1, "empty")

    # -- writing

    def sync(
        self, sources: Sequence[str], root: Path, *, rules: Rules = DEFAULT_RULES, progress: Progress | None = None
    ) -> SyncReport:
        """Make the index equal to the files: read what is new or changed, drop what is gone.

        Args:
            sources: Folders, files or globs, relative to ``root``.
            root: The project's folder.
            rules: How they are read.
            progress: Called while it works.

        Raises:
            ProjectError: when a source does not exist.
            Busy: when another sync is running.
            StorageError: when the disk refuses; what was stored before is kept.
        """
        files = list(discover(sources, root))
        with self._writing(), Conversion(rules) as conversion:
            stored = self._index.contents()
            path = self.folder / f"fingerprints-{self._slug}.json"
            fingerprints = Fingerprints(path, f"{CONVERSION}/{self._recipe}")
            items = Reading(stored, self._splitter, self._recipe).files(files, fingerprints, conversion)
            report = store(
                items,
                self._index,
                self._embedding,
                stored=stored,
                count=lambda: sum(map(count_documents, files)),
                progress=progress or _silent,
            )
            with storage_errors(self.folder):
                fingerprints.save()
        return report

    def sync_documents(self, documents: Iterable[Document], *, progress: Progress | None = None) -> SyncReport:
        """Make the index equal to documents that are at hand; as `sync` otherwise."""
        return self._sync_entries((Entry(document) for document in documents), None, progress)

    def sync_examples(self, examples: Sequence[Example], *, progress: Progress | None = None) -> SyncReport:
        """Make the index equal to training examples, to be retrieved as demonstrations.

        A passage is the whole question of an example, and carries its ideal answer.
        """
        entries = (
            Entry(Document(id=example.id, title="", text=example.question, source="examples"), example.answer)
            for example in examples
        )
        return self._sync_entries(entries, len(examples), progress)

    def _sync_entries(self, entries: Iterable[Entry], total: int | None, progress: Progress | None) -> SyncReport:
        with self._writing():
            stored = self._index.contents()
            items = Reading(stored, self._splitter, self._recipe).entries(entries)
            return store(
                items, self._index, self._embedding, stored=stored, count=lambda: total, progress=progress or _silent
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        lock = FileLock(str(self.folder / "sync.lock"), timeout=0)
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                raise Busy(
                    f"Another sync is writing to {self.folder}. One at a time is allowed: wait until it is done, then "
                    "run this again."
                ) from None
        try:
            yield
        finally:
            lock.release()

    # -- reading

    def count(self) -> int:
        """How many passages the index holds."""
        snapshot = self._latest.snapshot()
        return 0 if snapshot is None else len(snapshot.ids)

    @property
    def version(self) -> str:
        """Changes exactly when the content does: a hash over all documents and how they are cut and embedded."""
        snapshot = self._latest.snapshot()
        if snapshot is None:
            return "empty"
        if self._versions[0] != snapshot.version:
            contents = json.dumps(sorted(self._index.contents().items()))
            self._versions = (snapshot.version, hashlib.sha256(contents.encode()).hexdigest()[:16])
        return self._versions[1]

    def documents(self) -> list[str]:
        """Ids of all documents, in order."""
        return sorted(self._index.contents())

    def document(self, id_: str) -> Document | None:
        """The document whose text all offsets refer to; None when there is none of this id."""
        return self._index.document(id_)

    def passages_of(self, document: str) -> list[Passage]:
        """The passages of one document, in reading order."""
        rows = self._index.rows(f"document = {quoted([document])}", PASSAGE_COLUMNS)
        return sorted((passage_of(row) for row in rows), key=lambda passage: passage.start)

    def search(
        self,
        question: str,
        k: int = 5,
        mode: Mode = "hybrid",
        *,
        within: Filter = EVERYONE,
        documents: Sequence[str] | None = None,
    ) -> list[Hit]:
        """The ``k`` best passages for a question, best first; fewer when there are no more.

        Args:
            question: In plain words.
            k: How many.
            mode: Which ranking.
            within: What the caller may see and wants to see; by default what everyone may.
            documents: Look only in these.

        Raises:
            StorageError: when the index cannot be read.
        """
        return self.search_timed(question, k, mode, within=within, documents=documents)[0]

    def search_timed(
        self,
        question: str,
        k: int = 5,
        mode: Mode = "hybrid",
        *,
        within: Filter = EVERYONE,
        documents: Sequence[str] | None = None,
    ) -> tuple[list[Hit], dict[str, float]]:
        """As `search`, with the milliseconds of ``embed``, ``search`` and ``total``."""
        if documents is not None:
            within = replace(within, documents=tuple(documents))
        return self._search.timed(self._latest.snapshot(), question, k, mode, within=within)

    @property
    def alpha(self) -> float | None:
        """Weight of the dense score in hybrid search; None fuses the ranks."""
        return self._search.alpha

    @alpha.setter
    def alpha(self, alpha: float | None) -> None:
        self._search.alpha = alpha

    def learn_alpha(self, labelled: Sequence[tuple[str, Set[str]]]) -> float:
        """Learn the weight of the dense score from questions with the ids of their relevant documents, and keep it.

        See `Search.learn_alpha`.
        """
        return self._search.learn_alpha(self._latest.snapshot(), labelled)


def _silent(done: int, total: int | None, unit: str) -> None:
    """No progress is shown."""
