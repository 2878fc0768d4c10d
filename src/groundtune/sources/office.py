"""Spreadsheets, old Office files, RTF and Outlook messages to Markdown, by kreuzberg."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from groundtune.sources.converted import Converted, Converter, Reader
from groundtune.sources.failure import Unusable
from groundtune.sources.markdown import first_heading
from groundtune.sources.protected import encrypted, unlocked
from groundtune.sources.tables import blocks, table
from groundtune.sources.zipped import OLE, core_properties, opened

if TYPE_CHECKING:
    from kreuzberg import ExtractionResult

__all__ = ["convert_doc", "convert_msg", "convert_rtf", "convert_spreadsheet"]

_NEEDLESS = re.compile(r"\\([!#$%&'()+,\-./:;<=>?@\[\]^_`{|}~\"*])")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")
_TYPES = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "rtf": "application/rtf",
    "msg": "application/vnd.ms-outlook",
}
_FIELDS = {"title": "title", "subject": "subject", "created_at": "created", "modified_at": "modified"}


def convert_spreadsheet(data: bytes, reader: Reader) -> Converted:
    """A section for each sheet and a table for each block of cells; sheets are the pages.

    Raises:
        Unusable: when it is encrypted or damaged.
    """
    kind, metadata = "xls", {}
    if not data.startswith(OLE) or _is_encrypted_package(data):
        data, kind = unlocked(data, reader), "xlsx"
        with opened(data) as archive:
            metadata = core_properties(archive)
    result = _extracted(data, kind, reader, "markdown")
    names = result.metadata.get("sheet_names") or []
    text, starts = "", []
    for found in result.tables:
        starts.append(len(text))
        name = names[found.page_number - 1] if 0 < found.page_number <= len(names) else f"Sheet {found.page_number}"
        text += f"## {name}\n\n" + "\n".join(table(block) for block in blocks(found.cells)) + "\n"
    return Converted(title=metadata.get("title", ""), text=text, metadata=metadata, pages=tuple(starts))


def _is_encrypted_package(data: bytes) -> bool:
    """An encrypted XLSX is an OLE file with this stream; an XLS is an OLE file without it."""
    return "EncryptedPackage".encode("utf-16-le") in data


def _plain(kind: str, output: str) -> Converter:
    def convert(data: bytes, reader: Reader) -> Converted:
        result = _extracted(data, kind, reader, output)
        text = result.content if output == "plain" else _LINK.sub(r"\1", _NEEDLESS.sub(r"\1", result.content))
        metadata = {_FIELDS[key]: str(value) for key, value in result.metadata.items() if key in _FIELDS and value}
        if authors := result.metadata.get("authors"):
            metadata["author"] = ", ".join(authors)
        title = metadata.get("subject", "") if kind == "msg" else metadata.get("title") or first_heading(text)
        return Converted(title=title, text=text, metadata=metadata)

    return convert


convert_doc: Callable[[bytes, Reader], Converted] = _plain("doc", "markdown")
convert_rtf: Callable[[bytes, Reader], Converted] = _plain("rtf", "markdown")
convert_msg: Callable[[bytes, Reader], Converted] = _plain("msg", "plain")


def _extracted(data: bytes, kind: str, reader: Reader, output: str) -> ExtractionResult:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        # It joins lines and drops signs such as > that stand alone.
        enable_quality_processing=False,
        output_format=output,
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    try:
        return kreuzberg.extract_bytes_sync(data, _TYPES[kind], config)
    except kreuzberg.KreuzbergError as error:
        if "password" in str(error).lower() or "encrypt" in str(error).lower():
            raise encrypted(reader) from None
        reason = str(error).splitlines()[0].removeprefix("ParsingError: ")
        raise Unusable(f"it is damaged: {reason}", "Save it again with an office program.", "damaged") from None
