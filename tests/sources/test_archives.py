"""Archives as sources: members are documents; what leads out, blows up or nests is refused by name."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from groundtune.sources import DEFAULT_RULES, Failure, SourceFile, discover
from groundtune.sources.archives import unpacked
from groundtune.sources.discover import Discovered
from groundtune.sources.mirror import Mirror

GOOD = {"guide/a.md": b"# A", "guide/b.txt": b"text", "c.html": b"<p>c", ".hidden.md": b"no", "logo.png": b"no"}


def zipped(path: Path, members: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def tarred(path: Path, members: Mapping[str, bytes]) -> None:
    mode = {".tgz": "w:gz", ".gz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        link = tarfile.TarInfo("link.md")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def found(root: Path, *sources: str) -> Discovered:
    return discover(sources, root, root / ".cache")


def failures(results: Discovered) -> dict[str, Failure]:
    return {failure.source: failure for failure in results.failures}


@pytest.mark.parametrize("name", ["m.zip", "m.tar", "m.tar.gz", "m.tgz", "m.tar.xz", "m.tar.bz2"])
def test_members_are_found_with_an_address_of_their_own(tmp_path: Path, name: str) -> None:
    (tmp_path / "docs").mkdir()
    (zipped if name.endswith(".zip") else tarred)(tmp_path / "docs" / name, GOOD)
    results = found(tmp_path, "docs")
    assert [(file.id, file.source, file.format) for file in results.files] == [
        (f"{name}/c.html", f"docs/{name}!c.html", "html"),
        (f"{name}/guide/a.md", f"docs/{name}!guide/a.md", "markdown"),
        (f"{name}/guide/b.txt", f"docs/{name}!guide/b.txt", "text"),
    ]
    assert results.files[1].path.read_bytes() == b"# A"
    assert results.failures == []


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["../../evil.md", "/etc/evil.md", "a/../../evil.md", "..\\evil.md"])
def test_a_name_that_leads_out_is_refused_and_nothing_is_written_there(tmp_path: Path, pack: object, name: str) -> None:
    root = tmp_path / "deep" / "project"
    root.mkdir(parents=True)
    ending = "zip" if pack is zipped else "tar"
    (zipped if pack is zipped else tarred)(root / f"m.{ending}", {name: b"evil", "good.md": b"good"})
    results = found(root, f"m.{ending}")
    assert [file.source for file in results.files] == [f"m.{ending}!good.md"]
    (failure,) = results.failures
    assert failure.kind == "hostile"
    assert not list(tmp_path.rglob("evil*"))


def test_archives_inside_archives_are_named_and_not_opened(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.md", "a")
    zipped(tmp_path / "m.zip", {"inner.zip": inner.getvalue(), "good.md": b"good"})
    results = found(tmp_path, "m.zip")
    assert [file.id for file in results.files] == ["m.zip/good.md"]
    assert failures(results)["m.zip!inner.zip"].kind == "unsupported"


def test_too_large_a_member_is_left_out_and_too_many_end_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groundtune.sources.archives._LARGEST", 1000)
    monkeypatch.setattr("groundtune.sources.archives._MOST_MEMBERS", 3)
    zipped(tmp_path / "m.zip", {"bomb.md": bytes(10**7), "a.md": b"a", "b.md": b"b", "c.md": b"c"})
    results = found(tmp_path, "m.zip")
    assert [file.id for file in results.files] == ["m.zip/a.md", "m.zip/b.md"]
    told = failures(results)
    assert told["m.zip!bomb.md"].reason == "it is larger than 64 MiB"
    assert "more than 3 files" in told["m.zip"].reason


def test_a_broken_archive_keeps_what_came_before_the_break(tmp_path: Path) -> None:
    tarred(tmp_path / "m.tar.gz", {f"{n}.md": bytes(str(n * 7919) * 500, "ascii") for n in range(400)})
    data = (tmp_path / "m.tar.gz").read_bytes()
    (tmp_path / "m.tar.gz").write_bytes(data[: len(data) // 2])
    results = found(tmp_path, "m.tar.gz")
    assert 0 < len(results.files) < 400
    assert failures(results)["m.tar.gz"].kind == "damaged"


def test_an_unchanged_archive_is_not_opened_again_and_a_changed_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped(tmp_path / "m.zip", {"a.md": b"a", "b.md": b"b"})
    first = found(tmp_path, "m.zip")
    times = {file.id: file.path.stat().st_mtime_ns for file in first.files}
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was opened"))
        assert found(tmp_path, "m.zip") == first
    zipped(tmp_path / "m.zip", {"a.md": b"a", "c.md": b"longer than before"})
    second = found(tmp_path, "m.zip")
    assert [file.id for file in second.files] == ["m.zip/a.md", "m.zip/c.md"]
    assert second.files[0].path.stat().st_mtime_ns == times["m.zip/a.md"]
    assert not first.files[1].path.exists()


def test_what_is_listed_only_is_not_unpacked(tmp_path: Path) -> None:
    zipped(tmp_path / "m.zip", {"a.md": b"a"})
    assert discover(["m.zip"], tmp_path, tmp_path / ".cache", refresh=False).files == list[SourceFile]()


def test_an_archive_that_cannot_be_opened_now_keeps_what_was_read(tmp_path: Path) -> None:
    zipped(tmp_path / "m.zip", {"a.md": b"a"})
    first = found(tmp_path, "*.zip")
    (tmp_path / "m.zip").unlink()
    (tmp_path / "m.zip").symlink_to(tmp_path / "m.zip.d" / "m.zip")
    (tmp_path / "m.zip.d").mkdir()
    file = SourceFile(id="m.zip", location=str(tmp_path / "m.zip"), source="m.zip", format="archive")
    mirror = Mirror(first.files[0].path.parent)
    results = list(unpacked(file, mirror, DEFAULT_RULES))
    assert results[0] == first.files[0]
    assert isinstance(results[1], Failure)
    assert results[1].transient


def test_each_copy_is_told(tmp_path: Path) -> None:
    zipped(tmp_path / "m.zip", {"a.md": b"a", "b.md": b"b"})
    zipped(tmp_path / "n.zip", {"c.md": b"c"})
    counts: list[int] = []
    discover(["*.zip"], tmp_path, tmp_path / ".cache", told=counts.append)
    assert counts == [1, 2, 3]


def test_a_member_with_a_password_is_reported_beside_the_others(tmp_path: Path) -> None:
    zipped(tmp_path / "m.zip", {"secret.md": b"x", "good.md": b"good"})
    data = bytearray((tmp_path / "m.zip").read_bytes())
    data[6] |= 1  # the flags of the first member, in its own header and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "m.zip").write_bytes(data)
    results = found(tmp_path, "m.zip")
    assert [file.id for file in results.files] == ["m.zip/good.md"]
    assert failures(results)["m.zip!secret.md"].kind == "encrypted"
