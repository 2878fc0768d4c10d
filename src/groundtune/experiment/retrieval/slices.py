"""Groups of queries that retrieval may serve differently: by source, length and type of the question, and evidence."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from groundtune.records import Query

__all__ = ["SMALLEST", "slices_of"]

SMALLEST = 5
"""A group of fewer queries says nothing and is not shown."""

_SHORT, _LONG = 7, 15
_TYPES = ("who", "what", "when", "where", "why", "how", "which")
_YES_NO = re.compile(r"^(is|are|was|were|do|does|did|can|could|should|will|would|has|have|had|may|must)\b")


def slices_of(queries: Iterable[Query]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Query ids by (slice, value), for example (``length``, ``short``); only groups of at least `SMALLEST`."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for query in queries:
        groups["source", _source(query)].append(query.id)
        groups["length", _length(query.question)].append(query.id)
        groups["type", _type(query.question)].append(query.id)
        if len({(evidence.doc, evidence.start, evidence.quote) for evidence in query.evidence}) > 1:
            groups["evidence", "in several places"].append(query.id)
    return {name: tuple(ids) for name, ids in sorted(groups.items()) if len(ids) >= SMALLEST}


def _source(query: Query) -> str:
    """The folder of the evidence; several have none in common."""
    folders = {str(PurePosixPath(evidence.doc).parent) for evidence in query.evidence}
    return folders.pop() if len(folders) == 1 else "several"


def _length(question: str) -> str:
    words = len(question.split())
    return f"up to {_SHORT} words" if words <= _SHORT else f"over {_LONG} words" if words > _LONG else "in between"


def _type(question: str) -> str:
    words = re.findall(r"[a-z]+", question.lower())
    asked = next((word for word in words if word in _TYPES), None)
    if _YES_NO.match(" ".join(words)):
        return "yes or no"
    return asked or ("other question" if question.rstrip().endswith("?") else "no question")
