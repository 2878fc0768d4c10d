"""PDF to Markdown by PDFium: its lines as they stand, headings by their size, and where each page begins."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from groundtune.sources.converted import Converted, Loss, Reader
from groundtune.sources.failure import Unusable
from groundtune.sources.markdown import first_heading
from groundtune.sources.ocr import OCR_HINT, recognised
from groundtune.sources.pdf_columns import aligned
from groundtune.sources.pdf_grid import Table, ruled
from groundtune.sources.pdf_rules import rules_of
from groundtune.sources.pdf_text import Line, lines_of
from groundtune.sources.protected import encrypted
from groundtune.sources.tables import table

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

__all__ = ["convert_pdf"]

_OCR_SHARE = 0.7
_LARGER = 1.15
_LONGEST_HEADING = 120
_LONGEST_RUN = 3
_LEVELS = 3
_RARE = 0.3
_PLACEHOLDERS = frozenset({"untitled", "anonymous", "unspecified", "(anonymous)", "(unspecified)"})
_WRONG_PASSWORD = 4


def convert_pdf(data: bytes, reader: Reader) -> Converted:
    """Convert one PDF; a page that is only a picture is read by tesseract where that is installed.

    Raises:
        Unusable: when it is encrypted, damaged, or holds pictures of text alone.
    """
    import pypdfium2

    document = _opened(data, reader)
    pages, pictures = [], []
    deadline = time.monotonic() + _OCR_SHARE * reader.seconds
    for number in range(len(document)):
        try:
            page = document[number]
            lines = _read(page) or [Line(text) for text in recognised(page, reader, deadline)]
            if not lines and _shows_something(page):
                pictures.append(number + 1)
        except pypdfium2.PdfiumError as error:
            raise Unusable(f"it is damaged: page {number + 1}: {error}", _AGAIN, "damaged") from None
        pages.append(lines)
    if pictures and not any(pages):
        raise Unusable("it holds only images of text", OCR_HINT, "image_only")
    text, starts = _written(pages)
    metadata = _metadata(document)
    losses = (Loss(f"only images, no text, on {_named(pictures)}", OCR_HINT, "image_only"),) if pictures else ()
    title = metadata.get("title") or first_heading(text)
    return Converted(title=title, text=text, metadata=metadata, pages=starts, losses=losses)


_AGAIN = "Save it again with the program that made it; a copy cut short in transfer looks like this."


def _opened(data: bytes, reader: Reader) -> PdfDocument:
    import pypdfium2

    for password in (None, *reader.passwords):
        try:
            return pypdfium2.PdfDocument(data, password=password)
        except pypdfium2.PdfiumError as error:
            if error.err_code != _WRONG_PASSWORD:
                raise Unusable(f"it is damaged: {error}", _AGAIN, "damaged") from None
    raise encrypted(reader)


def _metadata(document: PdfDocument) -> dict[str, str]:
    names = {"Title": "title", "Author": "author", "Subject": "subject", "Keywords": "keywords"}
    names |= {"CreationDate": "created", "ModDate": "modified"}
    found = {names[key]: value.strip() for key, value in document.get_metadata_dict().items() if key in names}
    return {key: value for key, value in found.items() if value and value.lower() not in _PLACEHOLDERS}


def _read(page: PdfPage) -> list[Line]:
    """The lines of a page, with its tables in the place of theirs."""
    lines = list(lines_of(page))
    if not lines or page.get_rotation():
        return lines
    for found in ruled([word for line in lines for word in line.words], rules_of(page)):
        lines = _placed(found, lines)
    for found in aligned(lines):
        lines = _placed(found, lines)
    return lines


def _placed(found: Table, lines: Sequence[Line]) -> list[Line]:
    """The lines with a table in the place of its first word; what stands beside it stays."""
    placed: list[Line] = []
    shown = Line(table(found.rows).rstrip(), table=True)
    for line in lines:
        outside = tuple(word for word in line.words if word not in found.words)
        if len(outside) == len(line.words):
            placed.append(line)
            continue
        if outside:
            placed.append(replace(line, text=" ".join(word.text for word in outside), words=outside))
        if shown not in placed:
            placed.append(shown)
    return placed


def _shows_something(page: PdfPage) -> bool:
    from pypdfium2 import raw

    return any(True for _ in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_PATH]))


def _written(pages: Sequence[Sequence[Line]]) -> tuple[str, tuple[int, ...]]:
    """The Markdown of all pages, and the offset where each begins."""
    level_of = _levels([line for page in pages for line in page if not line.table])
    text = ""
    starts = []
    for page in pages:
        starts.append(len(text))
        body, last, below_table = "", 0, False
        for line, level in zip(page, _headings(page, level_of), strict=True):
            if level and level == last and not line.apart:
                body += f" {line.text}"
            else:
                body += "\n\n" if level or last or line.apart or line.table or below_table else "\n"
                body += f"{'#' * level} {line.text}" if level else line.text
            last, below_table = level, line.table
        text += f"{body.strip()}\n\n" if body.strip() else ""
    return text, tuple(starts)


def _headings(page: Sequence[Line], level_of: Callable[[Line], int]) -> Iterator[int]:
    """The heading level of each line; what runs over more than a few lines is a form or a quotation, no heading."""
    for level, run in groupby(page, level_of):
        lines = list(run)
        yield from [level if len(lines) <= _LONGEST_RUN else 0] * len(lines)


def _levels(lines: Sequence[Line]) -> Callable[[Line], int]:
    """Tells the heading level of a line, 0 for none: larger than most letters, or bold where little else is."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[line.size] += len(line.text)
    rare = _RARE * letters.total()
    body = letters.most_common(1)[0][0] if letters else 0.0
    taller = sorted((size for size in letters if size > body * _LARGER and letters[size] <= rare), reverse=True)
    levels = {size: min(place, _LEVELS) for place, size in enumerate(taller, start=1)}
    bold = sum(len(line.text) for line in lines if line.bold)
    below = min(len(taller) + 1, _LEVELS + 1) if bold <= rare else 0

    def level_of(line: Line) -> int:
        if line.table or len(line.text) > _LONGEST_HEADING or sum(map(str.isalpha, line.text)) * 2 < len(line.text):
            return 0
        return levels.get(line.size, below if line.bold and line.text[-1] not in ".:,;" else 0)

    return level_of


def _named(pages: Sequence[int]) -> str:
    shown = ", ".join(map(str, pages[:10])) + (" …" if len(pages) > 10 else "")
    return f"page{'s' * (len(pages) > 1)} {shown}"
