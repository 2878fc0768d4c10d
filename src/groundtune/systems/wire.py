"""The JSON that answers and searches become; the same over HTTP and on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from groundtune.records import Answer, Citation, Hit
from groundtune.systems.clarifying import clarifying_question, nearest_topics


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationView:
    """A verbatim quote; ``start`` and ``end`` are offsets into the text of ``document``; ``page`` counts from 1."""

    source: str
    quote: str
    start: int
    end: int
    document: str
    passage: str
    page: int | None

    @classmethod
    def of(cls, citation: Citation) -> CitationView:
        """The citation as it is sent."""
        return cls(
            source=citation.source,
            quote=citation.quote,
            start=citation.start,
            end=citation.end,
            document=citation.document,
            passage=citation.passage,
            page=citation.page,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """One answer. ``usage`` and ``milliseconds`` hold what was measured and nothing else.

    Attributes:
        knowledge: Name of the knowledge version that it saw.
        topics: Of an abstention, titles and headings of the nearest passages.
        clarifying_question: A question back that names them; None where there is nothing to ask.
    """

    text: str
    abstained: bool
    reason: str | None
    citations: list[CitationView]
    system: str
    usage: dict[str, int]
    milliseconds: dict[str, float]
    confidence: float | None
    knowledge: str | None
    topics: list[str]
    clarifying_question: str | None

    @classmethod
    def of(cls, answer: Answer) -> AnswerView:
        """The answer as it is sent."""
        return cls(
            text=answer.text,
            abstained=answer.abstained,
            reason=answer.reason,
            citations=[CitationView.of(citation) for citation in answer.citations],
            system=answer.system,
            usage=_usage(answer),
            milliseconds={stage: round(value, 3) for stage, value in answer.milliseconds.items()},
            confidence=answer.confidence,
            knowledge=answer.knowledge,
            topics=list(nearest_topics(answer.hits)) if answer.abstained else [],
            clarifying_question=clarifying_question(answer),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HitView:
    """One retrieved passage.

    ``start`` and ``end`` are offsets into the text of ``document``, ``page`` is from 1; ``above`` is the header row of
    a table or the first line of a code block that it continues.
    """

    rank: int
    score: float
    source: str
    title: str
    headings: list[str]
    start: int
    end: int
    above: str
    text: str
    document: str
    passage: str
    page: int | None

    @classmethod
    def of(cls, hit: Hit) -> HitView:
        """The hit as it is sent."""
        passage = hit.passage
        return cls(
            rank=hit.rank,
            score=hit.score,
            source=passage.source,
            title=passage.title,
            headings=list(passage.headings),
            start=passage.start,
            end=passage.end,
            above=passage.above,
            text=passage.text,
            document=passage.document,
            passage=passage.id,
            page=passage.page,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchView:
    """The passages found, best first, how long each stage took, and the knowledge version where something was found."""

    hits: list[HitView]
    milliseconds: dict[str, float]
    knowledge: str | None

    @classmethod
    def of(cls, hits: Sequence[Hit], milliseconds: Mapping[str, float]) -> SearchView:
        """The search as it is sent."""
        return cls(
            hits=[HitView.of(hit) for hit in hits],
            knowledge=hits[0].knowledge if hits else None,
            milliseconds={stage: round(value, 3) for stage, value in milliseconds.items()},
        )


def _usage(answer: Answer) -> dict[str, int]:
    counts = asdict(answer.usage) if answer.usage else {}
    return {name: count for name, count in counts.items() if count is not None}
