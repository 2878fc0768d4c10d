"""Questions without an answer, made from those with one: another name in it, or another paragraph below it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from spans import MINOR_WORDS

from groundtune.training.rows import ReadingRow

_ENTITY = re.compile(
    r"(?<!^)\b(?:[A-Z][\w’'-]*)(?:(?: (?:of|the|of the|and) | )[A-Z][\w’'-]*)*|\b\d[\d,.]*\d\b|\b\d+\b"
)
_SMALL_ARTICLE = 10  # paragraphs; names for a smaller article's questions are taken from anywhere


class HardNegatives:
    """Turns a share of the answerable rows into rows without an answer, differently at each call."""

    def __init__(self, articles: Mapping[str, Sequence[str]], *, share: float = 0.25) -> None:
        """Take the paragraphs of each article; ``share`` of the rows get another name where that is possible."""
        self._share = share
        self._siblings = {text: paragraphs for paragraphs in articles.values() for text in paragraphs}
        self._all = [text for paragraphs in articles.values() for text in paragraphs]
        self._entities = {text: _entities(text) for text in self._all}

    def __call__(self, rows: Sequence[ReadingRow], rng: random.Random) -> list[ReadingRow]:
        """One row for each row."""
        return [row if row.span is None else self._changed(row, rng.random(), rng) for row in rows]

    def _changed(self, row: ReadingRow, draw: float, rng: random.Random) -> ReadingRow:
        siblings = self._siblings[row.passage]
        if draw < self._share:
            question = self._renamed(row, self._all if len(siblings) < _SMALL_ARTICLE else siblings, rng)
            if question:
                return ReadingRow(question=question, passage=row.passage, span=None, plausible=row.span)
        elif draw < 1.5 * self._share and len(siblings) >= _SMALL_ARTICLE:
            other = rng.choice(siblings)
            if row.span and row.passage[slice(*row.span)].lower() not in other.lower():
                return ReadingRow(question=row.question, passage=other, span=None)
        return row

    def _renamed(self, row: ReadingRow, sources: Sequence[str], rng: random.Random) -> str | None:
        """The question with one name or number exchanged for one of the same form that the passage does not have."""
        passage = row.passage.lower()
        named = [match for match in _ENTITY.finditer(row.question) if match[0].lower() in passage]
        rng.shuffle(named)
        for match in named[:2]:
            pool = [
                name
                for _ in range(4)
                for name in self._entities[rng.choice(sources)]
                if _form(name) == _form(match[0]) and name.lower() not in passage + row.question.lower()
            ]
            if pool:
                return row.question[: match.start()] + rng.choice(pool) + row.question[match.end() :]
        return None


def _entities(text: str) -> list[str]:
    """Names and numbers that do not begin a sentence."""
    return [
        match[0]
        for match in _ENTITY.finditer(text)
        if match.start() > 2
        and text[match.start() - 2] not in ".!?"
        and match[0].split()[0].lower() not in MINOR_WORDS
        and not match[0].endswith("'s")
    ]


def _form(name: str) -> str:
    if re.fullmatch(r"1\d{3}|20\d\d", name):
        return "year"
    return "number" if name[0].isdigit() else f"{min(2, len(name.split()))} words"
