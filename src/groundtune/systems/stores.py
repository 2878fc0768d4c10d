"""Collections of vector stores that a project already has, reached through the store's own client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from groundtune.systems.given import GivenPassage

if TYPE_CHECKING:
    from chromadb import Collection
    from qdrant_client import QdrantClient

__all__ = ["PgVectorTable", "QdrantCollection", "find_in_chroma"]

Embed = Callable[[str], Sequence[float]]
"""Turns a question into a vector of the model that the collection was filled with."""


def find_in_chroma(collection: Collection, question: str, k: int) -> list[GivenPassage]:
    """The nearest passages of a Chroma collection, which embeds the question itself."""
    found = collection.query(query_texts=[question], n_results=k, include=["documents", "metadatas", "distances"])
    columns: list[Any] = [(found[key] or [[]])[0] for key in ("ids", "documents", "metadatas", "distances")]
    return [
        GivenPassage.with_metadata(text or "", metadata, id=str(id_), score=-float(distance))
        for id_, text, metadata, distance in zip(*columns, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class QdrantCollection:
    """A collection in Qdrant.

    Attributes:
        embed: Makes the vector of a question.
        text: Key of the payload that holds the passage.
        vector: Name of the vector, where points have several.
    """

    client: QdrantClient
    collection: str
    embed: Embed
    text: str = "text"
    vector: str | None = None

    def find(self, question: str, k: int) -> list[GivenPassage]:
        """The nearest points, by the client's ``query_points``."""
        found = self.client.query_points(
            self.collection, query=list(self.embed(question)), using=self.vector, limit=k, with_payload=True
        )
        return [self._passage(str(point.id), point.score, point.payload or {}) for point in found.points]

    def _passage(self, id_: str, score: float, payload: Mapping[str, Any]) -> GivenPassage:
        return GivenPassage.with_metadata(str(payload.get(self.text) or ""), payload, id=id_, score=score)


@dataclass(frozen=True, slots=True, kw_only=True)
class PgVectorTable:
    """A table with a vector column of the PostgreSQL extension pgvector.

    Give it a connection of its own: after each search the transaction is rolled back, so that none stays open.

    Attributes:
        connection: Of a driver whose parameters are written ``%s``: psycopg, psycopg2, pg8000.
        table: Its name, perhaps with its schema: ``app.passages``.
        embed: Makes the vector of a question.
        id: Column that names a row.
        text: Column with the passage.
        embedding: Column with the vector.
        source: Column with the file or address that the passage is from, if there is one.
        title: Column with its title, if there is one.
        distance: Operator of pgvector that the index was made for: cosine, Euclid or negative inner product.
    """

    connection: Any
    table: str
    embed: Embed
    id: str = "id"
    text: str = "text"
    embedding: str = "embedding"
    source: str = ""
    title: str = ""
    distance: Literal["<=>", "<->", "<#>"] = "<=>"
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def find(self, question: str, k: int) -> list[GivenPassage]:
        """The nearest rows; one search at a time, for not every driver's connection may be shared by threads."""
        vector = f"[{','.join(repr(float(number)) for number in self.embed(question))}]"
        with self._lock:
            cursor = self.connection.cursor()
            try:
                cursor.execute(self._statement(), (vector, k))
                rows = cursor.fetchall()
            finally:
                cursor.close()
                self.connection.rollback()
        return [
            GivenPassage(
                id=str(id_), text=text or "", source=str(source or ""), title=str(title or ""), score=-float(distance)
            )
            for id_, text, source, title, distance in rows
        ]

    def _statement(self) -> str:
        columns = [_quoted(name) if name else "NULL" for name in (self.id, self.text, self.source, self.title)]
        table = ".".join(_quoted(part) for part in self.table.split("."))
        near = f"{_quoted(self.embedding)} {self.distance} CAST(%s AS vector)"
        return f"SELECT {', '.join(columns)}, {near} AS distance FROM {table} ORDER BY distance LIMIT %s"


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
