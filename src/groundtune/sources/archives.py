"""Archives: their members are documents, as long as they stay inside and do not blow up."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from groundtune.sources.failure import Failure, Unusable
from groundtune.sources.files import SourceFile, format_of
from groundtune.sources.mirror import Mirror
from groundtune.sources.protected import encrypted
from groundtune.sources.rules import Rules

__all__ = ["unpacked"]

_MOST_MEMBERS = 10_000
_LARGEST = 64 * 2**20
_LARGEST_TOGETHER = 2**30
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, NotImplementedError, OSError)
_ACCESS = "Give read access to it; what was read of it before is kept."
_WHOLE = "Make the archive again; its members before the break were read."


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in an archive; ``open`` gives its content, or raises `RuntimeError` when that needs a password."""

    name: str
    open: Callable[[], IO[bytes]]


def unpacked(file: SourceFile, mirror: Mirror, rules: Rules) -> Iterator[SourceFile | Failure]:
    """The documents of one archive; one that has not changed since the last time is not opened.

    Names that lead out of the archive, archives inside it and members of more than 64 MiB are refused one by one. An
    archive of more than 10,000 members or 1 GiB is read up to there and reported.
    """
    try:
        file.path.open("rb").close()
        stat = file.path.stat()
    except OSError as error:
        yield from mirror.files()
        reason = f"it cannot be opened: {error.strerror or error}"
        yield Failure(file.source, reason, _ACCESS, "unreachable", transient=True)
        return
    mark = {"size": str(stat.st_size), "mtime_ns": str(stat.st_mtime_ns)}
    if mirror.mark == mark:
        yield from mirror.files()
        return
    failures: list[Failure] = []
    try:
        for failure in _copied(file, mirror, rules):
            failures.append(failure)
    except Unusable as error:
        failures.append(Failure(file.source, error.reason, error.hint, error.kind))
    except _BROKEN as error:
        failures.append(Failure(file.source, f"it is damaged: {error}", _WHOLE, "damaged"))
    # An archive with failures is opened again the next time, so that they are told again.
    mirror.mark = {} if failures else mark
    mirror.save()
    yield from mirror.files()
    yield from failures


def _copied(file: SourceFile, mirror: Mirror, rules: Rules) -> Iterator[Failure]:
    together = 0
    with ExitStack() as stack:
        for number, member in enumerate(_members(file, stack, rules)):
            source = f"{file.source}!{member.name}"
            if number >= _MOST_MEMBERS:
                reason = f"it holds more than {_MOST_MEMBERS:,} files, and no further ones were read"
                raise Unusable(reason, "Split the archive, or unpack it into a folder.", "hostile")
            try:
                data = _content(member, rules)
            except Unusable as error:
                yield Failure(source, error.reason, error.hint, error.kind)
                continue
            if data is None:
                continue
            together += len(data)
            if together > _LARGEST_TOGETHER:
                raise Unusable("it unpacks to more than 1 GiB", "Split it, or unpack it into a folder.", "hostile")
            id_ = f"{file.id}/{member.name}"
            mirror.put(member.name, data, name=member.name, id_=id_, source=source, stamp={})


def _content(member: _Member, rules: Rules) -> bytes | None:
    """The bytes of one member; None for one that is passed over as it would be in a folder."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise Unusable("its name leads out of the archive", "Make the archive again with plain names.", "hostile")
    form = format_of(member.name)
    if form is None or any(part.startswith(".") for part in path.parts):
        return None
    if form == "archive":
        hint = "Unpack it, and put its files into the archive or into a folder."
        raise Unusable("it is an archive inside an archive, which is not opened", hint, "unsupported")
    try:
        with member.open() as content:
            data = content.read(_LARGEST + 1)
    except RuntimeError:
        raise encrypted(rules.reader) from None
    if len(data) > _LARGEST:
        raise Unusable("it is larger than 64 MiB", "Split it into several documents.", "hostile")
    return data


def _members(file: SourceFile, stack: ExitStack, rules: Rules) -> Iterator[_Member]:
    if file.path.suffix.lower() == ".zip":
        archive = stack.enter_context(zipfile.ZipFile(file.path))
        for info in archive.infolist():
            if not info.is_dir():
                yield _Member(info.filename, _zip_opener(archive, info, rules))
        return
    # Never extracted, only read; what is no plain file is passed over.
    tar = stack.enter_context(tarfile.open(file.path))  # noqa: SIM115 - closed by the stack
    for entry in tar:
        if entry.isfile():
            yield _Member(entry.name.removeprefix("./"), _tar_opener(tar, entry))


def _zip_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo, rules: Rules) -> Callable[[], IO[bytes]]:
    def open_() -> IO[bytes]:
        passwords = [password.encode() for password in rules.reader.passwords] if info.flag_bits & 1 else []
        for password in passwords:
            try:
                return archive.open(info, pwd=password)
            except RuntimeError:  # a wrong password
                continue
        return archive.open(info)

    return open_


def _tar_opener(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def open_() -> IO[bytes]:
        content = tar.extractfile(entry)
        assert content is not None  # it is a plain file
        return content

    return open_
