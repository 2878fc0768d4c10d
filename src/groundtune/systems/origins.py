"""Where in the project's documents a passage stands that other people's code gave."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from groundtune.records import Citation, Document, Hit, Passage
from groundtune.systems.given import GivenPassage, given_passages

if TYPE_CHECKING:
    from groundtune.knowledge import KnowledgeBase

__all__ = ["Origins"]

_LIKELY = 3
"""Documents in which a passage without a source is looked for: the best of a search by words."""

_KEPT = 256
"""Documents that are kept in memory."""


class Origins:
    """Finds the places in the project's documents that given passages come from.

    Diagnosis compares passages with labelled evidence, and citations lead into documents, so both need these places. A
    passage is found when its words stand in the document one after the other, whatever is between them. One that is not
    found keeps the document that its source names, without a place in it; a source that names none of the project's
    documents is taken as a document of its own.
    """

    def __init__(self, knowledge: KnowledgeBase | None = None) -> None:
        """Look in these documents; None where the project has none."""
        self._knowledge = knowledge
        self._version = ""
        self._names: list[str] = []
        self._document: Callable[[str], Document | None] = _none

    def hits(self, given: object, what: str, limit: int | None = None) -> list[Hit]:
        """Given passages as hits, best first, each once.

        Args:
            given: An iterable of passages in any form that `given_passages` knows.
            what: Who gave them, for messages.
            limit: Most hits; further passages are left out.

        Raises:
            ProjectError: when something is no passage; says what was got and what is allowed.
        """
        self._look_anew()
        found: dict[str, tuple[Passage, float | None]] = {}
        for item in given_passages(given, what):
            passage, score = self._passage(item)
            found.setdefault(passage.id, (passage, score))
            if len(found) == limit:
                break
        scores = _falling([score for _, score in found.values()])
        return [
            Hit(rank=rank, score=score, passage=passage)
            for rank, (score, (passage, _)) in enumerate(zip(scores, found.values(), strict=True), start=1)
        ]

    def cite(self, quote: str, hits: Sequence[Hit]) -> Citation | None:
        """The first passage that holds the words of a quote, as a citation; None when no passage does."""
        for passage in (hit.passage for hit in hits):
            if span := _find(quote, passage.text):
                return self._citation(passage, *span)
        return None

    def _citation(self, passage: Passage, start: int, end: int) -> Citation:
        document = self._document(passage.document)
        quote = passage.text[start:end]
        place = (passage.start + start, passage.start + end)
        if document is not None and document.text[slice(*place)] != quote:
            place = _find(quote, document.text, passage.start) or (passage.start, passage.end)
        return Citation(
            passage=passage.id,
            document=passage.document,
            source=passage.source,
            quote=quote,
            start=place[0],
            end=place[1],
            page=document.page_at(place[0]) if document else passage.page_at(place[0]),
        )

    def _passage(self, item: GivenPassage | Passage | Hit) -> tuple[Passage, float | None]:
        if isinstance(item, Hit):
            return item.passage, item.score
        if isinstance(item, Passage):
            return item, None
        return self._placed(item), item.score

    def _placed(self, given: GivenPassage) -> Passage:
        document, span = self._origin(given)
        if document is None:
            name = given.source or f"passage-{_short(given.text)}"
            start, end = 0, len(given.text)
        else:
            name = document.id
            start, end = span or (0, 0)
        place = f"{start}-{end}" if span else _short(given.text)
        return Passage(
            id=given.id or f"{name}#{place}",
            document=name,
            source=document.source if document else given.source,
            title=given.title or (document.title if document else ""),
            headings=given.headings,
            start=start,
            end=end,
            text=given.text,
            answer=given.answer,
            page=document.page_at(start) if document and span else None,
            page_breaks=document.page_breaks(start, end) if document and span else (),
        )

    def _origin(self, given: GivenPassage) -> tuple[Document | None, tuple[int, int] | None]:
        if given.source:
            name = _matching(given.source, self._names)
            named = self._document(name) if name else None
            return named, _find(given.text, named.text, given.start or 0) if named else None
        for name in self._likely(given.text):
            document = self._document(name)
            if document and (span := _find(given.text, document.text)):
                return document, span
        return None, None

    def _likely(self, text: str) -> list[str]:
        if self._knowledge is None:
            return []
        hits = self._knowledge.search(text, 2 * _LIKELY, "lexical")
        return list(islice(dict.fromkeys(hit.passage.document for hit in hits), _LIKELY))

    def _look_anew(self) -> None:
        """Forget what was read where the documents have changed since."""
        version = self._knowledge.version if self._knowledge else ""
        if self._knowledge is not None and version != self._version:
            self._names = self._knowledge.documents()
            self._document = lru_cache(maxsize=_KEPT)(self._knowledge.document)
            self._version = version


def _none(_: str) -> Document | None:
    return None


def _matching(source: str, names: Sequence[str]) -> str | None:
    """The document that a path means: the longest id that it ends with, else the only id that ends with it."""
    path = source.replace("\\", "/").rstrip("/")
    within = [name for name in names if path == name or path.endswith(f"/{name}")]
    if within:
        return max(within, key=len)
    longer = [name for name in names if name.endswith(f"/{path}")]
    return longer[0] if len(longer) == 1 else None


def _find(text: str, where: str, start: int = 0) -> tuple[int, int] | None:
    """Where a text stands in another: as it is, else its words one after the other with anything but words between."""
    exact = start if where.startswith(text, start) else where.find(text)
    if exact >= 0:
        return exact, exact + len(text)
    words = re.findall(r"\w+", text)
    found = re.search(r"\W++".join(words), where) if words else None
    return found.span() if found else None


def _falling(scores: Sequence[float | None]) -> list[float]:
    """Scores that fall with the rank: those that were given, else the inverse of the rank."""
    known = [score for score in scores if score is not None]
    if len(known) == len(scores) and all(higher >= lower for higher, lower in pairwise(known)):
        return known
    return [1.0 / rank for rank in range(1, len(scores) + 1)]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
