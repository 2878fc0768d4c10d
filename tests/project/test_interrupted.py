"""A run that is killed goes on where it was: nothing lost, nothing twice."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from groundtune.project import Project

Cut = Callable[..., Path]
KILL_AT = 40

KILLED = """
import os, signal, sys
from groundtune.storage.ledger import Ledger
record, count = Ledger.record_answer, 0
def record_and_die(self, run, answer):
    global count
    record(self, run, answer)
    count += 1
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
Ledger.record_answer = record_and_die
from groundtune.cli import run
sys.exit(run(["decide", "--project", sys.argv[1], "--json"]))
"""


def answers(folder: Path) -> list[tuple[str, str, str]]:
    with sqlite3.connect(folder / ".groundtune" / "ledger.sqlite") as ledger:
        return list(ledger.execute("SELECT run, system, query FROM answers"))


@pytest.mark.slow
def test_a_killed_decision_goes_on_and_asks_nothing_twice(tmp_path: Path, cut: Cut) -> None:
    folder = cut(tmp_path, "help-desk", examples=60, queries=30)
    for number in range(1, 4):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(folder), str(KILL_AT)], capture_output=True, check=False, timeout=300
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        kept = answers(folder)
        assert len(kept) == len(set(kept)) == KILL_AT * number
    decision = Project.open(folder).decide()
    kept = answers(folder)
    assert len(kept) == len(set(kept))
    test = {row.query.id for row in decision.result.rows}
    assert {(s, q) for run, s, q in kept if run == decision.result.run and "+" not in s} == {
        (system, query) for system in decision.result.systems for query in test
    }


def test_ctrl_c_leaves_with_130_and_keeps_what_is_there(
    tmp_path: Path, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    from groundtune.cli import run

    folder = cut(tmp_path, "help-desk", examples=60, queries=30)

    def interrupted(*_: object) -> None:
        assert threading.current_thread() is threading.main_thread()
        raise KeyboardInterrupt

    monkeypatch.setattr("groundtune.project.project.Project.sync", interrupted)
    before = sorted(path.name for path in folder.iterdir())
    assert run(["decide", "--project", str(folder)]) == 130
    assert [name for name in sorted(path.name for path in folder.iterdir()) if name != ".groundtune"] == before
