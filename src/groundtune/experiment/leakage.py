"""Evaluation questions that training has seen: a score on them is remembering, not ability."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from groundtune.errors import GateClosed
from groundtune.experiment.normalise import tokens
from groundtune.records import Example, Query

__all__ = ["Leak", "Leakage", "find_leaks", "refuse_leaks"]

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors, shape (len(texts), dimensions)."""

_RUN_TOKENS = 8
_RUN_SHARE = 0.5
_SIMILAR = 0.95
_SHOWN = 20
_BLOCK = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A training example and an evaluation query that ask the same.

    Attributes:
        kind: ``equal`` after normalisation; ``run``: a long common run of words; ``similar``: by embedding.
        strength: Words of the common run, or the cosine similarity.
    """

    example: str
    query: str
    kind: Literal["equal", "run", "similar"]
    strength: float

    def __str__(self) -> str:
        how = {
            "equal": "the same question",
            "run": f"{self.strength:.0f} words in a row in common",
            "similar": f"almost the same meaning (cosine {self.strength:.3f})",
        }[self.kind]
        return f"example {self.example!r} and query {self.query!r}: {how}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """What training and evaluation share.

    Attributes:
        leaks: One for each pair, the most certain kind that applies.
        shared_documents: Documents that are evidence on both sides. That is not refused: facts of one document may be
            learned and asked about; but it is no test of documents that training has never seen.
    """

    leaks: tuple[Leak, ...]
    shared_documents: tuple[str, ...]

    @property
    def certain(self) -> tuple[Leak, ...]:
        """Leaks in so many words (``equal`` or ``run``): these close the gate; ``similar`` ones are a warning."""
        return tuple(leak for leak in self.leaks if leak.kind != "similar")

    @property
    def examples(self) -> frozenset[str]:
        """Ids of the examples to drop, so that nothing leaks."""
        return frozenset(leak.example for leak in self.leaks)


def find_leaks(examples: Sequence[Example], queries: Sequence[Query], *, embed: Embed | None = None) -> Leakage:
    """Compare the questions of training examples with evaluation queries, dev and test alike.

    A pair leaks when both questions are equal after normalisation; when the longest run of words that both contain
    has at least 8 words and makes at least half of the shorter question; or, with ``embed``, when their cosine
    similarity is at least 0.95.
    """
    found: dict[tuple[str, str], Leak] = {}
    for leak in (*_textual(examples, queries), *(_similar(examples, queries, embed) if embed else ())):
        found.setdefault((leak.example, leak.query), leak)
    trained_on = {evidence.doc for example in examples for evidence in example.evidence}
    asked_about = {evidence.doc for query in queries for evidence in query.evidence}
    return Leakage(leaks=tuple(found.values()), shared_documents=tuple(sorted(trained_on & asked_about)))


def refuse_leaks(leakage: Leakage) -> None:
    """Stop when evaluation questions are among the training examples.

    Raises:
        GateClosed: naming the rows, and how to go on.
    """
    certain = leakage.certain
    if not certain:
        return
    rows = "\n".join(f"  {leak}" for leak in certain[:_SHOWN])
    more = f"\n  … and {len(certain) - _SHOWN} more" if len(certain) > _SHOWN else ""
    raise GateClosed(
        f"{len(certain)} pairs of a training example and an evaluation query ask the same, so scores would show memory "
        f"and not ability:\n{rows}{more}\n"
        "Remove these examples or these queries, then run the command again."
    )


def _textual(examples: Sequence[Example], queries: Sequence[Query]) -> Iterator[Leak]:
    asked = [tokens(query.question) for query in queries]
    index = _Runs(asked)
    for example in examples:
        words = tokens(example.question)
        equal = set(index.equal(words))
        for place in sorted(equal):
            yield Leak(example=example.id, query=queries[place].id, kind="equal", strength=float(len(words)))
        for place, length in sorted(index.longest_runs(words).items()):
            shorter = min(len(words), len(asked[place]))
            if place not in equal and length >= max(_RUN_TOKENS, _RUN_SHARE * shorter):
                yield Leak(example=example.id, query=queries[place].id, kind="run", strength=float(length))


class _Runs:
    """Texts indexed by their runs of 8 words, so that only texts that share one are compared."""

    def __init__(self, texts: Sequence[list[str]]) -> None:
        self._texts = texts
        self._whole: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._runs: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
        for place, words in enumerate(texts):
            self._whole[tuple(words)].append(place)
            for start, run in enumerate(_windows(words)):
                self._runs[run].append((place, start))

    def equal(self, words: list[str]) -> Sequence[int]:
        """Places of the texts with exactly these words; a text without words equals nothing."""
        return self._whole.get(tuple(words), ()) if words else ()

    def longest_runs(self, words: list[str]) -> dict[int, int]:
        """Length of the longest common run with each text that has one of at least 8 words, by place."""
        longest: dict[int, int] = {}
        for start, run in enumerate(_windows(words)):
            for place, other in self._runs.get(run, ()):
                text = self._texts[place]
                if start and other and words[start - 1] == text[other - 1]:
                    continue  # Part of a run that began one word earlier.
                length = _RUN_TOKENS
                while (
                    start + length < len(words)
                    and other + length < len(text)
                    and words[start + length] == text[other + length]
                ):
                    length += 1
                longest[place] = max(longest.get(place, 0), length)
        return longest


def _windows(words: list[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(words[start : start + _RUN_TOKENS]) for start in range(len(words) - _RUN_TOKENS + 1))


def _similar(examples: Sequence[Example], queries: Sequence[Query], embed: Embed) -> Iterator[Leak]:
    if not examples or not queries:
        return
    asked = embed([query.question for query in queries])
    # Blocks keep the table of similarities small: thousands of examples by thousands of queries.
    for first in range(0, len(examples), _BLOCK):
        block = examples[first : first + _BLOCK]
        cosines = embed([example.question for example in block]) @ asked.T
        for row, column in np.argwhere(cosines >= _SIMILAR):
            strength = float(cosines[row, column])
            yield Leak(example=block[row].id, query=queries[column].id, kind="similar", strength=strength)
