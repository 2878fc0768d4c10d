"""The knowledge base follows its files: what is written, changed or removed is searchable as soon as a sync is done."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from groundtune.errors import ProjectError
from groundtune.knowledge import KnowledgeBase, SyncReport
from groundtune.project.watching import follow
from groundtune.testing.embedding import HashedWords


@pytest.fixture
def knowledge(tmp_path: Path) -> KnowledgeBase:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "gate.md").write_text("# Gate\n\nThe gate closes at eight.\n", encoding="utf-8")
    return KnowledgeBase(tmp_path / ".groundtune" / "knowledge", HashedWords())


def followed(knowledge: KnowledgeBase, root: Path, stop: threading.Event, said: list[str]) -> Iterator[SyncReport]:
    return follow(["docs/*.md", "."], root, lambda: knowledge.sync(["docs/*.md"], root), said.append, stop)


def test_changes_are_followed_and_its_own_files_start_nothing(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    stop = threading.Event()
    reports = followed(knowledge, tmp_path, stop, [])
    assert next(reports).added == 1
    (tmp_path / "docs" / "door.md").write_text("# Door\n\nThe door is red.\n", encoding="utf-8")
    assert next(reports).added == 1
    (tmp_path / "docs" / "gate.md").write_text("# Gate\n\nThe gate closes at nine.\n", encoding="utf-8")
    assert next(reports).changed == 1
    assert "nine" in knowledge.search("gate closes")[0].passage.text
    (tmp_path / "docs" / "door.md").unlink()
    assert next(reports).removed == 1
    stop.set()
    assert list(reports) == []


def test_another_sync_is_waited_for(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    stop, said = threading.Event(), list[str]()
    lock = FileLock(str(knowledge.folder / "sync.lock"))
    knowledge.folder.mkdir(parents=True)

    def release_when_told(why: str) -> None:
        said.append(why)
        lock.release()

    with lock:
        reports = follow(["docs"], tmp_path, lambda: knowledge.sync(["docs"], tmp_path), release_when_told, stop)
        assert next(reports).added == 1
    assert "Another sync" in said[0]
    stop.set()


def test_there_must_be_something_to_watch(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    with pytest.raises(ProjectError, match=r"https://example\.org.*local path"):
        next(follow(["https://example.org/"], tmp_path, lambda: knowledge.sync([], tmp_path), lambda _: None))


def heed_interrupts() -> None:
    """As at a terminal; a job that a shell put in the background, and whatever it starts, ignores them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_the_command_goes_on_until_it_is_interrupted(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "gate.md").write_text("# Gate\n\nThe gate closes at eight.\n", encoding="utf-8")
    settings = '[project]\nname = "desk"\ninstruction = "Answer from the documents."\n'
    (tmp_path / "groundtune.toml").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "groundtune", "sync", "--watch", "--json", "--project", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["added"] == 1
        (docs / "gate.md").unlink()
        line = process.stdout.readline()
        assert line, process.stderr.read()
        assert json.loads(line)["removed"] == 1
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert "Traceback" not in process.stderr.read()
