"""A system: a model, a prompt, and perhaps a retriever."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from groundtune.errors import ModelError
from groundtune.models import Model
from groundtune.models.embedded.markup import plain
from groundtune.records import Answer, Citation, Hit, Passage, Query, Quote, Reply
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.retrievers import Retriever

NOTHING_FOUND = "nothing in the documents matches the question"
NOT_SURE = "what was found does not answer the question surely enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Answers queries: one cell of the 2x2, or a counterfactual arm with one part exchanged.

    Attributes:
        id: The name in results, for example ``tuned_rag``.
        model: Base or tuned weights: the first switch.
        retriever: None is the prompt alone: the second switch.
        answer_from: Least confidence in [0, 1] with which it answers; below, it abstains. Calibrated on dev.
    """

    id: str
    model: Model
    template: PromptTemplate
    retriever: Retriever | None = None
    answer_from: float = 0.0

    def answer(self, query: Query) -> Answer:
        """Answer one query; a failing model gives an answer with ``error`` set, not an exception."""
        began = perf_counter()
        hits = self.retriever.retrieve(query) if self.retriever else []
        retrieved = perf_counter()
        if self.retriever and not hits:
            return self._finish(query, None, hits, (began, retrieved), reason=NOTHING_FOUND)
        prompt = self.template.fill(query.question, [hit.passage for hit in hits])
        try:
            reply = self.model.reply(prompt)
        except ModelError as failure:
            return self._finish(query, None, hits, (began, retrieved), error=str(failure))
        return self._finish(query, reply, hits, (began, retrieved), reason=self._reason(reply))

    def _reason(self, reply: Reply) -> str | None:
        if reply.reason is not None:
            return reply.reason
        unsure = reply.confidence is not None and reply.confidence < self.answer_from
        return NOT_SURE if unsure else None

    def _text(self, reply: Reply) -> str:
        """What is said: a quoted answer without the markup around its words; the citation stays verbatim."""
        return plain(reply.text) if self.template.task == "answer" else reply.text

    def _finish(
        self,
        query: Query,
        reply: Reply | None,
        hits: list[Hit],
        clock: tuple[float, float],
        *,
        reason: str | None = None,
        error: str | None = None,
    ) -> Answer:
        began, retrieved = clock
        now = perf_counter()
        milliseconds = {"model": 1e3 * (now - retrieved), "total": 1e3 * (now - began)}
        if self.retriever:
            milliseconds["retrieve"] = 1e3 * (retrieved - began)
        text = self._text(reply) if reply and reason is None else ""
        answered = bool(text)
        if reply and reason is None and not answered:
            reason = NOT_SURE
        passages = [hit.passage for hit in hits]
        return Answer(
            query=query.id,
            system=self.id,
            text=text,
            reason=reason,
            citations=cite(passages, reply.quotes) if reply and answered else (),
            hits=tuple(hits),
            confidence=reply.confidence if reply else None,
            usage=reply.usage if reply else None,
            milliseconds=milliseconds,
            error=error,
        )


def cite(passages: list[Passage], quotes: tuple[Quote, ...]) -> tuple[Citation, ...]:
    """Quotes of prompt passages as citations of documents: verbatim, with offsets into the document."""
    return tuple(_citation(passages[quote.passage], quote) for quote in quotes if quote.passage < len(passages))


def _citation(passage: Passage, quote: Quote) -> Citation:
    return Citation(
        passage=passage.id,
        document=passage.document,
        source=passage.source,
        quote=passage.text[quote.start : quote.end],
        start=passage.start + quote.start,
        end=passage.start + quote.end,
    )
