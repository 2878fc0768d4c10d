"""The walk finds what the file system holds, as globs are understood, and knows what may have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundtune.sources import walking
from groundtune.sources.walking import fixed_part, walk

NAMES = st.sampled_from(["a", "b", ".c", "a.md", "b.md", ".d.md", "b.txt", "x.png"])
TREES = st.recursive(
    st.sampled_from(["file", "link to a file", "link to a folder", "dead link"]),
    lambda inside: st.dictionaries(NAMES, inside, max_size=4),
    max_leaves=12,
)
PARTS = st.sampled_from(["**", "*", "*.md", "a", "b*", "[ab]", "?.md"])


def lay(path: Path, tree: str | dict[str, object], other: Path) -> None:
    if isinstance(tree, dict):
        path.mkdir()
        for name, inside in tree.items():
            lay(path / name, inside, other)  # type: ignore[arg-type]
    elif tree == "file":
        path.write_text("text", encoding="utf-8")
    else:
        path.symlink_to({"link to a file": other / "a.md", "link to a folder": other}.get(tree, other / "nothing"))


@settings(max_examples=200)
@given(tree=st.dictionaries(NAMES, TREES, max_size=4), parts=st.lists(PARTS, min_size=1, max_size=4))
def test_a_glob_finds_what_pathlib_finds(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object], parts: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    other = root / "other"
    lay(other, {"a.md": "file", "b": {"b.md": "file"}}, other)
    lay(root / "docs", tree, other)
    pattern = "/".join([*parts, "*.md"])
    found = [found.file.id for found in walk(f"docs/{pattern}", root)]
    base = fixed_part(f"docs/{pattern}", root)
    expected = [
        path.relative_to(base) for path in base.glob(pattern.removeprefix(f"{base.relative_to(root / 'docs')}/"))
    ]
    visible = {
        path.as_posix()
        for path in expected
        if not any(part.startswith(".") for part in path.parts)
        and ((base / path).is_file() or not (base / path).exists())
    }
    assert len(found) == len(set(found))
    assert set(found) == visible
    assert {found.file.source for found in walk(f"docs/{pattern}", root)} == {
        (base / name).relative_to(root).as_posix() for name in visible
    }


def test_pipes_are_passed_over_and_dead_links_are_found(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "dead.md").symlink_to(tmp_path / "nothing")
    (tmp_path / "circle.md").symlink_to("circle.md")
    (tmp_path / "linked").symlink_to(tmp_path)
    assert [found.file.id for found in walk(".", tmp_path)] == ["circle.md", "dead.md"]


def test_one_file_under_two_names_has_one_real_path(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text", encoding="utf-8")
    (tmp_path / "b.md").symlink_to("a.md")
    first, second = walk(".", tmp_path)
    assert (first.file.id, second.file.id) == ("a.md", "b.md")
    assert first.real == second.real == os.path.realpath(tmp_path / "a.md")


def test_suspect_is_what_changed_what_lies_below_it_and_every_link(tmp_path: Path) -> None:
    for name in ("one/a.md", "one/b.md", "two/c.md", "two/d/e.md"):
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text("text", encoding="utf-8")
    (tmp_path / "docs" / "z.md").symlink_to("one/b.md")
    docs = os.path.realpath(tmp_path / "docs")

    def suspects(*changed: str, source: str = "docs") -> list[str]:
        return [found.file.id for found in walk(source, tmp_path, changed) if found.file.suspect]

    assert suspects() == ["z.md"]
    assert suspects(f"{docs}/one/a.md") == ["z.md", "one/a.md"]
    assert suspects(f"{docs}/two") == ["z.md", "two/c.md", "two/d/e.md"]
    assert suspects(docs) == ["z.md", "one/a.md", "one/b.md", "two/c.md", "two/d/e.md"]
    assert suspects(f"{docs}/two", source="docs/two/*.md") == ["c.md"]
    assert suspects(f"{docs}/two", source="docs/two/c.md") == ["c.md"]
    assert suspects(f"{docs}/two/d", source="docs/two/c.md") == []


def found(root: Path, changed: set[str]) -> dict[str, bool]:
    """Files with whether they are suspect."""
    return {file.id: file.suspect for file, _ in walk("docs", root, changed)}


def record_listings(monkeypatch: pytest.MonkeyPatch, listed: list[str]) -> None:
    entries = walking._entries

    def recorded(path: str) -> list[os.DirEntry[str]]:
        listed.append(path)
        return entries(path)

    monkeypatch.setattr(walking, "_entries", recorded)


def test_a_folder_whose_time_says_that_it_is_as_it_was_is_not_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path / "docs", {"a.md": "file", "b": {"b.md": "file", "c": {"c.md": "file"}}}, tmp_path)
    docs, listed = os.path.realpath(tmp_path / "docs"), list[str]()
    monkeypatch.setattr(walking, "_SETTLED_NS", -(10**18))  # trust it however young
    record_listings(monkeypatch, listed)
    assert found(tmp_path, set()) == {"a.md": False, "b/b.md": False, "b/c/c.md": False}
    assert len(listed) == 3
    assert found(tmp_path, {f"{docs}/b/b.md"}) == {"a.md": False, "b/b.md": True, "b/c/c.md": False}
    assert len(listed) == 3
    assert found(tmp_path, {f"{docs}/b"}) == {"a.md": False, "b/b.md": True, "b/c/c.md": True}
    assert [os.path.basename(path) for path in listed[3:]] == ["b", "c"]
    os.utime(docs, (1, 1))
    found(tmp_path, set())
    assert [os.path.basename(path) for path in listed[5:]] == ["docs"]


@pytest.mark.parametrize("link", [False, True])
def test_a_young_folder_and_one_with_links_are_listed_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    lay(tmp_path / "docs", {"a.md": "file"}, tmp_path)
    if link:
        (tmp_path / "docs" / "b").symlink_to(tmp_path / "other.md")
    listed: list[str] = []
    monkeypatch.setattr(walking, "_SETTLED_NS", -(10**18) if link else 10**18)
    record_listings(monkeypatch, listed)
    assert found(tmp_path, set()) == found(tmp_path, set())
    assert len(listed) == 2
