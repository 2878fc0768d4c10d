"""queries.jsonl: the evaluation set, checked whole before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundtune.errors import Fault, RowsError
from groundtune.records import Evidence, Query
from groundtune.sources.rows import BadRow, Numbered, read_rows

__all__ = ["is_labelled", "parse_query", "read_queries"]

_NEXT = (
    'Correct these lines and run the command again. A row looks like {"id": "q1", "question": "…", "answers": ["…"]}.'
)


def read_queries(path: Path) -> list[Query]:
    """Read the evaluation set; fields that Groundtune does not know are ignored.

    Raises:
        ProjectError: when the file is missing or unreadable.
        RowsError: when rows are wrong, ids are used twice, or nothing is labelled; all faults at once.
    """
    rows, faults = read_rows(path, parse_query)
    faults += _duplicates(rows)
    if not rows and not faults:
        faults.append(Fault(None, "no queries: the file is empty"))
    if rows and not any(is_labelled(row.value) for row in rows):
        faults.append(Fault(None, f'none of the {len(rows)} queries has an answer in "answers" or "answerable": false'))
    if faults:
        raise RowsError(str(path), sorted(faults, key=lambda fault: fault.line or 0), _NEXT)
    return [row.value for row in rows]


def is_labelled(query: Query) -> bool:
    """Whether an answer to the query can be judged: it has accepted answers, or is known to be unanswerable."""
    return bool(query.answers) or query.answerable is False


def parse_query(row: Mapping[str, Any]) -> Query:
    """Make a query of one row.

    Raises:
        BadRow: with everything that is wrong with the row.
    """
    reasons: list[str] = []
    query_id, question = row.get("id"), row.get("question")
    if isinstance(query_id, int) and not isinstance(query_id, bool):
        query_id = str(query_id)
    reasons += [
        f'"{name}" must be a text that is not blank; given {value!r:.80}'
        for name, value in (("id", query_id), ("question", question))
        if not (isinstance(value, str) and value.strip())
    ]
    answers = _answers(row.get("answers", []), reasons)
    answerable = row.get("answerable")
    if answerable is not None and not isinstance(answerable, bool):
        reasons.append(f'"answerable" must be true or false, or left out; given {answerable!r:.80}')
    if answerable is False and answers:
        reasons.append('"answerable" is false, yet "answers" has some; remove one of the two')
    split = row.get("split")
    if split not in (None, "dev", "test"):
        reasons.append(f'"split" must be "dev" or "test", or left out; given {split!r:.80}')
    cluster = row.get("cluster")
    if cluster is not None and not isinstance(cluster, str | int):
        reasons.append(f'"cluster" must be a text or a number; given {cluster!r:.80}')
    evidence = _evidence(row.get("evidence") or [], reasons)
    if reasons:
        raise BadRow(*reasons)
    return Query(
        id=str(query_id),
        question=str(question),
        answers=answers,
        answerable=answerable,
        evidence=evidence,
        split=split,
        cluster=None if cluster is None else str(cluster),
    )


def _answers(given: object, reasons: list[str]) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, list) and all(isinstance(answer, str) for answer in given):
        return tuple(answer for answer in given if answer.strip())
    reasons.append(f'"answers" must be a list of texts; given {given!r:.80}')
    return ()


def _evidence(given: object, reasons: list[str]) -> tuple[Evidence, ...]:
    if not isinstance(given, list):
        reasons.append(f'"evidence" must be a list of objects with "doc"; given {given!r:.80}')
        return ()
    found = [_one_evidence(item, reasons) for item in given]
    return tuple(item for item in found if item is not None)


def _one_evidence(item: object, reasons: list[str]) -> Evidence | None:
    if not isinstance(item, dict) or not isinstance(item.get("doc"), str) or not item["doc"]:
        reasons.append(f'each "evidence" needs "doc", the id of a document; given {item!r:.80}')
        return None
    start, end, quote = item.get("start"), item.get("end"), item.get("quote")
    if not _is_span(start, end):
        reasons.append(
            f'evidence "start" and "end" must be whole numbers with 0 <= start < end; given {start!r}, {end!r}'
        )
        return None
    if quote is not None and not isinstance(quote, str):
        reasons.append(f'evidence "quote" must be a text; given {quote!r:.80}')
        return None
    return Evidence(doc=item["doc"], start=start, end=end, quote=quote)


def _is_span(start: object, end: object) -> bool:
    if start is None and end is None:
        return True
    return type(start) is int and type(end) is int and 0 <= start < end


def _duplicates(rows: Sequence[Numbered[Query]]) -> list[Fault]:
    first: dict[str, int] = {}
    faults = []
    for row in rows:
        if row.value.id in first:
            faults.append(Fault(row.line, f"id {row.value.id!r} is used already in line {first[row.value.id]}"))
        first.setdefault(row.value.id, row.line)
    return faults
