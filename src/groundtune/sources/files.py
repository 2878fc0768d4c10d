"""A file to read, and what its name says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from groundtune.sources.data import LANGUAGES

__all__ = ["FORMATS", "Format", "SourceFile", "format_of"]

Format = Literal[
    "markdown", "html", "text", "rst", "rows", "csv", "json", "code", "pdf", "docx", "pptx", "spreadsheet", "doc",
    "rtf", "msg", "odt", "epub", "eml", "archive", "unsupported",
]  # fmt: skip

FORMATS: dict[str, Format] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".txt": "text",
    ".text": "text",
    ".rst": "rst",
    ".rst.txt": "rst",
    ".jsonl": "rows",
    ".jsonl.gz": "rows",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".xlsx": "spreadsheet",
    ".xlsm": "spreadsheet",
    ".xls": "spreadsheet",
    ".doc": "doc",
    ".rtf": "rtf",
    ".msg": "msg",
    ".odt": "odt",
    ".epub": "epub",
    ".eml": "eml",
    ".zip": "archive",
    ".tar": "archive",
    ".tgz": "archive",
    ".tar.gz": "archive",
    ".tar.bz2": "archive",
    ".tar.xz": "archive",
    **dict.fromkeys(LANGUAGES, "code"),
}
"""Formats by the end of the file name."""

# Parts of a web page or a documentation tree that carry no text of their own: passed over without a report.
_ASSETS = frozenset(
    {".avif", ".bmp", ".css", ".eot", ".gif", ".gz", ".ico", ".inv", ".jpeg", ".jpg", ".lock", ".map", ".mp3"}
    | {".mp4", ".otf", ".png", ".svg", ".ttf", ".wav", ".webm", ".webp", ".woff", ".woff2"}
)
# Scripts and settings of a web page, not of a program.
_FURNITURE = frozenset({"_static", "static", "assets", "node_modules", "dist", "searchindex.js", "genindex.js"})


class SourceFile(NamedTuple):
    """A file that was found. Every sync makes all of them: so it is a tuple, and makes its `path` when asked for it.

    Attributes:
        id: Its path below the source that named it, with ``/``: the document's id.
        location: Where it lies.
        source: The path as shown to people: relative to the project where it lies below it.
        format: What it is read as.
        suspect: False when it is known, without a look at it, to be what it was at the last sync.
    """

    id: str
    location: str
    source: str
    format: Format
    suspect: bool = True

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.location)


def format_of(path: str) -> Format | None:
    """The format that a file name says; None for a file that is passed over, such as a picture or a style.

    Args:
        path: With ``/``; the folders matter for scripts, which may belong to a web page.
    """
    name = path[path.rfind("/") + 1 :].lower().lstrip(".")
    _, *endings = name.rsplit(".", 2)
    last = f".{endings[-1]}" if endings else ""
    form = (FORMATS.get(f".{endings[0]}{last}") if len(endings) > 1 else None) or FORMATS.get(last)
    if form is None:
        return None if last in _ASSETS else "unsupported"
    return None if last == ".js" and not _FURNITURE.isdisjoint(path.split("/")) else form
