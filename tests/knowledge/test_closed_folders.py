"""A folder that cannot be opened is told, and what was read of it before stays; what is gone does not."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from groundtune.knowledge import KnowledgeBase
from groundtune.sources import walking
from groundtune.testing.embedding import HashedWords


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("a.md", "deep/b.md", "deep/er/c.md", "deeper/d.md"):
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n\nThe word of {name[-4]} is heron{name[-4]}.\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def knowledge(project: Path) -> KnowledgeBase:
    return KnowledgeBase(project / ".groundtune", HashedWords())


def close(monkeypatch: pytest.MonkeyPatch, *folders: Path, code: int = errno.EACCES) -> None:
    """Refuse to list them, as a lost right or a broken mount does; the root user is refused nothing."""
    entries, closed = walking._entries, {str(folder) for folder in folders}

    def refusing(path: str) -> list[os.DirEntry[str]]:
        if path in closed:
            raise OSError(code, os.strerror(code), path)
        return entries(path)

    monkeypatch.setattr(walking, "_entries", refusing)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_what_is_below_a_closed_folder_stays_and_the_folder_is_told(
    project: Path, knowledge: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    assert knowledge.sync(["docs"], project).added == 4
    close(monkeypatch, project / "docs" / "deep", code=code)
    (project / "docs" / "a.md").unlink()
    for _ in range(2):
        report = knowledge.sync(["docs"], project)
        assert knowledge.documents() == ["deep/b.md", "deep/er/c.md", "deeper/d.md"]
        assert [(failure.source, failure.transient) for failure in report.failed] == [("docs/deep/", True)]
        assert "cannot be opened" in report.failed[0].reason
    monkeypatch.undo()
    (project / "docs" / "deep" / "b.md").write_text("# b\n\nAnother heron.\n", encoding="utf-8")
    report = knowledge.sync(["docs"], project)
    assert (report.changed, report.unchanged, report.removed, report.failed) == (1, 2, 0, ())


def test_a_whole_source_may_be_closed(project: Path, knowledge: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge.sync(["."], project / "docs")
    close(monkeypatch, project / "docs")
    report = knowledge.sync(["."], project / "docs")
    assert (report.unchanged, report.removed) == (4, 0)
    assert [failure.source for failure in report.failed] == ["./"]


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ENOTDIR])
def test_a_folder_that_goes_while_it_is_looked_for_is_gone(
    project: Path, knowledge: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    knowledge.sync(["docs"], project)
    close(monkeypatch, project / "docs" / "deep", code=code)
    report = knowledge.sync(["docs"], project)
    assert (report.removed, report.failed) == (2, ())


def test_a_folder_that_was_removed_while_another_is_closed_is_gone(
    project: Path, knowledge: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge.sync(["docs"], project)
    close(monkeypatch, project / "docs" / "deep")
    shutil.rmtree(project / "docs" / "deeper")
    assert knowledge.sync(["docs"], project).removed == 1
    assert knowledge.documents() == ["a.md", "deep/b.md", "deep/er/c.md"]
