"""EPUB to Markdown: its chapters in reading order, each read as HTML; chapters are the pages."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

from groundtune.sources.converted import Converted, Reader
from groundtune.sources.decode import decode
from groundtune.sources.failure import Unusable
from groundtune.sources.html import convert_html
from groundtune.sources.zipped import core_properties, opened, parsed

__all__ = ["convert_epub"]

_CONTAINER = "META-INF/container.xml"
_HTML = "application/xhtml+xml"


def convert_epub(data: bytes, reader: Reader) -> Converted:
    """Convert one book.

    Raises:
        Unusable: when it is damaged, or its chapters are encrypted by a shop.
    """
    del reader
    text, starts = "", []
    with opened(data) as archive:
        package = next((e.get("full-path") for e in parsed(archive.read(_CONTAINER)).iter() if e.get("full-path")), "")
        metadata = core_properties(archive, package or "")
        chapters = list(_chapters(archive, package or ""))
        _check_readable(archive, chapters)
        for name in chapters:
            chapter = convert_html(decode(archive.read(name))).text.strip()
            if chapter:
                starts.append(len(text))
                text += f"{chapter}\n\n"
    return Converted(title=metadata.get("title", ""), text=text, metadata=metadata, pages=tuple(starts))


def _chapters(archive: zipfile.ZipFile, package: str) -> Iterator[str]:
    """Paths of the chapters inside the archive, in reading order."""
    root = parsed(archive.read(package))
    items = {item.get("id"): item for item in root.iter() if item.tag.endswith("}item")}
    for reference in root.iter():
        item = items.get(reference.get("idref")) if reference.tag.endswith("}itemref") else None
        if item is not None and item.get("media-type") == _HTML:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(item.get("href", ""))))


def _check_readable(archive: zipfile.ZipFile, chapters: list[str]) -> None:
    if "META-INF/encryption.xml" not in archive.namelist():
        return
    # Fonts are often obfuscated and do no harm; chapters that are encrypted cannot be read.
    targets = {unquote(e.get("URI", "")) for e in parsed(archive.read("META-INF/encryption.xml")).iter()}
    if targets & set(chapters):
        raise Unusable("it is encrypted by its shop", "Get a copy without copy protection.", "encrypted")
