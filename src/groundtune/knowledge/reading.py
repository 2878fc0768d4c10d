"""Sources as a stream of entries: what changed is read, what did not is counted, what cannot be read is reported."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

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


class _Begun(NamedTuple):
    """A file whose items are due in its turn; ``at_hand``: nothing has to be read for them."""

    at_hand: bool
    items: Callable[[], Iterator[Item]]


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
        begun: deque[_Begun] = deque()
        same: list[str] = []
        for file in files:
            found = _looked_at(file, fingerprints)
            if not begun and isinstance(found, Fingerprint) and not found.failures and self._claimed(found, file):
                fingerprints.keep(file.source, found)  # what nearly every file of nearly every sync comes to
                same.extend(found.documents)
                continue
            if same:
                yield Unchanged(tuple(same))
                same.clear()
            begun.append(self._begun(file, found, fingerprints, conversion))
            while begun and (begun[0].at_hand or len(begun) > _AHEAD):
                yield from begun.popleft().items()
        for waiting in begun:
            yield from waiting.items()
        if same:
            yield Unchanged(tuple(same))

    def closed(self, folders: Iterable[str], fingerprints: Fingerprints) -> Iterator[Item]:
        """What was read before below folders that cannot be opened now; after `files`."""
        for folder in folders:
            for source in fingerprints.missing_below(folder):
                yield from self._kept(source, fingerprints)

    def _begun(
        self,
        file: SourceFile,
        found: Fingerprint | OSError | None,
        fingerprints: Fingerprints,
        conversion: Conversion,
    ) -> _Begun:
        if isinstance(found, Fingerprint):
            return _Begun(True, partial(self._again, file, found, fingerprints, conversion))
        try:
            if found is not None:
                raise found
            fingerprint = fingerprints.take(file)
        except OSError as error:
            return _Begun(True, partial(self._closed, file, fingerprints, error))
        return _Begun(False, partial(self._read, file, fingerprint, fingerprints, conversion.start(file)))

    def _again(
        self, file: SourceFile, same: Fingerprint, fingerprints: Fingerprints, conversion: Conversion
    ) -> Iterator[Item]:
        """A file that is what it was: read only when something else about its documents is not."""
        if not self._claimed(same, file):
            yield from self._read(file, same, fingerprints, conversion.start(file))
            return
        fingerprints.keep(file.source, same)
        yield Unchanged(tuple(same.documents))
        yield from same.failures

    def _closed(self, file: SourceFile, fingerprints: Fingerprints, error: OSError) -> Iterator[Item]:
        yield from self._kept(file.source, fingerprints)
        reason = f"it cannot be opened: {error.strerror or error}"
        yield Failure(file.source, reason, _OPEN, "unreachable", transient=True)

    def _claimed(self, fingerprint: Fingerprint, file: SourceFile) -> bool:
        """Take the documents that the file gave, unless reading it again would give others: the index must have all of
        them, and the ids of other files' documents must be theirs as they were."""
        stored, taken, documents = self._stored, self._taken, fingerprint.documents
        for id_, content in documents.items():
            if stored.get(id_) != content or id_ in taken:
                return False
        for id_, owner in fingerprint.refused.items():
            if (file.source if id_ in documents else taken.get(id_)) != owner:
                return False
        # A file's id is its path, unless another source has the same path: then what is there beside it matters.
        if documents and file.id not in documents and file.format != "rows":
            return False
        for id_ in documents:
            taken[id_] = file.source
        return True

    def _kept(self, source: str, fingerprints: Fingerprints) -> Iterator[Item]:
        """What was read before of a source that cannot be read now, less what another file or its start gave since."""
        known = fingerprints.known(source)
        if known is not None:
            fingerprints.keep(source, known._replace(settled=False))
            kept = tuple(id_ for id_ in known.documents if id_ in self._stored and id_ not in self._taken)
            self._taken.update(dict.fromkeys(kept, source))
            yield Unchanged(kept)

    def _read(
        self, file: SourceFile, fingerprint: Fingerprint, fingerprints: Fingerprints, pending: Pending
    ) -> Iterator[Item]:
        documents: dict[str, str] = {}
        failures: list[Failure] = []
        refused: dict[str, str] = {}
        for result in pending():
            if isinstance(result, Document) and result.id in self._taken:
                refused[result.id] = self._taken[result.id]
            item = self._compared(Entry(result)) if isinstance(result, Document) else result
            if isinstance(item, Prepared):
                documents[item.entry.document.id] = item.content
            elif isinstance(item, Unchanged):
                documents.update({id_: self._stored[id_] for id_ in item.documents})
            elif item.transient:
                yield from self._kept(file.source, fingerprints)
                yield item
                return
            else:
                failures.append(item)
            yield item
        read = fingerprint._replace(documents=documents, failures=failures, refused=refused)
        fingerprints.keep(file.source, read)

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
        title = document.title if document.titled else ""
        if entry.answer is not None:
            pieces = [self._splitter.whole(document.text, title)]
        else:
            pieces = self._splitter.split(document.text, title)
        if not pieces:
            return Failure(document.source, "it holds no words", "Put text into it, or remove it from the sources.")
        self._taken[document.id] = document.source
        return Prepared(entry, content, pieces)


def _looked_at(file: SourceFile, fingerprints: Fingerprints) -> Fingerprint | OSError | None:
    """Its fingerprint when it is what it was, or why nobody can tell."""
    try:
        return fingerprints.unchanged(file)
    except OSError as error:
        return error
