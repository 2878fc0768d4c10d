"""The data that the shipped reader is trained on, as rows.

Splits are by article: the test articles of squad2-dev are not used here at all, and one article (`HELD_OUT`) is kept
from training, to stop by and to calibrate on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundtune.training.rows import ReadingRow

HELD_OUT = "Huguenot"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Rows with their articles, and the paragraphs of each article in order."""

    train: list[ReadingRow]
    held_out: list[ReadingRow]
    articles: dict[str, list[str]]


def load(folder: Path) -> Corpus:
    """Read squad2-dev (its train and dev splits) and qed-dev below ``folder``."""
    train: list[ReadingRow] = []
    held_out: list[ReadingRow] = []
    articles: dict[str, list[str]] = {}
    for name in ("squad2-dev", "qed-dev"):
        documents = {row["id"]: row["text"] for row in _rows(folder / name / "documents.jsonl")}
        for query in _rows(folder / name / "queries.jsonl"):
            if query.get("split") == "test":
                continue
            document = query["source_doc"]
            article = document.split("#")[0]
            row = _reading(query, documents[document])
            (held_out if article == HELD_OUT else train).append(row)
            paragraphs = articles.setdefault(article, [])
            if documents[document] not in paragraphs:
                paragraphs.append(documents[document])
    return Corpus(train, held_out, articles)


def _reading(query: dict[str, Any], passage: str) -> ReadingRow:
    spans = [(e["start"], e["end"]) for e in query["evidence"] if e["doc"] == query["source_doc"]]
    plausible = [passage.find(text) for text in query.get("plausible_answers", [])[:1]]
    return ReadingRow(
        question=query["question"],
        passage=passage,
        span=spans[0] if spans and query["answerable"] else None,
        plausible=next(((at, at + len(query["plausible_answers"][0])) for at in plausible if at >= 0), None),
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)
