"""Evaluation questions that training has seen: a score on them is remembering, not ability."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from groundtune.errors import GateClosed
from groundtune.experiment.normalise import tokens
from groundtune.records import Example, Query, Task
from groundtune.training.gate.findings import LEAKAGE, Finding, Row
from groundtune.training.gate.material import Embed
from groundtune.training.gate.wording import content_words, numbers

__all__ = ["Leak", "Leakage", "find_leaks", "leak_findings", "refuse_leaks"]

_RUN_TOKENS = 8
_RUN_SHARE = 0.5
_NEIGHBOURS = 5
_ALIKE = 0.85
_SIMILAR = 0.95
_SHOWN = 20
_BLOCK = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A training example and an evaluation query that ask the same.

    Attributes:
        kind: ``equal`` after normalisation; ``run``: a long common run of words; ``reworded``: alike in meaning, with
            the same words but for those without content; ``similar``: almost the same in meaning.
        strength: Words of the common run, or the cosine similarity.
    """

    example: str
    query: str
    kind: Literal["equal", "run", "reworded", "similar"]
    strength: float

    @property
    def how(self) -> str:
        """In what they are the same, in words."""
        return {
            "equal": "the same question",
            "run": f"{self.strength:.0f} words in a row in common",
            "reworded": f"the same question in other words (cosine {self.strength:.3f})",
            "similar": f"almost the same meaning (cosine {self.strength:.3f})",
        }[self.kind]

    def __str__(self) -> str:
        return f"example {self.example!r} and query {self.query!r}: {self.how}"


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
        """Leaks in so many words (``equal`` or ``run``), whatever the task: these close the gate."""
        return tuple(leak for leak in self.leaks if leak.kind in ("equal", "run"))

    @property
    def examples(self) -> frozenset[str]:
        """Ids of the examples to drop, so that nothing leaks."""
        return frozenset(leak.example for leak in self.leaks)


def find_leaks(examples: Sequence[Example], queries: Sequence[Query], *, embed: Embed | None = None) -> Leakage:
    """Compare the questions of training examples with evaluation queries, dev and test alike.

    A pair leaks when both questions are equal after normalisation, or when the longest run of words that both contain
    has at least 8 words and makes at least half of the shorter question. With ``embed`` the 5 examples nearest to each
    query are compared too, if their cosine similarity is at least 0.85. They leak when the second look says that they
    ask the same: the same numbers, and the same words but for those without content; with the same numbers alone, from
    0.95 on.
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


def leak_findings(
    leakage: Leakage, examples: Sequence[Example], task: Task, lines: Mapping[str, int]
) -> Iterator[Finding]:
    """What leaked, as findings of the gate.

    Questions in the same words close it. So does the same question in other words, unless the reply depends on little
    more than what is meant (classify, extract): there people do ask alike, and that is worth a look.

    Args:
        leakage: What was found.
        examples: The examples that it was found in.
        task: What they teach.
        lines: Example id -> line of the file.
    """
    closing = {"equal", "run", "reworded"} if task in ("answer", "write") else {"equal", "run"}
    graver = [leak for leak in leakage.leaks if leak.kind in closing]
    told = {leak.example for leak in graver}
    reworded = [leak for leak in leakage.leaks if leak.kind == "reworded" and leak.example not in told]
    told |= {leak.example for leak in reworded}
    similar = [leak for leak in leakage.leaks if leak.example not in told]
    if rows := _rows(graver, lines):
        message = (
            f"{len(rows)} examples ask what an evaluation query asks, so scores would show memory and not ability: "
            "remove these examples or these queries"
        )
        yield Finding(kind=LEAKAGE, severity="refuse", message=message, rows=rows, fix="leave_out")
    if rows := _rows(reworded, lines):
        message = f"{len(rows)} examples ask what an evaluation query asks, in other words"
        yield Finding(kind=LEAKAGE, severity="warn", message=message, rows=rows, fix="leave_out")
    if rows := _rows(similar, lines):
        message = f"{len(rows)} examples mean almost what an evaluation query means: scores are for familiar questions"
        yield Finding(kind="similar_to_queries", severity="warn", message=message, rows=rows)
    if leakage.shared_documents:
        yield _shared(leakage.shared_documents, examples, lines)


def _rows(leaks: Sequence[Leak], lines: Mapping[str, int]) -> tuple[Row, ...]:
    details: dict[str, list[str]] = defaultdict(list)
    for leak in leaks:
        details[leak.example].append(f"query {leak.query!r}: {leak.how}")
    rows = [Row(id=name, line=lines.get(name), detail=_joined(texts)) for name, texts in details.items()]
    return tuple(sorted(rows, key=lambda row: row.line or 0))


def _joined(texts: Sequence[str], most: int = 3) -> str:
    more = [f"and {len(texts) - most} more queries"] if len(texts) > most else []
    return "; ".join([*texts[:most], *more])


def _shared(documents: Sequence[str], examples: Sequence[Example], lines: Mapping[str, int]) -> Finding:
    rows = []
    for example in examples:
        shared = sorted({evidence.doc for evidence in example.evidence} & set(documents))
        if shared:
            detail = f"evidence in {', '.join(shared)}, as for queries"
            rows.append(Row(id=example.id, line=lines.get(example.id), detail=detail))
    message = (
        f"{len(documents)} documents are evidence of examples and of queries: if documents will be asked about that "
        "nobody trained on, split examples and queries by document"
    )
    return Finding(kind="shared_documents", severity="warn", message=message, rows=tuple(rows))


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
    trained = embed([example.question for example in examples])
    asked = embed([query.question for query in queries])
    nearest = min(_NEIGHBOURS, len(examples))
    # Blocks keep the table of similarities small: thousands of queries by thousands of examples.
    for first in range(0, len(queries), _BLOCK):
        cosines = asked[first : first + _BLOCK] @ trained.T
        places = np.argpartition(-cosines, nearest - 1, axis=1)[:, :nearest]
        for row, columns in enumerate(places):
            query = queries[first + row]
            for column in sorted(columns, key=lambda place: (-cosines[row, place], place)):
                kind = _second_look(examples[column].question, query.question, float(cosines[row, column]))
                if kind:
                    strength = float(cosines[row, column])
                    yield Leak(example=examples[column].id, query=query.id, kind=kind, strength=strength)


def _second_look(trained: str, asked: str, cosine: float) -> Literal["reworded", "similar"] | None:
    """Vectors alone cannot tell "version 2" from "version 3", nor "open" from "closed"."""
    if cosine < _ALIKE or numbers(trained) != numbers(asked):
        return None
    if content_words(trained) == content_words(asked) != frozenset():
        return "reworded"
    return "similar" if cosine >= _SIMILAR else None
