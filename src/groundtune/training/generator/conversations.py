"""Examples as the conversations to train on: exactly the form in which the systems will ask.

One adapter serves both tuned systems, so each example is told twice: without passages, and with passages in the manner
of RAFT (Zhang et al. 2024, arXiv 2403.10131): the evidence among the project's own retriever's distractors, at a place
that says nothing, and for a share of the examples distractors alone, which teach to abstain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal, Protocol

from groundtune.models.embedded.sentences import sentences
from groundtune.models.messages import render_example
from groundtune.records import Message, Passage, Prompt, Quote
from groundtune.training.rows import TrainingRow, answering, locate, word_f1

__all__ = ["Conversation", "Form", "Mix", "Template", "asking", "conversations"]

Form = Literal["plain", "evidence", "no_evidence", "retrieved"]
"""Without passages; with evidence among distractors; distractors alone; what retrieval gives, as it gives it."""

_LONGEST_QUOTE = (
    400  # characters; a longer "sentence" is a table or a listing, of which the answer's own span is enough
)


class Template(Protocol):
    """What a project's prompts are made with."""

    def fill(self, question: str, passages: Sequence[Passage] = ()) -> Prompt:
        """The prompt for one question, with or without passages."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation whose last turn, the model's, is to be learned."""

    id: str
    form: Form
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How passages are put into the conversations.

    Attributes:
        passages: Most passages of one prompt: what the systems with retrieval are given.
        without_evidence: Share in [0, 1] of the conversations with passages that hold no evidence.
        seed: Of every draw; each example draws for itself, so one more example changes no other.
    """

    passages: int = 5
    without_evidence: float = 0.2
    seed: int = 13


def conversations(
    rows: Iterable[TrainingRow],
    template: Template,
    mix: Mix,
    *,
    quotes: Mapping[str, Sequence[Quote]] | None = None,
) -> list[Conversation]:
    """Tell each example in the forms in which the systems will ask.

    Grounded answers (task ``answer`` over documents) get evidence and distractors. All other tasks, and retrieved
    demonstrations, get what retrieval gives, because an abstention is no answer there.

    Args:
        rows: Examples with what the retriever found for them, a few passages more than ``mix.passages``.
        template: The project's own, with its few-shot examples; one that is the example itself is not shown to it.
        mix: How passages are put in.
        quotes: By id of an example, spans of `answering` passages to cite; by default the sentence with the answer.

    Returns:
        In order; an example without known evidence has its plain form alone.
    """
    told: list[Conversation] = []
    for row in rows:
        told.append(_told(row, "plain", asking(template, row), row.answer))
        told.extend(_with_passages(row, template, mix, (quotes or {}).get(row.id)))
    return told


def _told(
    row: TrainingRow, form: Form, prompt: Prompt, answer: str | None, quotes: Sequence[Quote] = ()
) -> Conversation:
    return Conversation(id=row.id, form=form, messages=tuple(render_example(prompt, answer, quotes)))


def asking(template: Template, row: TrainingRow, passages: Sequence[Passage] = ()) -> Prompt:
    """The prompt as a system would ask, but never with the solution among the few-shot examples."""
    prompt = template.fill(row.question, passages)
    return replace(prompt, examples=tuple(shown for shown in prompt.examples if shown.question != row.question))


def _with_passages(
    row: TrainingRow, template: Template, mix: Mix, quotes: Sequence[Quote] | None
) -> list[Conversation]:
    grounded = template.fill(row.question).task == "answer" and all(p.answer is None for p in row.passages)
    if not grounded:
        given = row.passages[: mix.passages]
        return [_told(row, "retrieved", asking(template, row, given), row.answer)] if given else []
    gold = answering(row)
    if not gold:
        return []
    draw = Random(f"{mix.seed}:{row.id}")
    size = draw.randint(min(2, mix.passages), mix.passages)
    alone = _elsewhere(row, gold)[:size]
    if draw.random() < mix.without_evidence and alone:
        draw.shuffle(alone)
        return [_told(row, "no_evidence", asking(template, row, alone), None)]
    cited = [(gold[quote.passage], quote.start, quote.end) for quote in quotes] if quotes else [_support(row, gold)]
    shown = _among_distractors(row, gold, [passage for passage, _, _ in cited], size)
    draw.shuffle(shown)
    at = {passage.id: place for place, passage in enumerate(shown)}
    spans = [Quote(passage=at[passage.id], start=start, end=end) for passage, start, end in cited]
    return [_told(row, "evidence", asking(template, row, shown), row.answer, spans)]


def _among_distractors(row: TrainingRow, gold: Sequence[Passage], cited: Sequence[Passage], size: int) -> list[Passage]:
    """The cited passages, further evidence, and the hardest distractors; at least one of these where there is room."""
    evidence = list({passage.id: passage for passage in (*cited, *gold)}.values())
    evidence = evidence[: max(len({passage.id for passage in cited}), size - 1)]
    return [*evidence, *_distractors(row, gold)[: max(0, size - len(evidence))]]


def _distractors(row: TrainingRow, gold: Sequence[Passage]) -> list[Passage]:
    """What the retriever found that is no evidence and does not hold the answer, hardest first."""
    known = {passage.id for passage in gold}
    return [p for p in row.passages if p.id not in known and locate(row.answer, p.text) is None]


def _elsewhere(row: TrainingRow, gold: Sequence[Passage]) -> list[Passage]:
    """Distractors of other documents: the evidence's own document may give the answer in other words as well."""
    documents = {passage.document for passage in gold}
    return [passage for passage in _distractors(row, gold) if passage.document not in documents]


def _support(row: TrainingRow, gold: Sequence[Passage]) -> tuple[Passage, int, int]:
    """The sentence to cite: the one with the answer, else the labelled passages' nearest to question and answer."""
    for passage in gold:
        if span := locate(row.answer, passage.text):
            return (passage, *_sentence_around(passage.text, span))
    said = f"{row.question} {row.answer}"
    spans = [(passage, span) for passage in gold for span in sentences(passage.text)]
    if not spans:
        return gold[0], 0, len(gold[0].text)
    passage, span = max(spans, key=lambda found: word_f1(said, found[0].text[slice(*found[1])]))
    return (passage, *span)


def _sentence_around(text: str, span: tuple[int, int]) -> tuple[int, int]:
    touched = [one for one in sentences(text) if one[0] < span[1] and span[0] < one[1]]
    if not touched:
        return span
    start, end = min(span[0], touched[0][0]), max(span[1], touched[-1][1])
    return (start, end) if end - start <= _LONGEST_QUOTE else span
