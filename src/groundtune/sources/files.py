"""Which files are documents: the folders, files and globs of the settings, walked in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from groundtune.errors import ProjectError
from groundtune.sources.data import LANGUAGES

__all__ = ["FORMATS", "Format", "SourceFile", "check_exist", "format_of", "walk"]

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
_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was found.

    Attributes:
        id: Its path below the source that named it, with ``/``: the document's id.
        path: Where it lies.
        source: The path as shown to people: relative to the project where it lies below it.
        format: What it is read as.
    """

    id: str
    path: Path
    source: str
    format: Format


def check_exist(sources: Sequence[str], root: Path) -> None:
    """Refuse sources that are not there.

    Raises:
        ProjectError: names all of them.
    """
    missing = [source for source in sources if not _is_glob(source) and not (root / source).exists()]
    if missing:
        raise ProjectError(
            f"No such file or folder: {', '.join(missing)} (looked in {root}). Allowed are folders, files, globs such "
            "as docs/**/*.md, addresses such as https://example.org/sitemap.xml or s3://bucket/prefix, and sql:NAME. "
            "Make the folder, or correct `sources` under [knowledge] in groundtune.toml."
        )


def walk(source: str, root: Path) -> Iterator[SourceFile]:
    """The files of one folder, file or glob in the order of their paths.

    Hidden files and folders are passed over, and so are pictures, styles, fonts and the scripts of web pages. A file of
    another format is given out as ``unsupported``, so that it can be reported.
    """
    for base, path in _paths(source, root):
        name = path.relative_to(base)
        form = format_of(name)
        if form is not None:
            yield SourceFile(id=name.as_posix(), path=path, source=_shown(path, root), format=form)


def _is_glob(source: str) -> bool:
    return not _GLOB.isdisjoint(source)


def _paths(source: str, root: Path) -> Iterator[tuple[Path, Path]]:
    """Each file of one source with the folder that its id counts from."""
    if _is_glob(source):
        parts = Path(source).parts
        fixed = next(index for index, part in enumerate(parts) if _is_glob(part))
        base = root.joinpath(*parts[:fixed])
        found = sorted(path for path in base.glob(str(Path(*parts[fixed:]))) if path.is_file())
        yield from ((base, path) for path in found if not _is_hidden(path, base))
        return
    path = root / source
    if path.is_file():
        yield path.parent, path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from ((path, Path(folder) / name) for name in sorted(names) if not name.startswith("."))


def _is_hidden(path: Path, base: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(base).parts)


def format_of(path: PurePath) -> Format | None:
    """The format that a file name says; None for a file that is passed over, such as a picture or a style."""
    name = path.name.lower()
    for ending in ("".join(PurePath(name).suffixes[-2:]), path.suffix.lower()):
        if ending in FORMATS:
            return None if ending == ".js" and not _FURNITURE.isdisjoint(path.parts) else FORMATS[ending]
    return None if path.suffix.lower() in _ASSETS else "unsupported"


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
