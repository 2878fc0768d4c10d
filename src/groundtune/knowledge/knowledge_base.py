"""The knowledge base of a project: documents in, the passages for a question out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout

from groundtune.errors import Busy
from groundtune.knowledge.embedding import token_source
from groundtune.knowledge.fingerprints import Fingerprints
from groundtune.knowledge.fusion import ALPHAS, DEFAULT_ALPHA, best_alpha, convex, ndcg, reciprocal_rank
from groundtune.knowledge.index import Index, quoted, storage_errors
from groundtune.knowledge.passages import CHUNKING, MAX_TOKENS, Splitter
from groundtune.knowledge.reading import Reading
from groundtune.knowledge.schema import PASSAGE_COLUMNS, Entry, passage_of
from groundtune.knowledge.snapshot import Latest, Snapshot
from groundtune.knowledge.sync import Progress, SyncReport, store
from groundtune.models import EmbeddingModel
from groundtune.records import Document, Example, Hit, Passage
from groundtune.sources import CONVERSION, count_documents, discover

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["KnowledgeBase", "Mode"]

Mode = Literal["hybrid", "dense", "lexical"]
"""By meaning and words, by meaning alone (vectors), or by words alone (BM25)."""

_DEPTH = 100
"""Candidates of each ranking that go into the fusion."""


class KnowledgeBase:
    """Documents as searchable passages, kept in one folder.

    Hybrid search mixes the scores with the weight ``alpha`` of the dense one: the one that `learn_alpha` found for this
    project, else `DEFAULT_ALPHA`. Set it to None to fuse the ranks instead (reciprocal rank fusion).

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
        self._index = Index(folder / "index", f"passages-{self._slug}", embedding.dimensions)
        self._latest = Latest(self._index)
        self._helper = ThreadPoolExecutor(4, thread_name_prefix="groundtune-search")
        self._versions: tuple[int, str] = (-1, "empty")
        self.alpha: float | None = _read_alpha(self._alpha_path)

    # -- writing

    def sync(self, sources: Sequence[str], root: Path, *, progress: Progress | None = None) -> SyncReport:
        """Make the index equal to the files: read what is new or changed, drop what is gone.

        Args:
            sources: Folders, files or globs, relative to ``root``.
            root: The project's folder.
            progress: Called while it works.

        Raises:
            ProjectError: when a source does not exist.
            Busy: when another sync is running.
            StorageError: when the disk refuses; what was stored before is kept.
        """
        files = list(discover(sources, root))
        with self._writing():
            stored = self._index.contents()
            path = self.folder / f"fingerprints-{self._slug}.json"
            fingerprints = Fingerprints(path, f"{CONVERSION}/{self._recipe}")
            items = Reading(stored, self._splitter, self._recipe).files(files, fingerprints)
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
        self, question: str, k: int = 5, mode: Mode = "hybrid", *, documents: Sequence[str] | None = None
    ) -> list[Hit]:
        """The ``k`` best passages for a question, best first; fewer when there are no more.

        Args:
            question: In plain words.
            k: How many.
            mode: Which ranking.
            documents: Look only in these.

        Raises:
            StorageError: when the index cannot be read.
        """
        return self.search_timed(question, k, mode, documents=documents)[0]

    def search_timed(
        self, question: str, k: int = 5, mode: Mode = "hybrid", *, documents: Sequence[str] | None = None
    ) -> tuple[list[Hit], dict[str, float]]:
        """As `search`, with the milliseconds of ``embed``, ``search`` and ``total``."""
        began = time.perf_counter()
        snapshot = self._latest.snapshot()
        embed = 0.0
        scores: dict[str, float] = {}
        if snapshot is not None and question.strip():
            lexical = (
                self._helper.submit(snapshot.lexical, question, max(k, _DEPTH), documents) if mode != "dense" else None
            )
            vector = None
            if mode != "lexical":
                started = time.perf_counter()
                vector = self._embedding.embed([question])[0]
                embed = time.perf_counter() - started
            dense = snapshot.dense(vector, max(k, _DEPTH), documents) if vector is not None else {}
            scores = self._fused(snapshot, dense, lexical.result() if lexical else {}, vector)
        best = sorted(scores, key=lambda id_: (-scores[id_], id_))[:k]
        passages = snapshot.passages(best) if snapshot is not None else []
        hits = [
            Hit(rank=rank, score=scores[passage.id], passage=passage) for rank, passage in enumerate(passages, start=1)
        ]
        total = time.perf_counter() - began
        return hits, {"embed": embed * 1e3, "search": (total - embed) * 1e3, "total": total * 1e3}

    def _fused(
        self, snapshot: Snapshot, dense: dict[str, float], lexical: dict[str, float], vector: NDArray[np.float32] | None
    ) -> dict[str, float]:
        if vector is None or not lexical:
            return dense or lexical
        if self.alpha is None:
            return reciprocal_rank([list(dense), list(lexical)])
        return convex(
            dense | snapshot.cosines([id_ for id_ in lexical if id_ not in dense], vector), lexical, self.alpha
        )

    # -- learning

    def learn_alpha(self, labelled: Sequence[tuple[str, Set[str]]]) -> float:
        """Learn the weight of the dense score from questions with the ids of their relevant documents, and keep it.

        The weight of the grid with the highest mean nDCG@10 over documents wins; from then on hybrid search mixes the
        scores with it. Sensible from about 40 questions.

        Args:
            labelled: Pairs of question and relevant document ids.
        """
        gains: dict[float, list[float]] = {alpha: [] for alpha in ALPHAS}
        snapshot = self._latest.snapshot()
        for question, relevant in labelled if snapshot is not None else ():
            assert snapshot is not None
            vector = self._embedding.embed([question])[0]
            lexical = snapshot.lexical(question, _DEPTH, None)
            dense = snapshot.dense(vector, _DEPTH, None)
            dense |= snapshot.cosines([id_ for id_ in lexical if id_ not in dense], vector)
            for alpha, gain in gains.items():
                scores = convex(dense, lexical, alpha)
                gain.append(ndcg(_documents(snapshot, scores), relevant))
        self.alpha = best_alpha(gains)
        self._alpha_path.parent.mkdir(parents=True, exist_ok=True)
        self._alpha_path.write_text(json.dumps({"alpha": self.alpha, "questions": len(labelled)}), encoding="utf-8")
        return self.alpha

    @property
    def _alpha_path(self) -> Path:
        return self.folder / f"fusion-{self._slug}.json"


def _documents(snapshot: Snapshot, scores: dict[str, float]) -> list[str]:
    """Documents in the order of their best passage."""
    ranked = sorted(scores, key=lambda id_: (-scores[id_], id_))
    return list(dict.fromkeys(snapshot.documents[snapshot.places[id_]] for id_ in ranked))


def _read_alpha(path: Path) -> float:
    try:
        alpha = float(json.loads(path.read_text(encoding="utf-8"))["alpha"])
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_ALPHA
    return alpha if 0.0 <= alpha <= 1.0 else DEFAULT_ALPHA


def _silent(done: int, total: int | None, unit: str) -> None:
    """No progress is shown."""
