"""The one table of the index: a row is a passage, and its document's first row carries the whole document.

Everything about a document is in its rows, so one commit replaces it whole: no second store can fall out of step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from groundtune.knowledge.passages import Piece
from groundtune.models.embedded.markup import audible
from groundtune.records import Document, Passage

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "LAYOUT",
    "Entry",
    "Prepared",
    "access_of",
    "content_of",
    "document_of",
    "groups_of",
    "key_of",
    "label",
    "passage_of",
    "schema",
    "to_arrow",
]

LAYOUT = 4
"""Version of the columns: a table of another layout is not read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document to keep, with the ideal answer when it is a demonstration (then it is never cut)."""

    document: Document
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry cut into pieces.

    Attributes:
        content: Hash of everything that decides its rows.
    """

    entry: Entry
    content: str
    pieces: Sequence[Piece]


def schema(dimensions: int) -> pa.Schema:
    """Columns of the passage table for vectors of this length."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("document", pa.string(), nullable=False),
            pa.field("ordinal", pa.int32(), nullable=False),
            # In one column: each one that a search reads for its hits costs it as much as the text alone.
            pa.field("passage", pa.string(), nullable=False),
            pa.field("access", pa.string(), nullable=False),
            pa.field("labels", pa.list_(pa.string()), nullable=False),
            ("indexed", pa.string()),
            ("key", pa.string()),
            ("content", pa.string()),
            ("record", pa.string()),
            pa.field("vector", pa.list_(pa.float32(), dimensions), nullable=False),
        ]
    )


def access_of(groups: Collection[str]) -> str:
    """The groups of a document as one value: equal for equal groups, empty for everyone's; `groups_of` reads it."""
    return json.dumps(sorted(set(groups)), ensure_ascii=False) if groups else ""


def groups_of(access: str) -> tuple[str, ...]:
    """The groups that an ``access`` column holds."""
    return tuple(json.loads(access)) if access else ()


def label(key: str, value: str) -> str:
    """One field of a document's metadata as one value to look for."""
    return json.dumps([key, value], ensure_ascii=False)


def content_of(entry: Entry, recipe: str) -> str:
    """Hash of an entry and of the recipe that its rows are made with."""
    return hashlib.sha256(f"{recipe}\n{_record(entry)}".encode()).hexdigest()


def key_of(piece: Piece) -> str:
    """Hash of what is embedded: pieces with one key share one vector."""
    return hashlib.sha256(" ".join(map(str, piece.ids)).encode()).hexdigest()[:32]


def to_arrow(items: Iterable[Prepared], keys: Sequence[str], vectors: NDArray[np.float32]) -> pa.Table:
    """Rows of prepared documents; ``keys`` and ``vectors`` (passages, dimensions) are in the order of their pieces."""
    import pyarrow as pa

    rows = [row for item in items for row in _rows(item)]
    for row, key in zip(rows, keys, strict=True):
        row["key"] = key
    columns = schema(vectors.shape[1])
    table = pa.Table.from_pylist(rows, schema=columns.remove(columns.get_field_index("vector")))
    flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    return table.append_column(columns.field("vector"), flat)


def _rows(item: Prepared) -> Iterable[dict[str, Any]]:
    document = item.entry.document
    name = "" if document.titled else f"{document.title}\n"
    for ordinal, piece in enumerate(item.pieces):
        text = document.text[piece.start : piece.end]
        yield {
            "id": _id(document, piece),
            "document": document.id,
            "ordinal": ordinal,
            "passage": _passage(document, piece, item.entry.answer),
            "access": access_of(document.groups),
            "labels": [label(key, value) for key, value in document.metadata.items()],
            "indexed": f"{name}{piece.context}\n{audible(text)}",
            "content": item.content,
            "record": None if ordinal else _record(item.entry),
        }


def _id(document: Document, piece: Piece) -> str:
    return f"{document.id}#{piece.start}-{piece.end}"


def _passage(document: Document, piece: Piece, answer: str | None) -> str:
    fields = {
        "id": _id(document, piece),
        "document": document.id,
        "source": document.source,
        "title": document.title,
        "headings": list(piece.headings),
        "start": piece.start,
        "end": piece.end,
        "text": document.text[piece.start : piece.end],
        "answer": answer,
        "page": document.page_at(piece.start),
        "page_breaks": document.page_breaks(piece.start, piece.end),
        "above": piece.above,
        "titled": document.titled,
    }
    return json.dumps(fields, ensure_ascii=False)


def _record(entry: Entry) -> str:
    document = entry.document
    fields = {
        "id": document.id,
        "title": document.title,
        "text": document.text,
        "source": document.source,
        "metadata": dict(document.metadata),
        "groups": list(document.groups),
        "pages": list(document.pages),
        "titled": document.titled,
        "answer": entry.answer,
    }
    return json.dumps(fields, ensure_ascii=False, sort_keys=True)


def document_of(record: str) -> Document:
    """The document that a ``record`` column holds."""
    fields = json.loads(record)
    del fields["answer"]
    return Document(**{**fields, "groups": tuple(fields["groups"]), "pages": tuple(fields["pages"])})


def passage_of(passage: str) -> Passage:
    """The passage that a ``passage`` column holds."""
    fields = json.loads(passage)
    return Passage(**{**fields, "headings": tuple(fields["headings"]), "page_breaks": tuple(fields["page_breaks"])})
