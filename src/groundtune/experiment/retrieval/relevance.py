"""From evidence labels to what is relevant: documents, and passages where the label says where in the document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundtune.records import Query
from groundtune.systems.retrievers import evidence_span, overlapping

if TYPE_CHECKING:
    from groundtune.knowledge import KnowledgeBase

__all__ = ["Relevance", "relevance_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relevance:
    """What a good search finds, by query id.

    Attributes:
        documents: Ids of the documents that hold the evidence.
        passages: Ids of the passages that overlap it; only of queries all of whose evidence says where it stands.
        gone: Queries with evidence in documents that are not in the knowledge base: no search can find it.
    """

    documents: Mapping[str, Set[str]]
    passages: Mapping[str, Set[str]]
    gone: tuple[str, ...]


def relevance_of(queries: Iterable[Query], knowledge: KnowledgeBase) -> Relevance:
    """What is relevant to queries; those without evidence are left out, those whose evidence is gone are counted."""
    documents: dict[str, Set[str]] = {}
    passages: dict[str, Set[str]] = {}
    gone = []
    held = set(knowledge.documents())
    for query in queries:
        if not query.evidence:
            continue
        documents[query.id] = {evidence.doc for evidence in query.evidence}
        if not documents[query.id] <= held:
            gone.append(query.id)
        spans = [(evidence.doc, evidence_span(knowledge, evidence)) for evidence in query.evidence]
        exact = {
            passage.id
            for doc, span in spans
            if span is not None
            for passage in overlapping(knowledge.passages_of(doc), span)
        }
        if exact and all(span is not None for _, span in spans):
            passages[query.id] = exact
    return Relevance(documents=documents, passages=passages, gone=tuple(gone))
