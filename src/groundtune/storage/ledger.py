"""The ledger: every run, raw answer, token count, timing and score, in one SQLite file.

Each answer is committed on its own, so a killed process loses at most the answer in flight. Two processes may use
the same ledger: writers wait for each other, readers do not wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.sqlite import insert

from groundtune.errors import StorageError
from groundtune.records import Answer
from groundtune.storage import schema
from groundtune.storage.answers import answer_from_row, answer_to_row
from groundtune.storage.database import Database, Stored, put

__all__ = ["Ledger", "RunRecord", "ScoreRecord"]

_PUT_ANSWER = put(schema.answers)
_PUT_SCORE = put(schema.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run as stored.

    Attributes:
        kind: What was run, for example ``experiment``.
        started_at: UTC time in ISO 8601.
        finished_at: None while it runs, or when it was interrupted.
        record: What is needed to rebuild it: settings, data hashes, versions.
        result: What came out, None until it is finished.
    """

    id: str
    kind: str
    started_at: str
    finished_at: str | None
    record: Mapping[str, Any]
    result: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecord:
    """What one version of one scorer made of one answer; ``value`` None with a ``note`` is "could not be scored"."""

    system: str
    query: str
    scorer: str
    version: str
    value: float | None
    note: str | None = None


class Ledger(Stored):
    """The ledger of one project; open it with `Ledger.open`, use it as a context manager or `close` it."""

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Open the ledger at ``path``, made or brought up to date where needed.

        Raises:
            ProjectError: when a newer Groundtune wrote it.
            StorageError: when it cannot be opened, or is no ledger.
        """
        return cls(Database.open(path, "ledger", schema.MIGRATIONS))

    def start_run(self, run: str, *, kind: str, record: Mapping[str, Any]) -> RunRecord:
        """Begin a run, or take up the one with this id where it was interrupted.

        Raises:
            StorageError: when another run, with a different kind or record, has this id already.
        """
        row = {"id": run, "kind": kind, "started_at": _now(), "record": _dump(record)}
        with self._database.transaction() as connection:
            connection.execute(insert(schema.runs).values(row).on_conflict_do_nothing())
        stored = self.run(run)
        if stored is None or stored.kind != kind or _dump(stored.record) != row["record"]:
            raise StorageError(
                f"Run {run!r} exists already and was made from other settings or data. "
                "Give the new run another id; a run's id should be derived from its record."
            )
        return stored

    def finish_run(self, run: str, result: Mapping[str, Any]) -> None:
        """Store what came out; finishing again replaces it."""
        change = update(schema.runs).where(schema.runs.c.id == run)
        with self._database.transaction() as connection:
            connection.execute(change.values(finished_at=_now(), result=_dump(result)))

    def run(self, run: str) -> RunRecord | None:
        """The run with this id, None when there is none."""
        with self._database.transaction() as connection:
            row = connection.execute(select(schema.runs).where(schema.runs.c.id == run)).mappings().first()
        return None if row is None else _run(row)

    def runs(self, kind: str | None = None) -> list[RunRecord]:
        """All runs (of one kind), the newest first."""
        query = select(schema.runs).order_by(schema.runs.c.started_at.desc(), schema.runs.c.id)
        if kind is not None:
            query = query.where(schema.runs.c.kind == kind)
        with self._database.transaction() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def record_answer(self, run: str, answer: Answer) -> None:
        """Store one answer at once; a second answer of the same system to the same query replaces the first.

        Raises:
            StorageError: when the run was not started, or the disk refuses.
        """
        row = {"run": run, "answered_at": _now(), **answer_to_row(answer)}
        with self._database.transaction() as connection:
            connection.execute(_PUT_ANSWER, row)

    def answers(self, run: str) -> dict[tuple[str, str], Answer]:
        """All answers of a run, by (system, query id)."""
        query = select(schema.answers).where(schema.answers.c.run == run)
        with self._database.transaction() as connection:
            rows = connection.execute(query).mappings().all()
        return {(row["system"], row["query"]): answer_from_row(dict(row)) for row in rows}

    def record_scores(self, run: str, scores: Iterable[ScoreRecord]) -> None:
        """Store scores in one transaction; the same scorer and version again replaces its value."""
        columns = ("system", "query", "scorer", "version", "value", "note")
        rows = [{"run": run, **{name: getattr(score, name) for name in columns}} for score in scores]
        if not rows:
            return
        with self._database.transaction() as connection:
            connection.execute(_PUT_SCORE, rows)

    def scores(self, run: str) -> list[ScoreRecord]:
        """All scores of a run, in the order of system, query and scorer."""
        table = schema.scores.c
        query = select(table.system, table.query, table.scorer, table.version, table.value, table.note)
        ordered = query.where(table.run == run).order_by(table.system, table.query, table.scorer, table.version)
        with self._database.transaction() as connection:
            return [ScoreRecord(**row._asdict()) for row in connection.execute(ordered)]


def _run(row: RowMapping) -> RunRecord:
    record, result = json.loads(row["record"]), row["result"]
    return RunRecord(
        id=row["id"],
        kind=row["kind"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        record=record,
        result=None if result is None else json.loads(result),
    )


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
