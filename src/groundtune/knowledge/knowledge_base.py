"""The knowledge base of a project: documents in, the passages for a question out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from filelock import FileLock, Timeout

from groundtune.errors import Busy, ProjectError
from groundtune.knowledge.access import AccessRules
from groundtune.knowledge.embedding import token_source
from groundtune.knowledge.filters import EVERYONE, Filter
from groundtune.knowledge.fingerprints import Fingerprints
from groundtune.knowledge.lance import LanceStore, storage_errors
from groundtune.knowledge.passages import CHUNKING, MAX_TOKENS, Splitter
from groundtune.knowledge.reading import Item, Reading
from groundtune.knowledge.schema import LAYOUT, Entry
from groundtune.knowledge.search_plan import Mode, SearchPlan
from groundtune.knowledge.searching import Search
from groundtune.knowledge.store import EMPTY, Snapshot, Store, Version
from groundtune.knowledge.sync import Progress, SyncReport, bring_up_to_date
from groundtune.knowledge.versions import Tally
from groundtune.models import EmbeddingModel
from groundtune.records import Document, Example, Hit, Passage
from groundtune.sources import CONVERSION, DEFAULT_RULES, Conversion, Rules, count_documents, discover, means_of

__all__ = ["KEEP_VERSIONS", "KnowledgeBase"]

KEEP_VERSIONS = 10
OpenStore = Callable[[str, int], Store]


class KnowledgeBase:
    """Documents as searchable passages, kept in one folder.

    Searching is safe from many threads and processes, and sees what another process has synced meanwhile. Only one sync
    runs at a time. Vectors of different embedding models are never mixed: each has its own index in the folder.
    """

    def __init__(
        self,
        folder: Path,
        embedding: EmbeddingModel,
        *,
        max_tokens: int = MAX_TOKENS,
        keep_versions: int = KEEP_VERSIONS,
        access: AccessRules | None = None,
        open_store: OpenStore | None = None,
    ) -> None:
        """Open the knowledge base in ``folder``; nothing is read or made before it is needed.

        Args:
            folder: Holds everything that the knowledge base makes; safe to delete.
            embedding: Makes the vectors of passages and questions.
            max_tokens: Longest passage, in tokens of the embedding.
            keep_versions: How many versions can be searched again, the newest among them.
            access: Who may read which files; without rules everyone may read what carries no groups of its own.
            open_store: Opens the store of a name and of vectors of so many dimensions; by default one in the folder.
        """
        self.folder = folder
        self._embedding = embedding
        self._keep = keep_versions
        self._access = access or AccessRules({})
        self._splitter = Splitter(token_source(embedding), max_tokens)
        self._recipe = f"{CHUNKING}/{self._splitter.max_tokens}/{embedding.name}"
        self._slug = hashlib.sha256(embedding.name.encode()).hexdigest()[:12]
        name = f"passages-{LAYOUT}-{self._slug}"
        self._store = (
            open_store(name, embedding.dimensions)
            if open_store is not None
            else LanceStore(folder / "index", name, embedding.dimensions)
        )
        self._search = Search(embedding, folder / f"fusion-{self._slug}.json")
        self._fingerprints: Fingerprints | None = None
        self._tally: Tally | None = None

    # -- writing

    def sync(
        self,
        sources: Sequence[str],
        root: Path,
        *,
        rules: Rules = DEFAULT_RULES,
        progress: Progress | None = None,
        changed: Collection[str] | None = None,
        conversion: Conversion | None = None,
    ) -> SyncReport:
        """Make the index equal to the files: read what is new or changed, drop what is gone.

        Args:
            sources: Folders, files or globs, relative to ``root``.
            root: The project's folder.
            rules: How they are read.
            progress: Called while it works.
            changed: The files and folders that changed since the last sync, with all links followed: only at these it
                has to look. What lies elsewhere stays as it is. None: anything may have changed.
            conversion: Converts files by these rules, and stays open; None: one of its own.

        Raises:
            ProjectError: when a source does not exist.
            Busy: when another sync is running.
            StorageError: when the disk refuses; what was stored before is kept.
        """
        with self._writing(), ExitStack() as stack:
            conversion = conversion or stack.enter_context(Conversion(rules))
            tell = progress or _silent
            with storage_errors(self.folder):
                files, unreached = discover(
                    sources,
                    root,
                    self.folder / "sources",
                    rules=rules,
                    told=lambda count: tell(count, None, "files from elsewhere"),
                    changed=changed,
                )
            fingerprints = self._fingerprints_of(rules)
            closed = [failure.source for failure in unreached if failure.transient and failure.source.endswith("/")]
            report = self._brought_up_to_date(
                lambda reading: chain(
                    reading.files(files, fingerprints, conversion), reading.closed(closed, fingerprints)
                ),
                (lambda: sum(map(count_documents, files))) if changed is None else _nobody_knows,
                progress,
            )
            idle = self._access.idle(file.source for file in files)
            report = replace(report, renamed=fingerprints.renamed(), failed=(*unreached, *report.failed, *idle))
            if changed is None:
                with storage_errors(self.folder):
                    fingerprints.save()
            else:
                fingerprints.remember()
        return report

    def _fingerprints_of(self, rules: Rules) -> Fingerprints:
        recipe, means = f"{CONVERSION}/{self._recipe}{self._access.version}", means_of(rules)
        known = self._fingerprints
        if known is None or (known.recipe, known.means) != (recipe, means):
            known = self._fingerprints = Fingerprints(self.folder / f"fingerprints-{self._slug}.json", recipe, means)
        known.begin()
        return known

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
            return self._brought_up_to_date(lambda reading: reading.entries(entries), lambda: total, progress)

    def _brought_up_to_date(
        self,
        read: Callable[[Reading], Iterable[Item]],
        count: Callable[[], int | None],
        progress: Progress | None,
    ) -> SyncReport:
        tally = self._begun()
        stored = dict(tally.contents)
        report = bring_up_to_date(
            read(Reading(stored, self._splitter, self._recipe, self._access)),
            self._store,
            self._embedding,
            stored=stored,
            tally=tally,
            count=count,
            progress=progress or _silent,
            keep=self._keep,
        )
        self._tally = tally
        return report

    def _begun(self) -> Tally:
        """What the store holds: as this object left it, where its name still says so."""
        name, tally = self._store.begin(), self._tally
        self._tally = None  # a sync that fails leaves it half way
        return tally if tally is not None and tally.name == name else Tally(self._store.contents())

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
            self._store.end()
            lock.release()

    # -- reading

    def count(self) -> int:
        """How many passages the index holds."""
        snapshot = self._store.snapshot()
        return 0 if snapshot is None else snapshot.count

    @property
    def version(self) -> str:
        """Name of the version that a search sees now; it changes exactly when the content does."""
        snapshot = self._store.snapshot()
        return EMPTY if snapshot is None else snapshot.version

    def versions(self) -> list[Version]:
        """The versions that can be searched again, newest first."""
        return self._store.versions()

    def documents(self, within: Filter = EVERYONE) -> list[str]:
        """Ids of all documents that the caller may see, in order."""
        snapshot = self._store.snapshot()
        return [] if snapshot is None else snapshot.documents(within)

    def document(self, id_: str, within: Filter = EVERYONE) -> Document | None:
        """The document whose text all offsets refer to; None when there is none of this id for the caller."""
        snapshot = self._store.snapshot()
        return None if snapshot is None else snapshot.document(id_, within)

    def passages_of(self, document: str, within: Filter = EVERYONE) -> list[Passage]:
        """The passages of one document that the caller may see, in reading order."""
        snapshot = self._store.snapshot()
        return [] if snapshot is None else snapshot.passages_of(document, within)

    def _snapshot(self, at: str | None) -> Snapshot | None:
        snapshot = self._store.snapshot(at)
        if snapshot is None and at is not None:
            known = ", ".join(version.name for version in self._store.versions()) or "none yet"
            raise ProjectError(
                f"There is no knowledge version {at!r}; kept are: {known}. How many are kept is a setting: [knowledge] "
                "keep_versions."
            )
        return snapshot

    def search(
        self,
        question: str,
        k: int = 5,
        how: SearchPlan | Mode = "hybrid",
        *,
        within: Filter = EVERYONE,
        documents: Sequence[str] | None = None,
        at: str | None = None,
    ) -> list[Hit]:
        """The ``k`` best passages for a question, best first; fewer when there are no more.

        Args:
            question: In plain words.
            k: How many.
            how: Every stage of the search, or a ranking alone.
            within: What the caller may see and wants to see; by default what everyone may.
            documents: Look only in these.
            at: Name of a kept version to search; the newest by default. What was restricted since stays hidden.

        Raises:
            ProjectError: when there is no such version.
            StorageError: when the index cannot be read.
        """
        return self.search_timed(question, k, how, within=within, documents=documents, at=at)[0]

    def search_timed(
        self,
        question: str,
        k: int = 5,
        how: SearchPlan | Mode = "hybrid",
        *,
        within: Filter = EVERYONE,
        documents: Sequence[str] | None = None,
        at: str | None = None,
    ) -> tuple[list[Hit], dict[str, float]]:
        """As `search`, with the milliseconds of ``embed``, ``search``, ``total`` and of the models of other stages."""
        if documents is not None:
            within = replace(within, documents=tuple(documents))
        snapshot = self._snapshot(at)
        if at is not None:
            within = replace(within, without=self._withheld(within))
        hits, milliseconds = self._search.timed(snapshot, question, k, how, within=within)
        seen = EMPTY if snapshot is None else snapshot.version
        return [replace(hit, knowledge=seen) for hit in hits], milliseconds

    def _withheld(self, within: Filter) -> tuple[str, ...]:
        """Documents that are not for the caller now: an older version must not tell what was restricted since."""
        newest = self._store.snapshot()
        return () if newest is None else tuple(newest.withheld(within))

    @property
    def alpha(self) -> float | None:
        """Weight of the dense score in hybrid search; None fuses the ranks."""
        return self._search.alpha

    @alpha.setter
    def alpha(self, alpha: float | None) -> None:
        self._search.alpha = alpha

    def learn_alpha(self, labelled: Sequence[tuple[str, Set[str]]]) -> float:
        """Learn the weight of the dense score from questions with the ids of their relevant documents, and keep it.

        See `Ranking.learn_alpha`.
        """
        return self._search.learn_alpha(self._store.snapshot(), labelled)


def _silent(done: int, total: int | None, unit: str) -> None:
    """No progress is shown."""


def _nobody_knows() -> None:
    """How many documents there are would cost more than the sync."""
