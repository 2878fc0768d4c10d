"""One file to its documents, whatever its format; whatever goes wrong is a `Failure`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from groundtune.records import Document
from groundtune.sources.decode import decode
from groundtune.sources.document_rows import count_rows, read_document_rows
from groundtune.sources.failure import Failure, Unusable
from groundtune.sources.files import FORMATS, SourceFile
from groundtune.sources.html import convert_html
from groundtune.sources.markdown import Converted, convert_markdown
from groundtune.sources.restructuredtext import convert_rst

__all__ = ["CONVERSION", "convert", "count_documents"]

CONVERSION = "1"
"""Version of all converters together: raise it when the same bytes give another text, and everything is read anew."""

_LARGEST = 64 * 2**20
_CONVERTERS: dict[str, Callable[[str], Converted]] = {
    "markdown": convert_markdown,
    "html": convert_html,
    "rst": convert_rst,
    "text": lambda text: Converted(title="", text=text),
}


def convert(file: SourceFile) -> Iterator[Document | Failure]:
    """Read the documents of one file: one, except for rows.

    Never raises for what a file holds: an empty, binary, unreadable or unsupported file gives a `Failure`.
    """
    if file.format == "rows":
        yield from read_document_rows(file)
        return
    try:
        yield _document(file)
    except Unusable as error:
        yield Failure(file.source, error.reason, error.hint)
    except OSError as error:
        reason = f"it cannot be opened: {error.strerror or error}"
        yield Failure(
            file.source, reason, "Give read access to it; what was read of it before is kept.", transient=True
        )


def count_documents(file: SourceFile) -> int:
    """About how many documents a file holds, for a progress bar: one, or its lines."""
    return count_rows(file) if file.format == "rows" else 1


def _document(file: SourceFile) -> Document:
    converter = _CONVERTERS.get(file.format)
    if converter is None:
        given = file.path.suffix or file.path.name
        raise Unusable(f"{given} is not supported", f"Save it as one of {', '.join(FORMATS)}, or leave it out.")
    if file.path.stat().st_size > _LARGEST:
        raise Unusable("it is larger than 64 MiB", "Split it into several documents.")
    converted = converter(decode(file.path.read_bytes()))
    if not converted.text.strip():
        raise Unusable("it holds no text", "Put text into it, or remove it from the sources.")
    return Document(
        id=file.id,
        title=converted.title or _spoken(file.path.name),
        text=converted.text,
        source=file.source,
        metadata=converted.metadata,
    )


def _spoken(name: str) -> str:
    """A file name as a title: ``refund_policy.md`` is "refund policy"."""
    return PurePosixPath(name).stem.replace("_", " ").replace("-", " ").strip() or name
