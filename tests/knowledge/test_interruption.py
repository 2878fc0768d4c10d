"""A sync that is killed at any moment leaves an index that the next one completes exactly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.records import Document
from groundtune.testing.embedding import HashedWords

SYNC = """
import sys
from pathlib import Path
from groundtune.knowledge import KnowledgeBase, sync
from groundtune.testing.embedding import HashedWords
sync._WINDOW = 8
class Slow(HashedWords):
    def embed_ids(self, ids):
        print("embedding", flush=True)
        sys.stdin.readline()
        return super().embed_ids(ids)
KnowledgeBase(Path(sys.argv[1]) / "knowledge", Slow()).sync(["docs"], Path(sys.argv[1]))
"""


def write(project: Path, version: str, numbers: range) -> None:
    docs = project / "docs"
    docs.mkdir(exist_ok=True)
    for number in numbers:
        said = f"Gate {number} of {version} closes at {{}}. "
        text = "".join(f"## Part {part}\n\n{said.format(part) * 9}\n\n" for part in range(3))
        (docs / f"gate-{number}.md").write_text(f"# Gate {number}\n\n{text}", encoding="utf-8")


def passages(project: Path, folder: str) -> list[tuple[str, str]]:
    knowledge = KnowledgeBase(project / folder, HashedWords())
    return sorted((p.id, p.text) for id_ in knowledge.documents() for p in knowledge.passages_of(id_))


def kill_after(project: Path, windows: int) -> None:
    """Start a sync and kill it while it embeds the window after ``windows`` others, whose writing may be under way."""
    process = subprocess.Popen(
        [sys.executable, "-c", SYNC, str(project)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        for _ in range(windows):
            assert process.stdout.readline() == "embedding\n"
            process.stdin.write("\n")
            process.stdin.flush()
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("windows", [0, 1, 2, 5])
def test_a_killed_sync_is_completed_without_lost_doubled_or_stray_passages(tmp_path: Path, windows: int) -> None:
    write(tmp_path, "old", range(14))
    KnowledgeBase(tmp_path / "knowledge", HashedWords()).sync(["docs"], tmp_path)
    write(tmp_path, "new", range(4, 18))
    (tmp_path / "docs" / "gate-0.md").unlink()
    kill_after(tmp_path, windows)
    during = passages(tmp_path, "knowledge")
    assert len({id_ for id_, _ in during}) == len(during)
    report = KnowledgeBase(tmp_path / "knowledge", HashedWords()).sync(["docs"], tmp_path)
    assert report.added + report.changed + report.unchanged == 17
    KnowledgeBase(tmp_path / "clean", HashedWords()).sync(["docs"], tmp_path)
    assert passages(tmp_path, "knowledge") == passages(tmp_path, "clean")


def test_a_reader_sees_whole_documents_while_they_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "knowledge"
    words = ("old", "new")
    versions = [[Document(id="d", title="D", text=f"{word} gate. " * 300, source="d")] for word in words]
    writer = KnowledgeBase(folder, HashedWords())
    writer.sync_documents(versions[0])
    seen: list[set[str]] = []
    done = threading.Event()

    def read() -> None:
        reader = KnowledgeBase(folder, HashedWords())
        while not done.is_set():
            seen.append({hit.passage.text.split()[0] for hit in reader.search("gate", 99)})

    thread = threading.Thread(target=read)
    thread.start()
    for turn in range(1, 9):
        writer.sync_documents(versions[turn % 2])
    done.set()
    thread.join()
    assert seen
    assert all(found in ({"old"}, {"new"}) for found in seen)
