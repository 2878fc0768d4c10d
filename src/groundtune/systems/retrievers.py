"""Where a system's passages come from: the knowledge base, or, to prove a cause, the gold evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from groundtune.records import Evidence, Hit, Passage, Query

if TYPE_CHECKING:
    from groundtune.knowledge import Filter, KnowledgeBase, Mode, SearchPlan


class Retriever(Protocol):
    """Finds the passages that a model is given with a query."""

    def retrieve(self, query: Query) -> list[Hit]:
        """The passages for the query, best first; empty when there is nothing to give."""
        ...


@runtime_checkable
class Versioned(Protocol):
    """A retriever that knows which version of the knowledge base it searches."""

    @property
    def version(self) -> str | None:
        """Name of the version that is searched now."""
        ...


@dataclass(frozen=True, slots=True)
class KnowledgeRetriever:
    """Searches the knowledge base with the question alone: it never sees answers or evidence labels."""

    knowledge: KnowledgeBase
    passages: int
    how: SearchPlan | Mode = "hybrid"

    def retrieve(self, query: Query) -> list[Hit]:
        """The best passages for the question."""
        return self.knowledge.search(query.question, self.passages, self.how, within=_seen_by(query))

    @property
    def version(self) -> str:
        """Name of the knowledge version that is searched now."""
        return self.knowledge.version


@dataclass(frozen=True, slots=True)
class GoldEvidence:
    """Gives exactly the labelled evidence: a counterfactual arm of the diagnosis, never a product.

    Where the label names only a document, that document's passages nearest to the question stand for it.
    """

    knowledge: KnowledgeBase
    passages: int

    def retrieve(self, query: Query) -> list[Hit]:
        """The passages that hold the query's evidence; empty when it has no label."""
        found: dict[str, Passage] = {}
        for evidence in query.evidence:
            for passage in self._passages(query, evidence):
                found.setdefault(passage.id, passage)
        kept = list(found.values())[: self.passages]
        return [Hit(rank=rank, score=1.0, passage=passage) for rank, passage in enumerate(kept, start=1)]

    def _passages(self, query: Query, evidence: Evidence) -> Sequence[Passage]:
        within = _seen_by(query)
        span = evidence_span(self.knowledge, evidence, within)
        if span is not None:
            return overlapping(self.knowledge.passages_of(evidence.doc, within), span)
        hits = self.knowledge.search(query.question, self.passages, within=within, documents=[evidence.doc])
        return [hit.passage for hit in hits]


def _seen_by(query: Query) -> Filter:
    from groundtune.knowledge import Filter

    return Filter(groups=frozenset(query.groups))


def evidence_span(knowledge: KnowledgeBase, evidence: Evidence, within: Filter | None = None) -> tuple[int, int] | None:
    """Where in its document the evidence stands, end exclusive; None where the label does not say, or the caller may
    not read it (a caller without groups where none is given)."""
    if evidence.start is not None and evidence.end is not None:
        return evidence.start, evidence.end
    from groundtune.knowledge import EVERYONE

    document = knowledge.document(evidence.doc, within or EVERYONE) if evidence.quote else None
    if document is None or evidence.quote is None:
        return None
    start = document.text.find(evidence.quote)
    return None if start < 0 else (start, start + len(evidence.quote))


def overlapping(passages: Sequence[Passage], span: tuple[int, int]) -> list[Passage]:
    """The passages that share text with a span of their document."""
    return [passage for passage in passages if passage.start < span[1] and span[0] < passage.end]
