"""Files that are zip archives of XML, opened with care: whole, of a sane size, and not encrypted."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

from groundtune.sources.failure import Unusable

__all__ = ["OLE", "core_properties", "opened", "parsed"]

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How old and encrypted Office files begin."""

_LARGEST = 512 * 2**20
_BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, NotImplementedError, KeyError, OSError)
_DAMAGED = "Save it again with the program that made it; a copy cut short in transfer looks like this."
_PROPERTIES = {
    "title": "title",
    "subject": "subject",
    "creator": "author",
    "keywords": "keywords",
    "description": "description",
    "created": "created",
    "modified": "modified",
    "initial-creator": "author",
    "creation-date": "created",
    "date": "modified",
    "language": "language",
}


@contextmanager
def opened(data: bytes) -> Iterator[zipfile.ZipFile]:
    """Open a zip file all of whose parts are proven to be whole.

    Raises:
        Unusable: when it is no zip file, a part fails its checksum, a part is encrypted, or it would unpack to more
            than 512 MiB.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check(archive)
            yield archive
    except _BROKEN as error:
        raise Unusable(f"it is damaged: {error}", _DAMAGED, "damaged") from None


def _check(archive: zipfile.ZipFile) -> None:
    if any(member.flag_bits & 1 for member in archive.infolist()):
        raise Unusable("it is encrypted", "Save it without a password.", "encrypted")
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _LARGEST:
        reason = f"it would unpack to {unpacked // 2**20} MiB, and 512 MiB are allowed"
        raise Unusable(reason, "If it is a real document, split it.", "hostile")
    broken = archive.testzip()
    if broken is not None:
        raise Unusable(f"it is damaged: the part {broken} fails its checksum", _DAMAGED, "damaged")


def parsed(data: bytes) -> ElementTree.Element:
    """The root of an XML part; entities are refused, as no document format needs them.

    Raises:
        Unusable: when it is not well formed, or declares entities.
    """
    if b"<!ENTITY" in data:
        raise Unusable("its XML declares entities", "Save it again with an office program.", "hostile")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise Unusable(f"it is damaged: its XML ends in an error ({error})", _DAMAGED, "damaged") from None


def core_properties(archive: zipfile.ZipFile, part: str = "docProps/core.xml") -> dict[str, str]:
    """Title, author, subject and dates, where the file has them."""
    if part not in archive.namelist():
        return {}
    found: dict[str, str] = {}
    for element in parsed(archive.read(part)).iter():
        name = _PROPERTIES.get(element.tag.rpartition("}")[2])
        if name and element.text and element.text.strip():
            found.setdefault(name, element.text.strip())
    return found
