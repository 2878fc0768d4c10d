"""Which files are documents: the folders, files and globs of the settings, walked in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from groundtune.errors import ProjectError
from groundtune.sources.data import LANGUAGES

__all__ = ["FORMATS", "Format", "SourceFile", "discover"]

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
    **dict.fromkeys(LANGUAGES, "code"),
}
"""Formats by the end of the file name."""

# Parts of a web page or a documentation tree that carry no text of their own: passed over without a report.
_ASSETS = frozenset(
    {".avif", ".bmp", ".css", ".eot", ".gif", ".gz", ".ico", ".inv", ".jpeg", ".jpg", ".lock", ".map", ".mp3"}
    | {".mp4", ".otf", ".png", ".svg", ".ttf", ".wav", ".webm", ".webp", ".woff", ".woff2"}
)
# Scripts and settings of a web page, not of a program.
_FURNITURE = frozenset({"_static", "static", "assets", "node_modules", "dist"})
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


def discover(sources: Sequence[str], root: Path) -> Iterator[SourceFile]:
    """Find the files of all sources, each once, in the order of the sources and then of their paths.

    Hidden files and folders are passed over, and so are pictures, styles, scripts and fonts. A file of another format
    is given out as ``unsupported``, so that it can be reported. Two sources with the same path below them: the later
    file gets its path from ``root`` as its id.

    Args:
        sources: Folders, files or globs; relative ones count from ``root``.
        root: The project's folder.

    Raises:
        ProjectError: when sources do not exist (all of them are named).
    """
    missing = [source for source in sources if not _is_glob(source) and not (root / source).exists()]
    if missing:
        raise ProjectError(
            f"No such file or folder: {', '.join(missing)} (looked in {root}). Allowed are folders, files and globs "
            "such as docs/**/*.md. Make the folder, or correct `sources` under [knowledge] in groundtune.toml."
        )
    return _walk(sources, root)


def _walk(sources: Sequence[str], root: Path) -> Iterator[SourceFile]:
    seen: set[Path] = set()
    ids: set[str] = set()
    for source in sources:
        for base, path in _paths(source, root):
            form = _format(path)
            if form is None or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            shown = _shown(path, root)
            id_ = path.relative_to(base).as_posix()
            id_ = shown if id_ in ids else id_
            ids.add(id_)
            yield SourceFile(id=id_, path=path, source=shown, format=form)


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


def _format(path: Path) -> Format | None:
    """The format, or None for a file that is passed over."""
    name = path.name.lower()
    for ending in ("".join(PurePath(name).suffixes[-2:]), path.suffix.lower()):
        if ending in FORMATS:
            return None if ending == ".js" and _is_furniture(path) else FORMATS[ending]
    return None if path.suffix.lower() in _ASSETS else "unsupported"


def _is_furniture(script: Path) -> bool:
    """Whether a script belongs to a web page: it lies beside HTML or in a folder that such scripts lie in."""
    return not _FURNITURE.isdisjoint(script.parts) or any(script.parent.glob("*.html"))


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
