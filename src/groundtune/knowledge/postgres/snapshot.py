"""Reading one version of the store in PostgreSQL."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from groundtune.knowledge.filters import Filter
from groundtune.knowledge.postgres.database import Database
from groundtune.knowledge.schema import document_of, groups_of, label, passage_of
from groundtune.records import Document, Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

__all__ = ["PostgresSnapshot", "parse_vectors"]

_LIVE = "born <= :number AND (died IS NULL OR died > :number)"
_MOST_EF = 1000
_WORDS = r"""
SELECT unnest(tsvector_to_array(to_tsvector('english', :question))) AS lexeme
"""
_HOLDING = (
    """
SELECT count(*) FROM {name}_passages WHERE words @@ CAST(:query AS tsquery) AND """
    + _LIVE
)
_BEST = """
SELECT p.id, sum(q.weight * ts_rank('{1,1,1,1}', p.words, CAST(q.query AS tsquery), 1)) AS score
FROM unnest(CAST(:queries AS text[]), CAST(:weights AS float8[])) AS q(query, weight)
JOIN {name}_passages AS p ON p.words @@ CAST(q.query AS tsquery)
WHERE {where} GROUP BY p.id ORDER BY score DESC, p.id LIMIT :depth
"""


class PostgresSnapshot:
    """See `groundtune.knowledge.store.Snapshot`.

    Words are weighed by their rarity, as BM25 does, over the server's rank of each: that is not BM25, and the scores of
    different stores are not alike.

    Args:
        database: Where it is.
        number: Of the version.
        version: Its name.
        count: Passages that it holds.
    """

    def __init__(self, database: Database, number: int, version: str, count: int) -> None:
        self._database = database
        self.number = number
        self.version = version
        self.count = count

    def dense(self, vector: NDArray[np.float32], depth: int, filter: Filter) -> dict[str, float]:
        """The nearest passages, see `Snapshot`."""
        query = "SELECT id, -(vector <#> CAST(:vector AS vector)) FROM {name}_passages WHERE {where} "
        query += "ORDER BY vector <#> CAST(:vector AS vector) LIMIT :depth"
        values = {"vector": _written(vector), "depth": depth}
        with self._database.transaction() as connection:
            self._run(connection, f"SET LOCAL hnsw.ef_search = {min(_MOST_EF, max(200, 4 * depth))}")
            rows = self._select(connection, query, filter, **values)
            if len(rows) < min(depth, self.count):  # a filter left fewer than the index had found: look at all
                self._run(connection, "SET LOCAL enable_indexscan = off")
                rows = self._select(connection, query, filter, **values)
        return _ranked(rows)

    def lexical(self, question: str, depth: int, filter: Filter) -> dict[str, float]:
        """The best matches by words, see `Snapshot`."""
        with self._database.transaction() as connection:
            rows = self._run(connection, _WORDS, question=question.replace("\x00", " "))
            queries = [_lexeme(row[0]) for row in rows]
            if not queries:
                return {}
            weights = [self._rarity(connection, query) for query in queries]
            return _ranked(self._select(connection, _BEST, filter, queries=queries, weights=weights, depth=depth))

    def _rarity(self, connection: Connection, query: str) -> float:
        """Inverse document frequency as in BM25 (Robertson and Zaragoza 2009)."""
        holding = self._run(connection, _HOLDING, query=query, number=self.number).scalar_one()
        return math.log(1 + (self.count - holding + 0.5) / (holding + 0.5))

    def cosines(self, ids: Sequence[str], vector: NDArray[np.float32]) -> dict[str, float]:
        """Cosines of found passages, see `Snapshot`."""
        return dict(zip(ids, (self.vectors_of(ids) @ vector).tolist(), strict=True)) if ids else {}

    def vectors_of(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of found passages, see `Snapshot`."""
        return parse_vectors(self._found(ids, "vector::text"), self._database.dimensions)

    def documents_of(self, ids: Sequence[str]) -> list[str]:
        """Documents of found passages, see `Snapshot`."""
        return self._found(ids, "document")

    def passages(self, ids: Sequence[str]) -> list[Passage]:
        """Found passages, see `Snapshot`."""
        return [passage_of(passage) for passage in self._found(ids, "passage")]

    def documents(self, filter: Filter) -> list[str]:
        """Ids of all documents, see `Snapshot`."""
        query = "SELECT document FROM {name}_passages WHERE ordinal = 0 AND {where}"
        with self._database.transaction() as connection:
            return sorted(row[0] for row in self._select(connection, query, filter))

    def withheld(self, filter: Filter) -> list[str]:
        """Ids of documents that are not for the caller, see `Snapshot`."""
        refused = [access for access in self._accesses if not filter.admits(groups_of(access))]
        query = "SELECT document FROM {name}_passages WHERE ordinal = 0 AND access = ANY(CAST(:refused AS text[])) AND "
        with self._database.transaction() as connection:
            rows = self._run(connection, query + _LIVE, refused=refused, number=self.number)
            return sorted(row[0] for row in rows)

    def document(self, id_: str, filter: Filter) -> Document | None:
        """One document, see `Snapshot`."""
        query = "SELECT record FROM {name}_passages WHERE ordinal = 0 AND document = :document AND {where}"
        with self._database.transaction() as connection:
            rows = self._select(connection, query, filter, document=id_)
        return document_of(rows[0][0]) if rows else None

    def passages_of(self, document: str, filter: Filter) -> list[Passage]:
        """Passages of one document, see `Snapshot`."""
        query = "SELECT passage FROM {name}_passages WHERE document = :document AND {where}"
        with self._database.transaction() as connection:
            rows = self._select(connection, query, filter, document=document)
        return sorted((passage_of(row[0]) for row in rows), key=lambda passage: passage.start)

    def _found(self, ids: Sequence[str], column: str) -> list[Any]:
        """A column of passages, in the order of their ids."""
        query = f"SELECT id, {column} FROM {{name}}_passages WHERE id = ANY(CAST(:ids AS text[])) AND {_LIVE}"
        with self._database.transaction() as connection:
            rows = {row[0]: row[1] for row in self._run(connection, query, ids=list(ids), number=self.number)}
        return [rows[id_] for id_ in ids]

    @cached_property
    def _accesses(self) -> list[str]:
        """Every value of ``access`` in this version."""
        query = f"SELECT DISTINCT access FROM {{name}}_passages WHERE {_LIVE}"
        with self._database.transaction() as connection:
            return [row[0] for row in self._run(connection, query, number=self.number)]

    def _select(self, connection: Connection, query: str, filter: Filter, **values: Any) -> list[Any]:
        where = [_LIVE]
        allowed = [access for access in self._accesses if filter.admits(groups_of(access))]
        if len(allowed) < len(self._accesses):
            where.append("access = ANY(CAST(:allowed AS text[]))")
            values["allowed"] = allowed
        if filter.documents is not None:
            where.append("document = ANY(CAST(:documents AS text[]))")
            values["documents"] = list(filter.documents)
        if filter.without:
            where.append("document <> ALL(CAST(:without AS text[]))")
            values["without"] = list(filter.without)
        if filter.metadata:
            where.append("labels @> CAST(:labels AS text[])")
            values["labels"] = [label(key, value) for key, value in filter.metadata.items()]
        query = query.replace("{where}", " AND ".join(where))
        return list(self._run(connection, query, number=self.number, **values))

    def _run(self, connection: Connection, statement: str, **values: Any) -> Any:
        return connection.execute(text(statement.replace("{name}", self._database.name)), values)


def parse_vectors(written: Sequence[str], dimensions: int) -> NDArray[np.float32]:
    """Vectors as the server writes them, shape (len(written), dimensions)."""
    import numpy as np

    rows = [np.fromstring(vector[1:-1], np.float32, sep=",") for vector in written]
    return np.stack(rows) if rows else np.empty((0, dimensions), np.float32)


def _written(vector: NDArray[np.float32]) -> str:
    return json.dumps(vector.tolist())


def _lexeme(lexeme: str) -> str:
    """One word of the server's dictionary as a query for it, whatever marks it holds."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _ranked(rows: Sequence[Any]) -> dict[str, float]:
    """Best first; equals in the order of their ids."""
    return {id_: float(score) for id_, score in sorted(rows, key=lambda row: (-row[1], row[0]))}
