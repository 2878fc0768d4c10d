"""Sources as a stream of entries: what changed is read, what did not is counted, what cannot be read is reported."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from groundtune.knowledge.access import AccessRules
from groundtune.knowledge.fingerprints import Fingerprint, Fingerprints
from groundtune.knowledge.passages import Splitter
from groundtune.knowledge.schema import Entry, Prepared, content_of
from groundtune.records import Document
from groundtune.sources import Conversion, Failure, Pending, SourceFile

__all__ = ["Item", "Reading", "Unchanged"]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Documents that the index already holds as they are."""

    documents: tuple[str, ...]


Item = Prepared | Unchanged | Failure

_AHEAD = 16
"""Files whose conversion is begun before they are needed."""
_OPEN = "Give read access to it; what was read of it before is kept."


class Reading:
    """Reads entries and compares them with what is stored.

    Args:
        stored: Content hash of each document in the index.
        splitter: Cuts what is new.
        recipe: Version of everything that turns a document into rows.
        access: Who may read what, by where it lies.
    """

    def __init__(self, stored: Mapping[str, str], splitter: Splitter, recipe: str, access: AccessRules) -> None:
        self._stored = stored
        self._splitter = splitter
        self._recipe = recipe
        self._access = access
        self._taken: dict[str, str] = {}

    def entries(self, entries: Iterable[Entry]) -> Iterator[Item]:
        """Compare entries that are at hand."""
        for entry in entries:
            yield self._compared(entry)

    def files(self, files: Iterable[SourceFile], fingerprints: Fingerprints, conversion: Conversion) -> Iterator[Item]:
        """Read files in their order, some of them ahead; each leaves its fingerprint, unless it cannot be read now."""
        begun: deque[Callable[[], Iterator[Item]]] = deque()
        for file in files:
            begun.append(self._begun(file, fingerprints, conversion))
            if len(begun) > _AHEAD:
                yield from begun.popleft()()
        while begun:
            yield from begun.popleft()()

    def _begun(
        self, file: SourceFile, fingerprints: Fingerprints, conversion: Conversion
    ) -> Callable[[], Iterator[Item]]:
        try:
            same = fingerprints.unchanged(file.source, file.path)
            if same is not None:
                return partial(self._again, file, same, fingerprints, conversion)
            fingerprint = fingerprints.take(file.path)
        except OSError as error:
            return partial(self._closed, file, fingerprints, error)
        return partial(self._read, file, fingerprint, fingerprints, conversion.start(file))

    def _again(
        self, file: SourceFile, same: Fingerprint, fingerprints: Fingerprints, conversion: Conversion
    ) -> Iterator[Item]:
        """A file that is what it was: read only when the index has lost something of it."""
        if not self._holds(same):
            yield from self._read(file, same, fingerprints, conversion.start(file))
            return
        yield from self._repeated(same, file.source)
        fingerprints.keep(file.source, same)

    def _closed(self, file: SourceFile, fingerprints: Fingerprints, error: OSError) -> Iterator[Item]:
        yield from self._kept(file, fingerprints)
        reason = f"it cannot be opened: {error.strerror or error}"
        yield Failure(file.source, reason, _OPEN, "unreachable", transient=True)

    def _holds(self, fingerprint: Fingerprint) -> bool:
        """True when the index has every document of the file, and no other file claims one of them."""
        return all(
            self._stored.get(id_) == content and id_ not in self._taken
            for id_, content in fingerprint.documents.items()
        )

    def _repeated(self, fingerprint: Fingerprint, source: str) -> Iterator[Item]:
        self._taken.update(dict.fromkeys(fingerprint.documents, source))
        yield Unchanged(tuple(fingerprint.documents))
        yield from fingerprint.failures

    def _kept(self, file: SourceFile, fingerprints: Fingerprints) -> Iterator[Item]:
        """What was read before of a file that cannot be read now, but for what another file or its start gave since."""
        known = fingerprints.known(file.source)
        if known is not None:
            fingerprints.keep(file.source, known)
            kept = tuple(id_ for id_ in known.documents if id_ in self._stored and id_ not in self._taken)
            self._taken.update(dict.fromkeys(kept, file.source))
            yield Unchanged(kept)

    def _read(
        self, file: SourceFile, fingerprint: Fingerprint, fingerprints: Fingerprints, pending: Pending
    ) -> Iterator[Item]:
        documents: dict[str, str] = {}
        failures: list[Failure] = []
        for result in pending():
            item = self._compared(Entry(result)) if isinstance(result, Document) else result
            if isinstance(item, Prepared):
                documents[item.entry.document.id] = item.content
            elif isinstance(item, Unchanged):
                documents.update({id_: self._stored[id_] for id_ in item.documents})
            elif item.transient:
                yield from self._kept(file, fingerprints)
                yield item
                return
            else:
                failures.append(item)
            yield item
        fingerprints.keep(file.source, replace(fingerprint, documents=documents, failures=failures))

    def _compared(self, entry: Entry) -> Item:
        document = self._access.applied(entry.document)
        entry = replace(entry, document=document)
        owner = self._taken.get(document.id)
        if owner is not None:
            reason = f"the id {document.id!r} is already used in {owner}"
            return Failure(document.source, reason, "Give each document an id of its own.")
        content = content_of(entry, self._recipe)
        if self._stored.get(document.id) == content:
            self._taken[document.id] = document.source
            return Unchanged((document.id,))
        if entry.answer is not None:
            pieces = [self._splitter.whole(document.text, document.title)]
        else:
            pieces = self._splitter.split(document.text, document.title)
        if not pieces:
            return Failure(document.source, "it holds no words", "Put text into it, or remove it from the sources.")
        self._taken[document.id] = document.source
        return Prepared(entry, content, pieces)
