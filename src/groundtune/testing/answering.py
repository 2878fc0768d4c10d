"""An answerer that needs no model: it quotes the first document whose words are in the question, or abstains."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence

from groundtune.records import Answer, Citation, Document, Hit, Passage, Usage


class FakeAnswerer:
    """Answers from whole documents by counting shared words; deterministic and instant.

    Args:
        documents: What it can cite.
        error: When given, the system ``tuned`` fails with these words.
    """

    def __init__(self, documents: Sequence[Document], *, error: str | None = None) -> None:
        self._documents = {document.id: document for document in documents}
        self._error = error

    @property
    def default(self) -> str:
        """Retrieval without tuning."""
        return "rag"

    def systems(self) -> Sequence[str]:
        """Three of the four systems."""
        return ("prompt", "rag", "tuned")

    def ask(self, question: str, system: str | None = None, groups: Sequence[str] = ()) -> Answer:
        """Quote the best document; ``prompt`` repeats the question, ``tuned`` may fail."""
        name = system or self.default
        if name == "prompt":
            return Answer(query="", system=name, text=question, milliseconds={"total": 1.0})
        if name == "tuned" and self._error is not None:
            return Answer(query="", system=name, text="", error=self._error)
        hits, milliseconds = self.search(question, 1, groups)
        if not hits:
            return Answer(
                query="", system=name, text="", reason="No document speaks of this.", milliseconds=milliseconds
            )
        passage = hits[0].passage
        citation = Citation(
            passage=passage.id,
            document=passage.document,
            source=passage.source,
            quote=passage.text,
            start=passage.start,
            end=passage.end,
        )
        usage = Usage(input_tokens=len(question.split()), output_tokens=len(passage.text.split()))
        return Answer(
            query="",
            system=name,
            text=passage.text,
            citations=(citation,),
            hits=tuple(hits),
            confidence=0.75,
            usage=usage,
            milliseconds=milliseconds,
        )

    def stream(
        self, question: str, system: str | None = None, groups: Sequence[str] = ()
    ) -> Generator[str | Answer, None, None]:
        """The same answer, word by word."""
        answer = self.ask(question, system, groups)
        yield from re.findall(r"\s*\S+|\s+$", answer.text)
        yield answer

    def search(self, question: str, k: int, groups: Sequence[str] = ()) -> tuple[Sequence[Hit], Mapping[str, float]]:
        """Sentences that share a word of four letters or more with the question, most shared words first."""
        wanted = _words(question)
        found = [
            (len(shared), passage)
            for document in self._documents.values()
            if _may_read(document, groups)
            for passage in _sentences(document)
            if (shared := wanted & _words(passage.text))
        ]
        found.sort(key=lambda pair: -pair[0])
        hits = [
            Hit(rank=rank, score=float(score), passage=passage) for rank, (score, passage) in enumerate(found[:k], 1)
        ]
        return hits, {"embed": 0.5, "search": 0.5, "total": 1.0}

    def document(self, document_id: str, groups: Sequence[str] = ()) -> Document | None:
        """The document that was given with this id."""
        document = self._documents.get(document_id)
        return document if document is not None and _may_read(document, groups) else None


def _may_read(document: Document, groups: Sequence[str]) -> bool:
    return not document.groups or not set(document.groups).isdisjoint(groups)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{4,}", text.lower()))


def _sentences(document: Document) -> list[Passage]:
    return [
        Passage(
            id=f"{document.id}#{match.start()}",
            document=document.id,
            source=document.source,
            title=document.title,
            headings=(document.title,),
            start=match.start(),
            end=match.end(),
            text=match[0],
        )
        for match in re.finditer(r"[^.#\n][^.\n]*\.?", document.text)
    ]
