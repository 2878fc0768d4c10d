"""The ledger keeps what it was given, across kills, resumes, versions and processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from groundtune.errors import ProjectError, StorageError
from groundtune.records import Answer, Citation, Hit, Passage, Usage
from groundtune.storage.ledger import Ledger, ScoreRecord
from groundtune.storage.schema import MIGRATIONS

PASSAGE = Passage(
    id="d#0",
    document="d",
    source="docs/d.md",
    title="D",
    headings=("A", "B"),
    start=0,
    end=4,
    text="café",
    answer=None,
    page=2,
    page_breaks=(3,),
)
FULL = Answer(
    query="q1",
    system="rag",
    text="café",
    citations=(Citation(passage="d#0", document="d", source="docs/d.md", quote="café", start=0, end=4, page=2),),
    hits=(Hit(rank=1, score=0.5, passage=PASSAGE),),
    confidence=0.9,
    usage=Usage(input_tokens=12, output_tokens=3, cached_tokens=8, reasoning_tokens=0),
    milliseconds={"retrieve": 1.5, "first_token": 2.0, "model": 2.5, "total": 4.0},
    model="openai gpt-4o-mini",
    template="1",
    from_cache=True,
)
ABSTAINED = Answer(query="q2", system="rag", text="", reason="nothing relevant was found")
FAILED = Answer(query="q3", system="rag", text="", error="the endpoint did not answer")


def test_answers_come_back_whole(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "new" / "ledger.sqlite") as ledger:
        ledger.start_run("r", kind="experiment", record={"seed": 7})
        for answer in (FULL, ABSTAINED, FAILED):
            ledger.record_answer("r", answer)
    with Ledger.open(tmp_path / "new" / "ledger.sqlite") as ledger:
        stored = ledger.answers("r")
    assert stored == {("rag", "q1"): FULL, ("rag", "q2"): ABSTAINED, ("rag", "q3"): FAILED}


def test_what_was_not_measured_is_null_and_not_zero(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.start_run("r", kind="experiment", record={})
        ledger.record_answer("r", ABSTAINED)
        ledger.record_scores("r", [ScoreRecord(system="rag", query="q2", scorer="f1", version="1", value=None)])
    connection = sqlite3.connect(path)
    columns = "confidence, input_tokens, cached_tokens, reasoning_tokens, first_token_ms, total_ms, model, template"
    row = connection.execute(f"SELECT {columns} FROM answers").fetchone()
    score = connection.execute("SELECT value FROM scores").fetchone()
    connection.close()
    assert (row, score) == ((None,) * 8, (None,))


def test_half_a_character_does_not_lose_the_answer(tmp_path: Path) -> None:
    broken = replace(FULL, text="caf\ud83d é 😀", citations=(), hits=(), error="said \udc00")
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.start_run("r", kind="experiment", record={})
        ledger.record_answer("r", broken)
        stored = ledger.answers("r")["rag", "q1"]
    assert (stored.text, stored.error) == ("caf\ufffd é 😀", "said \ufffd")


def test_a_retry_replaces_the_failed_answer(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.start_run("r", kind="experiment", record={})
        ledger.record_answer("r", FAILED)
        mended = Answer(query="q3", system="rag", text="now")
        ledger.record_answer("r", mended)
        assert ledger.answers("r") == {("rag", "q3"): mended}


def test_scores_keep_scorer_version_and_note(tmp_path: Path) -> None:
    first = ScoreRecord(system="rag", query="q1", scorer="token_f1", version="1", value=0.5)
    second = ScoreRecord(system="rag", query="q1", scorer="token_f1", version="2", value=None, note="failed")
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.start_run("r", kind="experiment", record={})
        ledger.record_answer("r", FULL)
        ledger.record_scores("r", [first, second])
        ledger.record_scores("r", [first])
        assert ledger.scores("r") == [first, second]


def test_runs_are_listed_resumed_and_finished(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        started = ledger.start_run("r", kind="experiment", record={"seed": 7})
        assert started.finished_at is None
        assert started.result is None
        assert ledger.start_run("r", kind="experiment", record={"seed": 7}) == started
        with pytest.raises(StorageError, match="other settings or data"):
            ledger.start_run("r", kind="experiment", record={"seed": 8})
        ledger.finish_run("r", {"verdict": "choose"})
        finished = ledger.run("r")
        assert finished is not None
        assert finished.finished_at is not None
        assert finished.result == {"verdict": "choose"}
        ledger.start_run("d", kind="diagnosis", record={})
        assert {run.id for run in ledger.runs()} == {"r", "d"}
        assert [run.id for run in ledger.runs("diagnosis")] == ["d"]
        assert ledger.run("unknown") is None


def test_an_answer_without_a_run_is_refused(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger, pytest.raises(StorageError, match="FOREIGN KEY"):
        ledger.record_answer("never started", FULL)


def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    ledger.close()
    ledger.close()
    with pytest.raises(StorageError, match="open it again"):
        ledger.runs()


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"my thesis, the only copy" * 100)
    with pytest.raises(StorageError, match="not a database"):
        Ledger.open(path)
    assert path.read_bytes() == b"my thesis, the only copy" * 100


def test_a_newer_ledger_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(ProjectError, match="pip install --upgrade groundtune"):
        Ledger.open(path)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_every_older_version_is_brought_up_to_date_with_its_rows(tmp_path: Path, version: int, rows: bool) -> None:
    path = tmp_path / "ledger.sqlite"
    old = "INSERT INTO {} VALUES ({})"
    connection = sqlite3.connect(path)
    for statements in MIGRATIONS[:version]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
    if rows:
        connection.execute(old.format("runs (id, kind, started_at, record)", "'old', 'experiment', '2026', '{}'"))
        columns = "run, system, query, answered_at, text, input_tokens, output_tokens, milliseconds, citations, hits"
        values = "'old', 'rag', 'q9', '2026', 'café', 12, 3, '{\"total\": 4.0}', '[]', '[]'"
        connection.execute(old.format(f"answers ({columns})", values))
        connection.execute(old.format("scores", "'old', 'rag', 'q9', 'f1', '1', 0.5, NULL"))
    connection.commit()
    connection.close()
    kept = Answer(
        query="q9",
        system="rag",
        text="café",
        usage=Usage(input_tokens=12, output_tokens=3),
        milliseconds={"total": 4.0},
    )
    with Ledger.open(path) as ledger:
        assert [run.id for run in ledger.runs()] == (["old"] if rows else [])
        assert ledger.answers("old") == ({("rag", "q9"): kept} if rows else {})
        assert [score.value for score in ledger.scores("old")] == ([0.5] if rows else [])
        ledger.start_run("new", kind="experiment", record={})
        ledger.record_answer("new", FULL)
        assert ledger.answers("new") == {("rag", "q1"): FULL}


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from groundtune.records import Answer
from groundtune.storage.ledger import Ledger

with Ledger.open(Path(sys.argv[1])) as ledger:
    ledger.start_run("r", kind="experiment", record={})
    for n in range(50):
        ledger.record_answer("r", Answer(query=str(n), system=sys.argv[2], text="x"))
        print(n, flush=True)
"""


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("prompt", "rag")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    with Ledger.open(path) as ledger:
        assert len(ledger.answers("r")) == 100


def test_a_killed_process_leaves_every_answer_it_had_recorded(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    command = [sys.executable, "-c", WRITER, str(path), "rag"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(10):
            writer.stdout.readline()
        writer.kill()
    with Ledger.open(path) as ledger:
        stored = ledger.answers("r")
    assert {("rag", str(n)) for n in range(10)} <= set(stored)
