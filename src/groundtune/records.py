"""The shared words of Groundtune: what flows between the layers.

Every record is immutable. Offsets are Python string (code point) offsets, end exclusive. Times are milliseconds.
A value that was not measured is ``None``, never zero.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Task = Literal["answer", "classify", "extract", "write"]
"""What a project asks of its model: a grounded answer, one label, a JSON object, or free text."""

SystemId = Literal["prompt", "rag", "tuned", "tuned_rag"]
"""The four cells of the 2x2 of weights and context."""

SYSTEM_IDS: tuple[SystemId, ...] = ("prompt", "rag", "tuned", "tuned_rag")
"""The four systems, simplest first: the order in which ties are broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One source text.

    Attributes:
        id: Unique in the project; a path below its source folder, or the id of a JSONL row.
        title: What a person would call the document.
        text: The clean text (Markdown) that every offset refers to.
        source: Where it came from, as a path or address that can be opened.
        metadata: Free string fields of the source.
        groups: Access groups that may read it; empty means everyone.
        pages: Where each page, slide or sheet begins in ``text``, ascending; empty for a text without pages.
        titled: False when the title is but the name of its file: it is shown and found by its words, and not embedded,
            so that a new name costs nothing.
    """

    id: str
    title: str
    text: str
    source: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    pages: tuple[int, ...] = ()
    titled: bool = True

    def page_at(self, offset: int) -> int | None:
        """The page, from 1, that a place in the text is on; None for a text without pages."""
        return bisect_right(self.pages, offset, 1) if self.pages else None

    def page_breaks(self, start: int, end: int) -> tuple[int, ...]:
        """Where pages begin after ``start`` and before ``end``."""
        return self.pages[bisect_right(self.pages, start, 1) : bisect_left(self.pages, end, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document: ``document.text[start:end] == text``.

    Attributes:
        headings: The path of headings above the passage, outermost first.
        answer: For a retrieved demonstration (a training example used as context), its ideal answer.
        page: The page that it begins on, from 1; None where the document has no pages.
        page_breaks: Where the pages after that begin inside it, as offsets into the document.
        above: What it goes on below: the header row of its table, or the line with the language of its code; "" for
            anything that begins by itself.
        titled: As of its document.
    """

    id: str
    document: str
    source: str
    title: str
    headings: tuple[str, ...]
    start: int
    end: int
    text: str
    answer: str | None = None
    page: int | None = None
    page_breaks: tuple[int, ...] = ()
    above: str = ""
    titled: bool = True

    def page_at(self, offset: int) -> int | None:
        """The page of a place inside the passage, given as an offset into the document."""
        return None if self.page is None else self.page + bisect_right(self.page_breaks, offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A retrieved passage; ``rank`` starts at 1, a higher ``score`` is better.

    Attributes:
        knowledge: Name of the knowledge version that it was found in; None where the retriever has no versions.
    """

    rank: int
    score: float
    passage: Passage
    knowledge: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where in the documents an answer stands; offsets or a quote where the label is that exact."""

    doc: str
    start: int | None = None
    end: int | None = None
    quote: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question with, when labelled, ideal answers, evidence, and whether it is answerable.

    Attributes:
        answers: Accepted answers; any one of them is right.
        answerable: False when the honest reply is an abstention; None when nobody said.
        split: The user's own assignment, where there is one.
        cluster: Queries of one cluster are not independent (same document, session or template).
        groups: Access groups of the caller; what is for other groups alone is never retrieved.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    answerable: bool | None = None
    evidence: tuple[Evidence, ...] = ()
    split: Literal["dev", "test"] | None = None
    cluster: str | None = None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation in the OpenAI chat format."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One training conversation; the last assistant turn is what the model should have said."""

    id: str
    messages: tuple[Message, ...]
    evidence: tuple[Evidence, ...] = ()

    @property
    def question(self) -> str:
        """The last user turn."""
        return next(m.content for m in reversed(self.messages) if m.role == "user")

    @property
    def answer(self) -> str:
        """The last assistant turn."""
        return next(m.content for m in reversed(self.messages) if m.role == "assistant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A solved case shown to the model: few-shot examples are a fixed tuple of these."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Everything that a model sees for one query; chat models get it rendered, the embedded model reads it as it is.

    Attributes:
        labels: The closed set to choose from (classify), else empty.
        schema: The JSON Schema that the reply must satisfy (extract, write), else None.
        datamark: Chat models get the passages with a mark between all words, against instructions hidden in them.
        version: Version of the template and instruction, stored with each answer.
    """

    task: Task
    instruction: str
    question: str
    examples: tuple[Demonstration, ...] = ()
    passages: tuple[Passage, ...] = ()
    labels: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    datamark: bool = False
    version: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A verbatim span of one passage of the prompt: ``prompt.passages[passage].text[start:end]``."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer, as the model counted them.

    Attributes:
        input_tokens: All tokens read, the cached ones included.
        output_tokens: All tokens written, those of its reasoning included.
        cached_tokens: The part of ``input_tokens`` that the server had in its own cache; None where it does not say.
        reasoning_tokens: The part of ``output_tokens`` spent on hidden reasoning; None where it does not say.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a chat model wrote for one conversation.

    Attributes:
        usage: None where the server does not count.
        finished: ``stop`` when the model ended by itself, ``length`` when it was cut at its limit.
        first_token_ms: Until the first piece arrived; None where it came in one piece.
        total_ms: Until the last.
        from_cache: It was answered before and is given again; its times are those of the first time.
    """

    text: str
    usage: Usage | None
    finished: Literal["stop", "length"]
    first_token_ms: float | None
    total_ms: float
    from_cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model made of one prompt.

    Attributes:
        text: The answer; empty when it abstained.
        reason: Why it abstained, in plain words; None when it answered.
        quotes: The spans of the prompt's passages that support the text.
        confidence: Probability in [0, 1] that the text is right, None where the model gives none.
        usage: None where nobody counted.
        first_token_ms: As in `Completion`.
        from_cache: As in `Completion`; its latency is not counted.
    """

    text: str
    reason: str | None
    quotes: tuple[Quote, ...]
    confidence: float | None
    usage: Usage | None
    first_token_ms: float | None = None
    from_cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Passage id and verbatim quote; ``start`` and ``end`` are offsets into the document's text, ``page`` is from 1."""

    passage: str
    document: str
    source: str
    quote: str
    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A system's answer to one query: text with citations, or an abstention with its reason.

    Attributes:
        system: Which system answered.
        hits: The passages that the model was given, best first.
        confidence: As in `Reply`.
        milliseconds: Stages that were measured (``retrieve``, ``first_token``, ``model``, ``total``).
        error: What failed, when the system could not answer at all; then ``text`` is empty.
        model: Name of the model that answered; None when it was not asked.
        template: Version of the prompt template that it was asked with.
        from_cache: The model had answered this before: its times are no latency.
        knowledge: Name of the knowledge version that it saw; None where it retrieved from none.
    """

    query: str
    system: str
    text: str
    reason: str | None = None
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    confidence: float | None = None
    usage: Usage | None = None
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    model: str | None = None
    template: str | None = None
    from_cache: bool = False
    knowledge: str | None = None

    @property
    def abstained(self) -> bool:
        """True when the system said that it does not know, as opposed to answering or failing."""
        return self.reason is not None and self.error is None
