"""A system: a model, a prompt, and perhaps a retriever."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol, runtime_checkable

from groundtune.errors import ModelError
from groundtune.models import Model
from groundtune.models.embedded.markup import plain
from groundtune.records import Answer, Citation, Hit, Passage, Prompt, Query, Quote, Reply
from groundtune.systems.pieces import PlainPieces
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.retrievers import Retriever, Versioned
from groundtune.systems.sufficiency import Sufficiency, signals

NOTHING_FOUND = "nothing in the documents matches the question"
NOT_SURE = "what was found does not answer the question surely enough"


@runtime_checkable
class StreamsReplies(Protocol):
    """A model that can also be read while it writes."""

    def stream(self, prompt: Prompt) -> Iterator[str | Reply]:
        """What a person may read, piece by piece, then the whole reply.

        Raises:
            ModelError: also half way.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One query under way; there is no prompt where nothing was found to put into it. Times are of `perf_counter`."""

    query: Query
    hits: list[Hit]
    prompt: Prompt | None
    began: float
    retrieved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Answers queries: one cell of the 2x2, or a counterfactual arm with one part exchanged.

    Attributes:
        id: The name in results, for example ``tuned_rag``.
        model: Base or tuned weights: the first switch.
        retriever: None is the prompt alone: the second switch.
        answer_from: Least confidence in [0, 1] with which it answers; below, it abstains. Calibrated on dev.
        sufficiency: Makes the confidence from what was found and from the model's own; None takes the model's own.
    """

    id: str
    model: Model
    template: PromptTemplate
    retriever: Retriever | None = None
    answer_from: float = 0.0
    sufficiency: Sufficiency | None = None

    def answer(self, query: Query) -> Answer:
        """Answer one query; a failing model gives an answer with ``error`` set, not an exception.

        Raises:
            BudgetSpent: when there is a budget, and it does not allow to ask the model.
        """
        asked = self._ask(query)
        if asked.prompt is None:
            return self._finish(asked, None)
        try:
            return self._finish(asked, self.model.reply(asked.prompt))
        except ModelError as failure:
            return self._finish(asked, None, error=str(failure))

    def stream(self, query: Query) -> Generator[str | Answer, None, None]:
        """Answer one query piece by piece; the last item is the whole `Answer`, as of `answer`.

        The pieces make up its text, in one piece where the model cannot be read while it writes. Only the `Answer`
        counts: it alone has citations, and it may say that the model failed half way or abstained after all. Closing
        the generator closes the model's stream.

        Raises:
            BudgetSpent: as of `answer`.
        """
        asked = self._ask(query)
        if asked.prompt is None:
            yield self._finish(asked, None)
            return
        pieces = PlainPieces(keep_markup=self.template.task != "answer")
        reply: Reply | None = None
        error: str | None = None
        try:
            for item in self._replies(asked.prompt):
                if isinstance(item, Reply):
                    reply = item
                elif new := pieces.add(item):
                    yield new
        except ModelError as failure:
            error = str(failure)
        if reply is None and error is None:
            error = "the model's stream ended before its reply was whole"
        answer = self._finish(asked, reply, error=error)
        if answer.text and (rest := pieces.rest(answer.text)):
            yield rest
        yield answer

    def _replies(self, prompt: Prompt) -> Iterator[str | Reply]:
        """What the model writes, as far as it shows it, then its reply."""
        if isinstance(self.model, StreamsReplies):
            return self.model.stream(prompt)
        return iter([self.model.reply(prompt)])

    def _ask(self, query: Query) -> _Asked:
        began = perf_counter()
        hits = self.retriever.retrieve(query) if self.retriever else []
        retrieved = perf_counter()
        found = self.retriever is None or bool(hits)
        prompt = self.template.fill(query.question, [hit.passage for hit in hits]) if found else None
        return _Asked(query=query, hits=hits, prompt=prompt, began=began, retrieved=retrieved)

    def _confidence(self, asked: _Asked, reply: Reply) -> float | None:
        if self.sufficiency is None or reply.reason is not None:
            return reply.confidence
        found = signals(asked.query.question, asked.hits, self._text(reply), reply.confidence)
        return self.sufficiency.probability(found)

    def _reason(self, reply: Reply, confidence: float | None) -> str | None:
        if reply.reason is not None:
            return reply.reason
        unsure = confidence is not None and confidence < self.answer_from
        return NOT_SURE if unsure or not self._text(reply) else None

    def _text(self, reply: Reply) -> str:
        """What is said: a quoted answer without the markup around its words; the citation stays verbatim."""
        return plain(reply.text) if self.template.task == "answer" else reply.text

    def _finish(self, asked: _Asked, reply: Reply | None, *, error: str | None = None) -> Answer:
        prompt = asked.prompt
        confidence = self._confidence(asked, reply) if reply else None
        reason = NOTHING_FOUND if prompt is None else self._reason(reply, confidence) if reply else None
        said = reply if reason is None else None
        return Answer(
            query=asked.query.id,
            system=self.id,
            text=self._text(said) if said else "",
            reason=reason,
            citations=cite([hit.passage for hit in asked.hits], said.quotes) if said else (),
            hits=tuple(asked.hits),
            confidence=confidence,
            usage=reply.usage if reply else None,
            milliseconds=self._milliseconds(asked, reply),
            error=error,
            model=self.model.name if prompt else None,
            template=prompt.version if prompt else None,
            from_cache=reply.from_cache if reply else False,
            knowledge=self._knowledge(asked.hits),
        )

    def _knowledge(self, hits: list[Hit]) -> str | None:
        """The version that the passages are of; where nothing was found, the one that was searched."""
        if hits:
            return hits[0].knowledge
        return self.retriever.version if isinstance(self.retriever, Versioned) else None

    def _milliseconds(self, asked: _Asked, reply: Reply | None) -> dict[str, float]:
        now = perf_counter()
        milliseconds = {"model": 1e3 * (now - asked.retrieved), "total": 1e3 * (now - asked.began)}
        if self.retriever:
            milliseconds["retrieve"] = 1e3 * (asked.retrieved - asked.began)
        if reply and reply.first_token_ms is not None:
            milliseconds["first_token"] = reply.first_token_ms
        return milliseconds


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
        page=passage.page_at(passage.start + quote.start),
    )
