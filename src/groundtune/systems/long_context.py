"""The whole corpus in the prompt, where it fits the model's window: what retrieval has to beat."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from groundtune.errors import GateClosed
from groundtune.models.messages import render
from groundtune.records import Answer, Hit, Passage, Query
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.system import System

if TYPE_CHECKING:
    from groundtune.knowledge import KnowledgeBase
    from groundtune.models import Model

__all__ = ["LongContext", "Window", "build_long_context", "estimate_tokens"]

_PER_MESSAGE = 8
"""Tokens that a chat format spends around a message, at most."""

_WEIGHTS = {
    "words": (re.compile(r"[A-Za-z]+"), 1 / 2.5),
    "digits and marks": (re.compile(r"[!-@\[-`{-~]"), 1.0),
    "white space": (re.compile(r"[\n\t]|  "), 1 / 4),
    "other letters": (re.compile(r"[^\W\x00-\x7f]+"), 1 / 2),
    "other signs": (re.compile(r"[^\w\x00-\x7f]+"), 3 / 4),
}
"""Tokens for each byte in UTF-8 of what a text is made of; a double blank has two."""


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, rather too many.

    Over 546 documents (manuals, PEPs, source code, converted office files) this was between 1.1 and 2.1 times what the
    tokenizers of GPT-4 (cl100k), GPT-4o (o200k), Claude 2 and BERT counted, for 98 of 100 of them. It falls short for
    images in base64 (0.7) and, a little, for some languages of long words (Finnish in cl100k: 0.97).
    """
    data = text.encode("utf-8", "replace").decode("utf-8")
    return round(0.5 + sum(len("".join(find.findall(data)).encode()) * weight for find, weight in _WEIGHTS.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a model can read and write at once.

    Attributes:
        tokens: Most tokens of a prompt with its answer; None where nobody knows.
        answer: Most tokens of the answer.
        count: Tokens of a text: by the model's own tokenizer, or estimated upward where it is not at hand.
    """

    tokens: int | None
    answer: int
    count: Callable[[str], int] = estimate_tokens


@dataclass(frozen=True, slots=True)
class WholeCorpus:
    """A retriever that gives every document, always in the same order, so that a server can keep them in its cache."""

    hits: tuple[Hit, ...]

    def retrieve(self, query: Query) -> list[Hit]:
        """All documents, whatever the question."""
        return list(self.hits)


@dataclass(frozen=True, slots=True)
class LongContext:
    """A system that is given the whole corpus; its answers keep the passages that they cite, not all of them."""

    system: System

    @property
    def id(self) -> str:
        """The name in results."""
        return self.system.id

    def answer(self, query: Query) -> Answer:
        """Answer one query; a failing model gives an answer with ``error`` set, not an exception."""
        answer = self.system.answer(query)
        cited = {citation.passage for citation in answer.citations}
        return replace(answer, hits=tuple(hit for hit in answer.hits if hit.passage.id in cited))


def build_long_context(
    model: Model, template: PromptTemplate, knowledge: KnowledgeBase, questions: Sequence[str], window: Window
) -> LongContext:
    """The arm ``long_context``: base weights over the whole corpus.

    Args:
        model: A chat model that receives prompts as messages.
        template: The one of the four systems.
        knowledge: Its documents are the corpus; demonstrations come with their answers.
        questions: What will be asked; the longest must fit too.
        window: Of the model.

    Raises:
        GateClosed: when the corpus does not fit, is empty, or the window is not known; says which and what to do.
    """
    if window.tokens is None:
        raise GateClosed(
            "The long-context arm needs the size of the model's window, and the endpoint does not tell it. "
            "Set [model] context_window."
        )
    longest = max(questions, key=len, default="")
    room = window.tokens - window.answer - _prompt_tokens(template, longest, (), window)
    passages = tuple(_fitting(knowledge, room, window))
    needed = _prompt_tokens(template, longest, passages, window) + window.answer
    if needed > window.tokens:
        raise GateClosed(_does_not_fit(f"come to about {needed:,} with rules and answer", window))
    hits = tuple(Hit(rank=rank, score=1.0, passage=passage) for rank, passage in enumerate(passages, start=1))
    system = System(id="long_context", model=model, template=template, retriever=WholeCorpus(hits))
    return LongContext(system)


def _fitting(knowledge: KnowledgeBase, room: int, window: Window) -> Iterator[Passage]:
    """The documents, as long as there is room: a large corpus is not read to its end to find that it does not fit."""
    names = knowledge.documents()
    if not names:
        raise GateClosed("The long-context arm needs documents, and the knowledge base is empty. Add some, then sync.")
    for number, name in enumerate(names, start=1):
        for passage in _whole(knowledge, name):
            room -= window.count(passage.text)
            if room < 0:
                raise GateClosed(
                    _does_not_fit(f"do not fit: it is full after {number - 1:,} of {len(names):,} documents", window)
                )
            yield passage


def _does_not_fit(how: str, window: Window) -> str:
    return (
        f"The long-context arm is left out: with a window of {window.tokens:,} tokens, the documents {how} (an "
        "estimate, rather too high). A model with a larger window, or fewer documents, would let it take part."
    )


def _whole(knowledge: KnowledgeBase, name: str) -> list[Passage]:
    document = knowledge.document(name)
    pieces = knowledge.passages_of(name)
    if document is None or any(piece.answer is not None for piece in pieces):
        return pieces
    end = len(document.text)
    return [
        Passage(
            id=f"{name}#0-{end}",
            document=name,
            source=document.source,
            title=document.title,
            headings=(),
            start=0,
            end=end,
            text=document.text,
            page=document.page_at(0),
            page_breaks=document.page_breaks(0, end),
        )
    ]


def _prompt_tokens(template: PromptTemplate, question: str, passages: Sequence[Passage], window: Window) -> int:
    messages = render(template.fill(question, passages))
    return sum(window.count(message.content) + _PER_MESSAGE for message in messages)
