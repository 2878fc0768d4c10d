"""Artifacts come back as they were stored, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from groundtune.errors import StorageError
from groundtune.storage.artifacts import ArtifactStore


def test_put_returns_the_sha256_and_get_returns_the_bytes(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "artifacts")
    sha = store.put(b"weights")
    assert sha == hashlib.sha256(b"weights").hexdigest()
    assert store.get(sha) == b"weights"
    assert store.put(b"weights") == sha
    assert [p.name for p in store.path(sha).parent.iterdir()] == [sha]


def test_a_missing_artifact_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Run the command that made it again"):
        ArtifactStore(tmp_path).get("0" * 64)


def test_a_changed_artifact_is_refused_and_put_repairs_it(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    sha = store.put(b"true")
    store.path(sha).write_bytes(b"false")
    with pytest.raises(StorageError, match="was changed on disk"):
        store.get(sha)
    store.put(b"true")
    assert store.get(sha) == b"true"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_hashes_are_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match="no artifact name"):
        ArtifactStore(tmp_path).path(name)


def test_a_full_disk_is_a_clear_error_and_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        ArtifactStore(tmp_path).put(b"data")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
