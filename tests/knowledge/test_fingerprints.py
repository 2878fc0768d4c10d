"""An unchanged file costs a look; a changed one is never taken for unchanged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.fingerprints import Fingerprints
from groundtune.sources import SourceFile
from groundtune.testing.embedding import HashedWords

LONG_AGO = 1_600_000_000


def named(path: Path, *, suspect: bool = True) -> SourceFile:
    return SourceFile("a.md", str(path), "a.md", "markdown", suspect)


def kept(tmp_path: Path, path: Path, recipe: str = "1") -> Fingerprints:
    first = Fingerprints(tmp_path / "prints.json", recipe)
    first.keep("a.md", first.take(named(path))._replace(documents={"a.md": "hash"}))
    first.save()
    return first


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.md"
    path.write_text("one", encoding="utf-8")
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_an_old_file_is_known_by_size_and_time(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path, path)
    monkeypatch.setattr("groundtune.knowledge.fingerprints._sha256", None)
    found = Fingerprints(tmp_path / "prints.json", "1").unchanged(named(path))
    assert found is not None
    assert found.documents == {"a.md": "hash"}


def test_a_touched_file_is_known_by_its_content(tmp_path: Path, path: Path) -> None:
    kept(tmp_path, path)
    os.utime(path, (LONG_AGO + 9, LONG_AGO + 9))
    found = Fingerprints(tmp_path / "prints.json", "1").unchanged(named(path))
    assert found is not None
    assert (found.mtime_ns, found.settled) == ((LONG_AGO + 9) * 10**9, True)


def test_a_young_file_of_the_same_size_and_time_is_read_again(tmp_path: Path, path: Path) -> None:
    os.utime(path)
    kept(tmp_path, path)
    stat = path.stat()
    path.write_text("two", encoding="utf-8")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    prints = Fingerprints(tmp_path / "prints.json", "1")
    assert prints.unchanged(named(path)) is None
    assert prints.unchanged(named(path, suspect=False)) is None, "nobody trusts its time"


def test_a_file_above_suspicion_is_not_looked_at(tmp_path: Path, path: Path) -> None:
    prints = kept(tmp_path, path)
    path.unlink()
    found = prints.unchanged(named(path, suspect=False))
    assert found is not None
    assert found.documents == {"a.md": "hash"}


def test_what_another_process_saved_is_read_and_what_this_one_saved_is_known(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kept(tmp_path, path)
    other = Fingerprints(tmp_path / "prints.json", "1")
    other.keep("b.md", other.take(named(path)))
    other.save()
    first.begin()
    assert (first.known("a.md"), first.known("b.md")) == (None, other.known("b.md"))
    monkeypatch.setattr("groundtune.knowledge.fingerprints._load", None)
    other.begin()
    assert other.known("b.md") is not None


def test_what_is_remembered_is_saved_later(tmp_path: Path, path: Path) -> None:
    prints = kept(tmp_path, path)
    on_disk = (tmp_path / "prints.json").read_bytes()
    prints.begin()
    prints.keep("b.md", prints.take(named(path)))
    prints.remember()
    prints.begin()
    assert (prints.known("a.md"), prints.known("b.md") is not None) == (None, True)
    assert (tmp_path / "prints.json").read_bytes() == on_disk
    prints.keep("b.md", prints.known("b.md") or prints.take(named(path)))
    prints.save()
    assert Fingerprints(tmp_path / "prints.json", "1").known("b.md") == prints.known("b.md")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"recipe": "1", "sources": {"a.md": {"size": 1}}}'])
def test_a_damaged_cache_counts_for_nothing(tmp_path: Path, path: Path, damage: str) -> None:
    (tmp_path / "prints.json").write_text(damage, encoding="utf-8")
    assert Fingerprints(tmp_path / "prints.json", "1").unchanged(named(path)) is None


def test_another_recipe_reads_everything_again(tmp_path: Path, path: Path) -> None:
    kept(tmp_path, path)
    assert Fingerprints(tmp_path / "prints.json", "2").unchanged(named(path)) is None


def test_what_cannot_be_read_now_keeps_what_was_read_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "gate.md").write_text("The gate closes at eight.", encoding="utf-8")
    (docs / "door.md").write_text("The door is open.", encoding="utf-8")
    knowledge = KnowledgeBase(tmp_path / "knowledge", HashedWords())
    knowledge.sync(["docs"], tmp_path)
    (docs / "gate.md").write_text("The gate closes at nine.", encoding="utf-8")
    real = Path.read_bytes

    def locked(self: Path) -> bytes:
        if self.name == "gate.md":
            raise PermissionError(13, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", locked)
    report = knowledge.sync(["docs"], tmp_path)
    assert (report.removed, report.failed[0].source) == (0, "docs/gate.md")
    assert knowledge.search("gate")[0].passage.text == "The gate closes at eight."
    monkeypatch.setattr(Path, "read_bytes", real)
    assert knowledge.sync(["docs"], tmp_path).changed == 1


def test_failures_are_reported_every_time(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    rows = ['{"id": "a", "text": "The gate."}', "{", '{"id": "a", "text": "Twice."}']
    (docs / "d.jsonl").write_text("\n".join(rows), encoding="utf-8")
    os.utime(docs / "d.jsonl", (LONG_AGO, LONG_AGO))
    knowledge = KnowledgeBase(tmp_path / "knowledge", HashedWords())
    first, second = knowledge.sync(["docs"], tmp_path), knowledge.sync(["docs"], tmp_path)
    assert (first.added, second.unchanged) == (1, 1)
    assert len(first.failed) == 2
    assert second.failed == first.failed
