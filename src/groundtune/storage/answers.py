"""Answers as JSON-ready values and back, without loss."""

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
    return {
        "system": answer.system,
        "query": answer.query,
        "text": answer.text,
        "reason": answer.reason,
        "error": answer.error,
        "confidence": answer.confidence,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "total_ms": answer.milliseconds.get("total"),
        "milliseconds": _dump(dict(answer.milliseconds)),
        "citations": _dump([asdict(citation) for citation in answer.citations]),
        "hits": _dump([asdict(hit) for hit in answer.hits]),
    }


def answer_from_row(row: Mapping[str, Any]) -> Answer:
    """The answer that `answer_to_row` was given."""
    counted = row["input_tokens"] is not None and row["output_tokens"] is not None
    return Answer(
        query=row["query"],
        system=row["system"],
        text=row["text"],
        reason=row["reason"],
        error=row["error"],
        confidence=row["confidence"],
        usage=Usage(input_tokens=row["input_tokens"], output_tokens=row["output_tokens"]) if counted else None,
        milliseconds=json.loads(row["milliseconds"]),
        citations=tuple(Citation(**citation) for citation in json.loads(row["citations"])),
        hits=tuple(_hit(hit) for hit in json.loads(row["hits"])),
    )


def _hit(value: dict[str, Any]) -> Hit:
    passage = value["passage"]
    return Hit(
        rank=value["rank"],
        score=value["score"],
        passage=Passage(**{**passage, "headings": tuple(passage["headings"])}),
    )


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
