"""The knowledge base follows its files: what is written, changed or removed is searchable as soon as a sync is done."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from groundtune.errors import Busy, ProjectError
from groundtune.knowledge import KnowledgeBase, SyncReport
from groundtune.project.watching import follow
from groundtune.testing.embedding import HashedWords


@pytest.fixture
def knowledge(tmp_path: Path) -> KnowledgeBase:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "gate.md").write_text("# Gate\n\nThe gate closes at eight.\n", encoding="utf-8")
    return KnowledgeBase(tmp_path / ".groundtune" / "knowledge", HashedWords())


def followed(knowledge: KnowledgeBase, root: Path, stop: threading.Event, said: list[str]) -> Iterator[SyncReport]:
    return follow(
        ["docs/*.md", "."],
        root,
        lambda changed: knowledge.sync(["docs/*.md"], root, changed=changed),
        said.append,
        stop,
    )


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
        reports = follow(
            ["docs"],
            tmp_path,
            lambda changed: knowledge.sync(["docs"], tmp_path, changed=changed),
            release_when_told,
            stop,
        )
        assert next(reports).added == 1
    assert "Another sync" in said[0]
    stop.set()


def test_there_must_be_something_to_watch(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    with pytest.raises(ProjectError, match=r"https://example\.org.*local path"):
        next(follow(["https://example.org/"], tmp_path, lambda _: knowledge.sync([], tmp_path), lambda _: None))


class Told:
    """The system's events, as a test tells them; what the syncs were asked to look at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *turns: Collection[str] | Callable[[], None]) -> None:
        self._turns = iter(turns)
        self.asked: list[set[str] | None] = []
        self.busy = 0
        monkeypatch.setattr("watchfiles.watch", self._watch)

    def _watch(self, *places: str, **options: object) -> Iterator[set[tuple[int, str]]]:
        for turn in self._turns:
            if callable(turn):
                turn()
            yield set() if callable(turn) else {(2, path) for path in turn}

    def sync(self, changed: Collection[str] | None) -> SyncReport:
        self.asked.append(None if changed is None else set(changed))
        if self.busy:
            self.busy -= 1
            raise Busy("Another sync.")
        return SyncReport(added=0, changed=0, removed=0, unchanged=0, failed=(), passages=0, seconds=0)

    def follow(self, root: Path) -> list[SyncReport]:
        return list(follow(["docs"], root, self.sync, lambda _: None))


TICK: Collection[str] = ()


def test_a_sync_looks_at_what_changed_and_at_everything_once_it_is_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    told = Told(monkeypatch, TICK, TICK, ["a"], TICK, TICK, TICK, ["b", "c"], *[TICK] * 9, ["d"])
    told.follow(tmp_path)
    assert told.asked == [None, {"a"}, {"b", "c"}, None, {"d"}]


def test_everything_is_looked_at_from_time_to_time_whatever_the_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    told = Told(monkeypatch, *[TICK] * 2500)
    told.follow(tmp_path)
    assert told.asked == [None, None, None]


def test_changes_wait_until_the_other_sync_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    told = Told(monkeypatch, TICK, lambda: setattr(told, "busy", 2), ["a"], TICK, ["b"], TICK)
    told.follow(tmp_path)
    assert told.asked == [None, {"a"}, {"a"}, {"a", "b"}]


def test_a_folder_that_is_replaced_is_watched_anew_and_looked_at_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "other").mkdir()

    def replaced() -> None:
        (tmp_path / "docs").rename(tmp_path / "before")
        (tmp_path / "other").rename(tmp_path / "docs")

    told = Told(monkeypatch, TICK, replaced, ["a"], TICK)
    told.follow(tmp_path)
    assert told.asked == [None, None]


def test_folders_links_and_renames_are_followed(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    docs, stop = tmp_path / "docs", threading.Event()
    elsewhere = tmp_path / "elsewhere" / "inside"
    elsewhere.mkdir(parents=True)
    (elsewhere / "bell.md").write_text("# Bell\n\nThe bell rings.\n", encoding="utf-8")
    reports = follow(
        ["docs"], tmp_path, lambda changed: knowledge.sync(["docs"], tmp_path, changed=changed), lambda _: None, stop
    )

    def until(*documents: str) -> None:
        while sorted(knowledge.documents()) != sorted(documents):
            next(reports)

    until("gate.md")
    elsewhere.rename(docs / "inside")
    until("gate.md", "inside/bell.md")
    (docs / "linked.md").symlink_to(docs / "inside" / "bell.md")
    (docs / "gate.md").rename(docs / "door.md")
    until("door.md", "linked.md")
    (docs / "linked.md").unlink()
    (docs / "inside").rename(tmp_path / "elsewhere" / "again")
    until("door.md")
    assert [hit.passage.document for hit in knowledge.search("bell", 3)] == ["door.md"], "nothing of it stays"
    stop.set()


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
