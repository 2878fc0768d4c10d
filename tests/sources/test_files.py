"""Which files are found, under which ids, and what is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundtune.errors import ProjectError
from groundtune.sources import discover


def lay(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text", encoding="utf-8")


def found(sources: list[str], root: Path) -> list[tuple[str, str, str]]:
    return [(file.id, file.source, file.format) for file in discover(sources, root, root / ".cache").files]


def test_a_folder_gives_its_files_in_order_without_hidden_ones_and_pictures(tmp_path: Path) -> None:
    lay(tmp_path, "docs/b.md", "docs/a/z.html", "docs/.git/x.md", "docs/.hidden.md", "docs/logo.png", "docs/x.odg")
    assert found(["docs"], tmp_path) == [
        ("b.md", "docs/b.md", "markdown"),
        ("x.odg", "docs/x.odg", "unsupported"),
        ("a/z.html", "docs/a/z.html", "html"),
    ]


def test_files_and_globs_count_from_their_own_folder(tmp_path: Path) -> None:
    lay(tmp_path, "docs/one/a.rst", "docs/two/b.txt", "docs/two/c.jsonl.gz", "docs/two/d.rst.txt", "notes.md")
    assert found(["docs/**/*.rst", "notes.md", "docs/two"], tmp_path) == [
        ("one/a.rst", "docs/one/a.rst", "rst"),
        ("notes.md", "notes.md", "markdown"),
        ("b.txt", "docs/two/b.txt", "text"),
        ("c.jsonl.gz", "docs/two/c.jsonl.gz", "rows"),
        ("d.rst.txt", "docs/two/d.rst.txt", "rst"),
    ]


def test_a_file_named_twice_is_found_once(tmp_path: Path) -> None:
    lay(tmp_path, "docs/a.md")
    assert found(["docs", "docs/a.md", "docs/*.md"], tmp_path) == [("a.md", "docs/a.md", "markdown")]


def test_the_same_path_below_two_sources_gives_two_ids(tmp_path: Path) -> None:
    lay(tmp_path, "old/a.md", "new/a.md")
    assert [file.id for file in discover(["old", "new"], tmp_path, tmp_path / ".cache").files] == ["a.md", "new/a.md"]


def test_sources_outside_the_project_are_shown_whole(tmp_path: Path) -> None:
    lay(tmp_path, "elsewhere/a.md")
    (file,) = discover([str(tmp_path / "elsewhere")], tmp_path / "project", tmp_path / ".cache").files
    assert (file.id, file.source) == ("a.md", (tmp_path / "elsewhere" / "a.md").as_posix())


def test_all_missing_sources_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"one, two/b\.md .*Allowed are folders.*\[knowledge\]"):
        discover(["one", "two/b.md", "none/*.md"], tmp_path, tmp_path / ".cache")
