"""documents.jsonl: one document a row, read as a stream; a broken row is a failure of its own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import IO, Any, cast

from groundtune.records import Document
from groundtune.sources.decode import whole
from groundtune.sources.failure import Failure, Unusable
from groundtune.sources.files import SourceFile

__all__ = ["count_rows", "read_document_rows"]

_LONGEST_ROW = 64 * 2**20
_AGAIN = "Make the file again; what was read of it before is kept."
_HINT = 'Write the row as {"id": "...", "title": "...", "text": "..."}; "metadata", "groups" and "source" may be added.'


def read_document_rows(file: SourceFile) -> Iterator[Document | Failure]:
    """Read the documents of a ``.jsonl`` or ``.jsonl.gz`` file; their text is kept as it is, so that offsets hold.

    Blank lines are passed over. A row longer than 64 MiB ends the reading of its file.
    """
    try:
        with _open(file) as lines:
            yield from _numbered(file, lines)
    except (OSError, EOFError) as error:
        reason = f"it cannot be read to its end: {error}"
        yield Failure(file.source, reason, _AGAIN, "damaged", transient=True)


def count_rows(file: SourceFile) -> int:
    """Lines of the file, as far as it can be read."""
    count = 0
    try:
        with _open(file) as data:
            while block := data.read(2**20):
                count += block.count(b"\n")
    except (OSError, EOFError):
        return count
    return count


def _open(file: SourceFile) -> IO[bytes]:
    if file.path.name.lower().endswith(".gz"):
        return cast("IO[bytes]", gzip.open(file.path, "rb"))
    return file.path.open("rb")


def _numbered(file: SourceFile, lines: IO[bytes]) -> Iterator[Document | Failure]:
    number = 0
    while line := lines.readline(_LONGEST_ROW + 1):
        number += 1
        where = f"{file.source}:{number}"
        if len(line) > _LONGEST_ROW:
            yield Failure(where, "the row is longer than 64 MiB", "Split the document into several rows.")
            return
        if not line.strip():
            continue
        try:
            yield _document(_parsed(line), file.source)
        except Unusable as error:
            yield Failure(where, error.reason, error.hint)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        reason = f"the row is not UTF-8 (byte {error.start + 1} of the line)"
        raise Unusable(reason, "Save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise Unusable(f"the row is not valid JSON: {error.msg} at column {error.colno}", _HINT) from None
    except (ValueError, RecursionError) as error:
        raise Unusable(f"the row is not usable JSON: {error}", _HINT) from None


def _document(row: Any, source: str) -> Document:
    if not isinstance(row, dict):
        raise Unusable(f"the row is a {type(row).__name__}, not an object", _HINT)
    faults = list(_faults(row))
    if faults:
        raise Unusable("; ".join(faults), _HINT)
    metadata = row.get("metadata") or {}
    return Document(
        id=whole(str(row["id"])),
        title=whole(row.get("title") or ""),
        text=whole(row["text"]),
        source=whole(row.get("source") or source),
        metadata={whole(key): whole(_flat(value)) for key, value in metadata.items() if value is not None},
        groups=tuple(whole(group) for group in row.get("groups") or []),
    )


def _faults(row: dict[str, Any]) -> Iterator[str]:
    id_, title, text, groups = row.get("id"), row.get("title"), row.get("text"), row.get("groups")
    if isinstance(id_, bool) or not isinstance(id_, str | int) or id_ == "":
        yield f'"id" must be a string, not {id_!r:.40}'
    if not isinstance(title, str | None):
        yield f'"title" must be a string, not {title!r:.40}'
    if not isinstance(text, str):
        yield f'"text" must be a string, not {text!r:.40}'
    elif not text.strip():
        yield '"text" is empty'
    if not isinstance(row.get("source"), str | None):
        yield f'"source" must be a string, not {row["source"]!r:.40}'
    if not isinstance(row.get("metadata"), dict | None):
        yield '"metadata" must be an object'
    if not isinstance(groups, list | None) or not all(isinstance(group, str) for group in groups or []):
        yield '"groups" must be a list of strings'


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
