"""A sync that dies at any commit or at any moment: readers see whole documents, and the next sync completes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.testing.embedding import HashedWords

# Counts everything that changes what is stored, and kills the process at one of them, before or after it was done.
DIES_AT_A_COMMIT = """
import os, signal, sys
from pathlib import Path
from lancedb.table import LanceTable, Tags
from groundtune.knowledge import KnowledgeBase, sync
from groundtune.knowledge.lance.published import Publications
from groundtune.testing.embedding import HashedWords
sync._WINDOW = 8
project, last, after = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "after"
steps = 0
def counted(owner, name):
    done = getattr(owner, name)
    def step(*arguments, **options):
        global steps
        steps += 1
        if steps == last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = done(*arguments, **options)
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, step)
for name in ("add", "delete", "optimize", "restore", "create_index"):
    counted(LanceTable, name)
for name in ("create", "update", "delete"):
    counted(Tags, name)
counted(Publications, "write")
KnowledgeBase(project / "knowledge", HashedWords()).sync(["docs"], project)
print(steps)
"""

SYNC = """
import sys
from pathlib import Path
from groundtune.knowledge import KnowledgeBase, sync
from groundtune.testing.embedding import HashedWords
sync._WINDOW = 8
print("begins", flush=True)
KnowledgeBase(Path(sys.argv[1]) / "knowledge", HashedWords()).sync(["docs"], Path(sys.argv[1]))
"""


def write(project: Path, version: str, numbers: range) -> None:
    docs = project / "docs"
    docs.mkdir(exist_ok=True)
    for number in numbers:
        said = f"Gate {number} of {version} closes at {{}}. "
        parts = range(40 if number == 5 else 3)  # one document is larger than any window
        text = "".join(f"## Part {part}\n\n{said.format(part) * 9}\n\n" for part in parts)
        (docs / f"gate-{number}.md").write_text(f"# Gate {number}\n\n{text}", encoding="utf-8")


def prepared(project: Path) -> dict[str, set[frozenset[str]]]:
    """A project that was synced and then changed: what each document may be seen as, before or after."""
    write(project, "old", range(10))
    KnowledgeBase(project / "knowledge", HashedWords()).sync(["docs"], project)
    seen = stored(project, "knowledge")
    write(project, "new", range(4, 13))
    (project / "docs" / "gate-0.md").unlink()
    (project / "docs" / "gate-1.md").rename(project / "docs" / "gate-99.md")
    KnowledgeBase(project / "clean", HashedWords()).sync(["docs"], project)
    wanted = stored(project, "clean")
    names = seen.keys() | wanted.keys()
    return {name: {seen.get(name, frozenset()), wanted.get(name, frozenset())} for name in names}


def stored(project: Path, folder: str) -> dict[str, frozenset[str]]:
    knowledge = KnowledgeBase(project / folder, HashedWords())
    found = {}
    for id_ in knowledge.documents():
        texts = [passage.text for passage in knowledge.passages_of(id_)]
        assert len(set(texts)) == len(texts), "no passage is there twice"
        found[id_] = frozenset(texts)
    return found


def restore(project: Path) -> None:
    """Back to the state after `prepared`."""
    subprocess.run(["rm", "-rf", str(project / "knowledge")], check=True)
    subprocess.run(["cp", "-a", str(project / "before"), str(project / "knowledge")], check=True)


def examine(project: Path, allowed: dict[str, set[frozenset[str]]]) -> None:
    """Each document is whole, as it was or as it is; the next sync makes all of it what a clean one makes."""
    during = stored(project, "knowledge")
    for name, versions in allowed.items():
        assert during.get(name, frozenset()) in versions, name
    knowledge = KnowledgeBase(project / "knowledge", HashedWords())
    report = knowledge.sync(["docs"], project)
    assert report.added + report.changed + report.unchanged == 12
    assert stored(project, "knowledge") == stored(project, "clean")
    assert knowledge.version == KnowledgeBase(project / "clean", HashedWords()).version == report.version
    assert {hit.passage.document for hit in knowledge.search("gate closes", 99)} <= set(knowledge.documents())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sync_killed_before_or_after_each_commit_loses_doubles_and_leaves_nothing(tmp_path: Path) -> None:
    allowed = prepared(tmp_path)
    (tmp_path / "knowledge").rename(tmp_path / "before")

    def dies(step: int, when: str) -> subprocess.CompletedProcess[str]:
        restore(tmp_path)
        command = [sys.executable, "-c", DIES_AT_A_COMMIT, str(tmp_path), str(step), when]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    whole = dies(0, "never")
    steps = int(whole.stdout)
    assert steps >= 8, "several windows, a removal, a publication of each, an upkeep"
    for step in range(1, steps + 1):
        for when in ("before", "after"):
            assert dies(step, when).returncode == -signal.SIGKILL
            examine(tmp_path, allowed)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sync_killed_at_fifty_random_moments_loses_doubles_and_leaves_nothing(tmp_path: Path) -> None:
    allowed = prepared(tmp_path)
    (tmp_path / "knowledge").rename(tmp_path / "before")

    def started() -> subprocess.Popen[str]:
        restore(tmp_path)
        process = subprocess.Popen([sys.executable, "-c", SYNC, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        return process

    with started() as whole:
        began = time.perf_counter()
        whole.wait()
        lasts = time.perf_counter() - began
    chance = random.Random(7)
    for _ in range(50):
        with started() as process:
            timer = threading.Timer(chance.uniform(0, lasts), os.kill, (process.pid, signal.SIGKILL))
            timer.start()
            process.wait()
            timer.cancel()
        examine(tmp_path, allowed)


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_what_was_there(tmp_path: Path) -> None:
    """No file can grow beyond a limit: the write fails in the store's own code, as on a full disk."""
    allowed = prepared(tmp_path)
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n{SYNC}"
    limited = limited.replace("import sys\n", "import sys, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n", 1)
    failed = subprocess.run([sys.executable, "-c", limited, str(tmp_path)], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "groundtune.errors.StorageError: The index in" in failed.stderr
    assert "groundtune sync` again" in failed.stderr
    examine(tmp_path, allowed)
