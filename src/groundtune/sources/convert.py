"""Files to their documents, whatever their format; whatever goes wrong is a `Failure`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self

from groundtune.cores import cores
from groundtune.records import Document
from groundtune.sources.converted import Converted
from groundtune.sources.data import LANGUAGES, convert_code, convert_json
from groundtune.sources.decode import decode, whole
from groundtune.sources.document_rows import count_rows, read_document_rows
from groundtune.sources.failure import Failure, Unusable
from groundtune.sources.files import FORMATS, SourceFile
from groundtune.sources.isolated import CONVERTERS
from groundtune.sources.markdown import convert_markdown
from groundtune.sources.restructuredtext import convert_rst
from groundtune.sources.rules import DEFAULT_RULES, Rules
from groundtune.sources.tables import convert_csv
from groundtune.sources.workers import ISOLATED, Workers

__all__ = ["CONVERSION", "Conversion", "Pending", "Result", "count_documents"]

CONVERSION = "3"
"""Version of all converters together: raise it when the same bytes give another text, and everything is read anew."""

Result = Document | Failure
Pending = Callable[[], Iterator[Result]]
"""Gives the results of one file, waiting for them where they are still being made."""

_LARGEST = 64 * 2**20
_MOST_WORKERS = 4
_OPEN = "Give read access to it; what was read of it before is kept."
_TEXT: dict[str, Callable[[str], Converted]] = {
    "markdown": convert_markdown,
    "rst": convert_rst,
    "csv": convert_csv,
    "json": convert_json,
    "text": lambda text: Converted(title="", text=text),
}


class Conversion:
    """Converts files, those of untrusted formats in worker processes; to be used in a ``with`` statement.

    Plain text, Markdown, reStructuredText, CSV, JSON, rows and source code are read here: by a few linear passes of
    Python, which nothing in a file can lead astray.
    """

    def __init__(self, rules: Rules = DEFAULT_RULES, *, registry: str = ISOLATED) -> None:
        count = max(1, min(_MOST_WORKERS, cores() - 1))
        self._workers = Workers(rules.limits, rules.reader, count=count, registry=registry)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="groundtune-convert")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.interrupt()
        self._threads.shutdown(cancel_futures=True)
        self._workers.close()

    def start(self, file: SourceFile) -> Pending:
        """Begin to convert one file; calling the result gives its documents: one, except for rows.

        Never raises for what a file holds: an empty, binary, unreadable or unsupported file gives a `Failure`.
        """
        if file.format in CONVERTERS:
            future = self._threads.submit(lambda: list(self._read(file)))
            return lambda: iter(future.result())
        return lambda: self._read(file)

    def _read(self, file: SourceFile) -> Iterator[Result]:
        if file.format == "rows":
            yield from read_document_rows(file)
            return
        try:
            converted = self._converted(file)
            yield _document(file, converted)
        except Unusable as error:
            yield Failure(file.source, error.reason, error.hint, error.kind)
        except OSError as error:
            reason = f"it cannot be opened: {error.strerror or error}"
            yield Failure(file.source, reason, _OPEN, "unreachable", transient=True)
        else:
            losses = converted.losses
            yield from (Failure(file.source, loss.reason, loss.hint, loss.kind, partial=True) for loss in losses)

    def _converted(self, file: SourceFile) -> Converted:
        if file.format == "unsupported":
            given = file.path.suffix or file.path.name
            hint = f"Save it as one of {', '.join(FORMATS)}, or leave it out."
            raise Unusable(f"{given} is not supported", hint, "unsupported")
        size = file.path.stat().st_size
        if size > _LARGEST:
            raise Unusable("it is larger than 64 MiB", "Split it into several documents.", "hostile")
        if size == 0:
            raise _empty()
        if file.format in CONVERTERS:
            return self._workers.convert(file.path, file.format)
        text = decode(file.path.read_bytes())
        if file.format == "code":
            return convert_code(text, LANGUAGES[file.path.suffix.lower()])
        return _TEXT[file.format](text)


def count_documents(file: SourceFile) -> int:
    """About how many documents a file holds, for a progress bar: one, or its lines."""
    return count_rows(file) if file.format == "rows" else 1


def _empty() -> Unusable:
    return Unusable("it holds no text", "Put text into it, or remove it from the sources.", "empty")


def _document(file: SourceFile, converted: Converted) -> Document:
    if not converted.text.strip():
        raise _empty()
    title = whole(converted.title)
    return Document(
        id=file.id,
        title=title or _spoken(PurePosixPath(file.id).name),
        text=whole(converted.text),
        source=file.source,
        metadata={whole(key): whole(value) for key, value in converted.metadata.items()},
        pages=converted.pages,
        titled=bool(title),
    )


def _spoken(name: str) -> str:
    """A file name as a title: ``refund_policy.md`` is "refund policy"."""
    return PurePosixPath(name).stem.replace("_", " ").replace("-", " ").strip() or name
