"""Examples with their context: what the recipes train on.

One set of weights serves the systems with and without retrieval, so every example becomes rows of both kinds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from groundtune.records import Passage

WEAK_SPAN_F1 = 0.6
"""An answer that stands nowhere verbatim is pointed at the sentence that shares at least this much of its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """One solved case with the passages that a system would have been given.

    Attributes:
        passages: Retrieved for the question, never the example itself.
        gold: Passages known to hold the evidence; empty where no label says so.
    """

    id: str
    question: str
    answer: str
    passages: tuple[Passage, ...] = ()
    gold: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """A question over one passage; ``span`` is where the answer stands, None when it is not here.

    Attributes:
        plausible: Where something stands that looks like the answer and is none; teaches where to look and to say no.
    """

    question: str
    passage: str
    span: tuple[int, int] | None
    plausible: tuple[int, int] | None = None


def reading_rows(rows: Sequence[TrainingRow], *, distractors: int = 2) -> list[ReadingRow]:
    """Turn cases into rows for the reader: the evidence with its span, and passages without the answer.

    Args:
        rows: The cases.
        distractors: Passages without the answer that are kept for each case; they teach "not here".
    """
    made: list[ReadingRow] = []
    for row in rows:
        located = [(passage, locate(row.answer, passage.text)) for passage in row.gold or row.passages]
        found = [(passage, span) for passage, span in located if span is not None][:1]
        made += [ReadingRow(question=row.question, passage=passage.text, span=span) for passage, span in found]
        others = [
            p for p in row.passages if p.id not in {g.id for g in row.gold} and locate(row.answer, p.text) is None
        ]
        if found:
            made += [ReadingRow(question=row.question, passage=p.text, span=None) for p in others[:distractors]]
    return made


def answering(case: TrainingRow) -> tuple[Passage, ...]:
    """The passages that answer a case: the labelled evidence, else the first retrieved one that holds the answer."""
    holding = (passage for passage in case.passages if locate(case.answer, passage.text) is not None)
    return case.gold or tuple(islice(holding, 1))


def locate(answer: str, passage: str) -> tuple[int, int] | None:
    """Where an answer stands in a passage: verbatim but for case and white space, else the closest sentence.

    Returns:
        Offsets into ``passage``, end exclusive; None when neither is there.
    """
    words = answer.split()
    if not words:
        return None
    pattern = r"\s+".join(re.escape(word) for word in words)
    exact = re.search(rf"(?<!\w){pattern}(?!\w)", passage, re.IGNORECASE)
    return exact.span() if exact else _closest_sentence(answer, passage)


def _closest_sentence(answer: str, passage: str) -> tuple[int, int] | None:
    best: tuple[float, tuple[int, int]] = (0.0, (0, 0))
    for sentence in re.finditer(r"\S[^\n]*?(?:[.!?](?=\s|$)|(?=\n|$))", passage):
        best = max(best, (word_f1(answer, sentence[0]), sentence.span()))
    return best[1] if best[0] >= WEAK_SPAN_F1 else None


def word_f1(one: str, other: str) -> float:
    """Harmonic mean of precision and recall of the words that two texts share, in [0, 1]."""
    left, right = (Counter(re.findall(r"\w+", text.casefold())) for text in (one, other))
    shared = sum((left & right).values())
    return 2 * shared / (left.total() + right.total()) if shared else 0.0
