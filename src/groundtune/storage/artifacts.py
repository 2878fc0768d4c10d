"""Files addressed by the SHA-256 of their content: what was stored under a name is what comes back."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from groundtune.errors import StorageError

__all__ = ["ArtifactStore"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ArtifactStore:
    """A folder of immutable files, each named by its own hash.

    Writing is atomic (temporary file, fsync, rename), so a killed process leaves either the whole artifact or none,
    and two processes that store the same bytes do not disturb each other.

    Args:
        folder: Where the files are; made on the first `put`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha: str) -> Path:
        """Where the artifact lies, or would lie.

        Raises:
            StorageError: when ``sha`` is not 64 lower-case hexadecimal digits (so no name leads out of the folder).
        """
        if not _SHA256.fullmatch(sha):
            raise StorageError(f"{sha!r} is no artifact name; allowed: 64 lower-case hexadecimal digits (SHA-256).")
        return self._folder / sha[:2] / sha

    def put(self, data: bytes) -> str:
        """Store bytes; storing the same again costs nothing.

        Returns:
            The SHA-256 of the data in hexadecimal.

        Raises:
            StorageError: when the disk refuses (full, read-only).
        """
        sha = hashlib.sha256(data).hexdigest()
        target = self.path(sha)
        try:
            if not _holds(target, data):
                _write(target, data)
        except OSError as error:
            raise StorageError(
                f"Could not store an artifact of {len(data)} bytes in {self._folder}: {error.strerror or error}. "
                "Make room or give write access, then run the same command again; what was stored before is kept."
            ) from error
        return sha

    def get(self, sha: str) -> bytes:
        """Read an artifact back and check it.

        Raises:
            StorageError: when it is missing, unreadable, or its content no longer has this hash.
        """
        target = self.path(sha)
        try:
            data = target.read_bytes()
        except OSError as error:
            raise StorageError(
                f"Artifact {sha} cannot be read from {target}: {error.strerror or error}. "
                "Run the command that made it again (sync for documents, tune for weights)."
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != sha:
            raise StorageError(
                f"Artifact {target} was changed on disk: its content has the hash {found}. "
                "Delete this file and run the command that made it again."
            )
        return data


def _holds(target: Path, data: bytes) -> bool:
    # Comparing content, not only the name, lets `put` repair an artifact that was damaged on disk.
    return target.exists() and target.read_bytes() == data


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # The rename itself is only durable once the folder's entry is on disk.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
