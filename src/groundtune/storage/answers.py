"""Answers as columns and back, without loss, but for halves of characters.

A model can write half of a surrogate pair, which is no text that a database or a page can hold: U+FFFD stands for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from groundtune.records import Answer, Citation, Hit, Passage, Usage

__all__ = ["answer_from_row", "answer_to_row"]


def answer_to_row(answer: Answer) -> dict[str, Any]:
    """The columns of the ledger's table ``answers`` for one answer, without run and time."""
    usage = answer.usage
    row = {
        "system": answer.system,
        "query": answer.query,
        "text": answer.text,
        "reason": answer.reason,
        "error": answer.error,
        "confidence": answer.confidence,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cached_tokens": usage.cached_tokens if usage else None,
        "reasoning_tokens": usage.reasoning_tokens if usage else None,
        "first_token_ms": answer.milliseconds.get("first_token"),
        "total_ms": answer.milliseconds.get("total"),
        "milliseconds": _dump(dict(answer.milliseconds)),
        "citations": _dump([asdict(citation) for citation in answer.citations]),
        "hits": _dump([asdict(hit) for hit in answer.hits]),
        "model": answer.model,
        "template": answer.template,
        "from_cache": answer.from_cache,
        "knowledge": answer.knowledge,
    }
    return {name: _whole(value) if isinstance(value, str) else value for name, value in row.items()}


def answer_from_row(row: Mapping[str, Any]) -> Answer:
    """The answer that `answer_to_row` was given."""
    return Answer(
        query=row["query"],
        system=row["system"],
        text=row["text"],
        reason=row["reason"],
        error=row["error"],
        confidence=row["confidence"],
        usage=_usage(row),
        milliseconds=json.loads(row["milliseconds"]),
        citations=tuple(Citation(**citation) for citation in json.loads(row["citations"])),
        hits=tuple(_hit(hit) for hit in json.loads(row["hits"])),
        model=row["model"],
        template=row["template"],
        from_cache=bool(row["from_cache"]),
        knowledge=row["knowledge"],
    )


def _usage(row: Mapping[str, Any]) -> Usage | None:
    if row["input_tokens"] is None or row["output_tokens"] is None:
        return None
    return Usage(
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cached_tokens=row["cached_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
    )


def _hit(value: dict[str, Any]) -> Hit:
    passage = value["passage"]
    return Hit(
        rank=value["rank"],
        score=value["score"],
        knowledge=value.get("knowledge"),
        passage=Passage(
            **{**passage, "headings": tuple(passage["headings"]), "page_breaks": tuple(passage.get("page_breaks", ()))}
        ),
    )


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
