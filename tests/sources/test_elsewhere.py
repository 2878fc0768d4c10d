"""Sources that lie elsewhere: other file systems and databases, copied when they are new and kept when unreachable."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from groundtune.errors import ProjectError
from groundtune.records import Document
from groundtune.sources import Conversion, Database, Failure, Rules, discover


@pytest.fixture
def bucket() -> Iterator[fsspec.AbstractFileSystem]:
    """Files in memory, behind the same interface as those of an object store."""
    system = fsspec.filesystem("memory")
    system.pipe({"/bucket/docs/a.md": b"# A", "/bucket/docs/sub/b.txt": b"text", "/bucket/docs/sub/x.png": b"no"})
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def test_files_of_another_system_keep_their_address(bucket: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    results = discover(["memory://bucket/docs"], tmp_path, tmp_path / ".cache")
    assert [(file.id, file.source, file.format) for file in results.files] == [
        ("a.md", "memory:///bucket/docs/a.md", "markdown"),
        ("sub/b.txt", "memory:///bucket/docs/sub/b.txt", "text"),
    ]
    assert results.files[0].path.read_bytes() == b"# A"
    globbed = discover(["memory://bucket/docs/**/*.txt"], tmp_path, tmp_path / ".cache")
    assert [file.id for file in globbed.files] == ["sub/b.txt"]


def test_a_folder_and_an_archive_by_their_addresses(tmp_path: Path) -> None:
    (tmp_path / "store" / "sub").mkdir(parents=True)
    (tmp_path / "store" / "a.md").write_text("# A", encoding="utf-8")
    (tmp_path / "store" / "sub" / "b.txt").write_text("b", encoding="utf-8")
    folder = (tmp_path / "store").as_uri()
    found = discover([folder], tmp_path, tmp_path / ".cache")
    assert [(file.id, file.source) for file in found.files] == [
        ("a.md", f"{folder}/a.md"),
        ("sub/b.txt", f"{folder}/sub/b.txt"),
    ]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("docs/c.md", "# C")
        archive.writestr("other/d.md", "# D")
    outer = (tmp_path / "all.zip").as_uri()
    (inner,) = discover([f"zip://docs::{outer}"], tmp_path, tmp_path / ".cache").files
    assert (inner.id, inner.source) == ("c.md", f"zip://docs/c.md::{outer}")
    with fsspec.open(inner.source, "rb") as opened:
        assert opened.read() == b"# C"


def test_only_what_is_new_is_read_again(
    bucket: fsspec.AbstractFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = discover(["memory://bucket/docs"], tmp_path, tmp_path / ".cache")
    opened: list[str] = []
    real = type(bucket).open

    def counted(self: fsspec.AbstractFileSystem, path: str, *rest: object, **more: object) -> object:
        opened.append(path)
        return real(self, path, *rest, **more)

    monkeypatch.setattr(type(bucket), "open", counted)
    assert discover(["memory://bucket/docs"], tmp_path, tmp_path / ".cache") == first
    assert opened == []
    bucket.store["/bucket/docs/a.md"].created = bucket.store["/bucket/docs/a.md"].created.replace(year=2020)
    del bucket.store["/bucket/docs/sub/b.txt"]
    second = discover(["memory://bucket/docs"], tmp_path, tmp_path / ".cache")
    assert opened == ["/bucket/docs/a.md"]
    assert [file.id for file in second.files] == ["a.md"]


def test_an_unreachable_system_keeps_what_was_read(
    bucket: fsspec.AbstractFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = discover(["memory://bucket/docs"], tmp_path, tmp_path / ".cache")

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(type(bucket), "find", unreachable)
    results = discover(["memory://bucket/docs"], tmp_path, tmp_path / ".cache")
    assert results.files == first.files
    (failure,) = results.failures
    assert (failure.kind, failure.transient) == ("unreachable", True)
    assert "no route to host" in failure.reason


def test_an_unknown_system_says_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"nothing://x cannot be read.*s3://bucket/prefix"):
        discover(["nothing://x"], tmp_path, tmp_path / ".cache")


def tickets(path: Path, *rows: tuple[object, ...]) -> Rules:
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE tickets (number INTEGER, title TEXT, body TEXT, product TEXT)")
        connection.executemany("INSERT INTO tickets VALUES (?, ?, ?, ?)", rows)
    connection.close()
    database = Database(
        url=f"sqlite:///{path}",
        query="SELECT * FROM tickets ORDER BY number",
        id="number",
        text="body",
        title="title",
        source="https://example.org/{product}/{number}",
    )
    return Rules(sql={"tickets": database})


def documents(root: Path, rules: Rules) -> tuple[list[Document], list[Failure]]:
    found = discover(["sql:tickets"], root, root / ".cache", rules=rules)
    with Conversion(rules) as conversion:
        results = [result for file in found.files for result in conversion.start(file)()]
    failed = [result for result in results if isinstance(result, Failure)]
    return [result for result in results if isinstance(result, Document)], found.failures + failed


def test_one_row_is_one_document(tmp_path: Path) -> None:
    rules = tickets(
        tmp_path / "t.db", (1, "Gate", "It is closed.", "door"), (2, None, "Open\nnow.", None), (3, "x", None, "y")
    )
    found, failed = documents(tmp_path, rules)
    assert [(document.id, document.title, document.text, document.source) for document in found] == [
        ("tickets/1", "Gate", "It is closed.", "https://example.org/door/1"),
        ("tickets/2", "", "Open\nnow.", "https://example.org//2"),
    ]
    assert found[0].metadata == {"product": "door"}
    assert [(failure.source, failure.reason) for failure in failed] == [("sql:tickets:3", '"text" is empty')]


def test_the_same_rows_leave_the_copy_untouched(tmp_path: Path) -> None:
    rules = tickets(tmp_path / "t.db", (1, "Gate", "It is closed.", "door"))
    (first,) = discover(["sql:tickets"], tmp_path, tmp_path / ".cache", rules=rules).files
    before = first.path.stat()
    (second,) = discover(["sql:tickets"], tmp_path, tmp_path / ".cache", rules=rules).files
    assert (second, second.path.stat().st_mtime_ns) == (first, before.st_mtime_ns)
    assert second.path.stat().st_ino == before.st_ino


def test_a_database_that_cannot_be_asked_keeps_its_rows_and_tells_no_password(tmp_path: Path) -> None:
    rules = tickets(tmp_path / "t.db", (1, "Gate", "It is closed.", "door"))
    assert len(documents(tmp_path, rules)[0]) == 1
    for url, query, reason in [
        ("sqlite:////nowhere/at/all.db", "SELECT 1", "unable to open"),
        (f"sqlite:///{tmp_path}/t.db", "SELECT * FROM missing", "no such table"),
        (f"sqlite:///{tmp_path}/t.db", "SELECT body FROM tickets", "no column number, title"),
        ("sqlite:/s3cret", "SELECT 1", "cannot be asked"),
        ("no-such-dialect://me:s3cret@host/db", "SELECT 1", "cannot be asked"),
    ]:
        changed = Rules(sql={"tickets": Database(url=url, query=query, id="number", text="body", title="title")})
        found, failed = documents(tmp_path, changed)
        assert [document.id for document in found] == ["tickets/1"]
        (failure,) = failed
        assert reason in failure.reason
        assert "s3cret" not in failure.reason + failure.hint + repr(changed)


def test_a_database_that_nobody_described_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"No such database: sql:other\. Described in groundtune.toml: sql:tickets"):
        discover(["sql:other"], tmp_path, tmp_path / ".cache", rules=tickets(tmp_path / "t.db"))
