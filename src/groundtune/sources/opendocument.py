"""OpenDocument text (ODT) to Markdown: headings, lists and tables from its one XML part."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from groundtune.sources.converted import Converted, Reader
from groundtune.sources.failure import Unusable
from groundtune.sources.markdown import first_heading
from groundtune.sources.protected import encrypted
from groundtune.sources.tables import table
from groundtune.sources.zipped import core_properties, opened, parsed

__all__ = ["convert_odt"]

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_SILENT = frozenset(
    {f"{_OFFICE}annotation", f"{_TEXT}tracked-changes", f"{_TEXT}sequence-decls", f"{_TEXT}note-citation"}
)
_MOST_REPEATED = 64


def convert_odt(data: bytes, reader: Reader) -> Converted:
    """Convert one text document; comments and tracked deletions are left out.

    Raises:
        Unusable: when it is encrypted or damaged.
    """
    with opened(data) as archive:
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise encrypted(reader)
        metadata = core_properties(archive, "meta.xml")
        body = parsed(archive.read("content.xml")).find(f"{_OFFICE}body")
    if body is None:
        raise Unusable("it is damaged: it has no body", "Save it again with an office program.", "damaged")
    text = "\n\n".join(_blocks(body)) + "\n"
    return Converted(title=metadata.get("title") or first_heading(text), text=text, metadata=metadata)


def _blocks(parent: Element) -> Iterator[str]:
    for element in parent:
        if element.tag in _SILENT:
            continue
        if element.tag == f"{_TEXT}h":
            level = min(int(element.get(f"{_TEXT}outline-level", "1")), 6)
            yield f"{'#' * level} {_spoken(element)}"
        elif element.tag == f"{_TEXT}p":
            if spoken := _spoken(element):
                yield spoken
        elif element.tag == f"{_TEXT}list":
            yield "\n".join(_items(element, 0))
        elif element.tag == f"{_TABLE}table":
            yield table([list(_cells(row)) for row in element.iter(f"{_TABLE}table-row")]).rstrip()
        else:
            yield from _blocks(element)


def _items(element: Element, depth: int) -> Iterator[str]:
    for item in element:
        for child in item:
            if child.tag == f"{_TEXT}list":
                yield from _items(child, depth + 1)
            elif spoken := _spoken(child):
                yield f"{'  ' * depth}- {spoken}"


def _cells(row: Element) -> Iterator[str]:
    for cell in row:
        if cell.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            spoken = " ".join(_blocks(cell))
            # A cell may stand for a thousand empty ones up to the edge of the sheet.
            yield from [spoken] * min(int(cell.get(f"{_TABLE}number-columns-repeated", "1")), _MOST_REPEATED)


def _spoken(element: Element) -> str:
    return " ".join("".join(_pieces(element)).split())


def _pieces(element: Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag not in _SILENT:
            yield " " if child.tag in (f"{_TEXT}s", f"{_TEXT}tab", f"{_TEXT}line-break") else "".join(_pieces(child))
        yield child.tail or ""
