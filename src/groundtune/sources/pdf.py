"""PDF to Markdown by PDFium: its lines as they stand, headings by their size, and where each page begins."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from ctypes import c_double, c_int, create_string_buffer
from dataclasses import dataclass, replace
from itertools import groupby
from math import hypot
from typing import TYPE_CHECKING

from groundtune.sources.converted import Converted, Loss, Reader
from groundtune.sources.failure import Unusable
from groundtune.sources.markdown import first_heading
from groundtune.sources.ocr import OCR_HINT, recognised
from groundtune.sources.protected import encrypted

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

__all__ = ["convert_pdf"]

_OCR_SHARE = 0.7
_LARGER = 1.15
_LONGEST_HEADING = 120
_LONGEST_RUN = 3
_LEVELS = 3
_BOLD = 600
_RARE = 0.3
_GAP = 1.7
_NEWLINE = 0x0A
_SIGNS = frozenset({0x0D, 0x02, 0xFFFE, 0xFFFF})  # what PDFium puts at the end of lines and where it hyphenates
_PLACEHOLDERS = frozenset({"untitled", "anonymous", "unspecified", "(anonymous)", "(unspecified)"})
_WRONG_PASSWORD = 4


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a page.

    Attributes:
        size: Of its font, in points as shown; 0 where nobody knows.
        bold: Whether it is bold from its first letter to its last.
        base: Height of its base line on the page, in points.
        apart: Whether a gap or the start of a column stands above it.
    """

    text: str
    size: float = 0.0
    bold: bool = False
    base: float = 0.0
    apart: bool = False


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
            lines = list(_lines(page)) or [_Line(text) for text in recognised(page, reader, deadline)]
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


def _lines(page: PdfPage) -> Iterator[_Line]:
    """The lines of a page in the order of its text."""
    from pypdfium2 import raw

    text = page.get_textpage()
    above: float | None = None
    places: list[int] = []
    for place in range(raw.FPDFText_CountChars(text) + 1):
        # The end of the page ends its last line: beyond the last letter PDFium gives 0.
        if raw.FPDFText_GetUnicode(text, place) not in (_NEWLINE, 0):
            places.append(place)
        elif places:
            line = _line(text, places)
            places = []
            if line is not None:
                yield line if above is None else replace(line, apart=not 0 <= above - line.base <= _GAP * line.size)
                above = line.base


def _line(text: PdfTextPage, places: Sequence[int]) -> _Line | None:
    """The line of these letters; None when it shows nothing."""
    from pypdfium2 import raw

    codes = [raw.FPDFText_GetUnicode(text, place) for place in places]
    shown = [place for place, code in zip(places, codes, strict=True) if code > 0x20 and code not in _SIGNS]
    if not shown:
        return None
    # PDFium gives letters beyond the basic plane as two halves.
    units = "".join(chr(code) for code in codes if code not in _SIGNS)
    x, y, matrix = c_double(), c_double(), raw.FS_MATRIX()
    raw.FPDFText_GetCharOrigin(text, shown[0], x, y)
    raw.FPDFText_GetMatrix(text, shown[0], matrix)
    return _Line(
        text=units.encode("utf-16", "surrogatepass").decode("utf-16", "replace").rstrip(),
        size=round(raw.FPDFText_GetFontSize(text, shown[0]) * hypot(matrix.c, matrix.d), 1),
        bold=all(_is_bold(text, place) for place in (shown[0], shown[-1])),
        base=y.value,
    )


def _is_bold(text: PdfTextPage, place: int) -> bool:
    from pypdfium2 import raw

    name = create_string_buffer(128)
    raw.FPDFText_GetFontInfo(text, place, name, len(name), c_int())
    return b"bold" in name.value.lower() or raw.FPDFText_GetFontWeight(text, place) >= _BOLD


def _shows_something(page: PdfPage) -> bool:
    from pypdfium2 import raw

    return any(True for _ in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_PATH]))


def _written(pages: Sequence[Sequence[_Line]]) -> tuple[str, tuple[int, ...]]:
    """The Markdown of all pages, and the offset where each begins."""
    level_of = _levels([line for page in pages for line in page])
    text = ""
    starts = []
    for page in pages:
        starts.append(len(text))
        body, last = "", 0
        for line, level in zip(page, _headings(page, level_of), strict=True):
            if level and level == last and not line.apart:
                body += f" {line.text}"
            else:
                body += "\n\n" if level or last or line.apart else "\n"
                body += f"{'#' * level} {line.text}" if level else line.text
            last = level
        text += f"{body.strip()}\n\n" if body.strip() else ""
    return text, tuple(starts)


def _headings(page: Sequence[_Line], level_of: Callable[[_Line], int]) -> Iterator[int]:
    """The heading level of each line; what runs over more than a few lines is a form or a quotation, no heading."""
    for level, run in groupby(page, level_of):
        lines = list(run)
        yield from [level if len(lines) <= _LONGEST_RUN else 0] * len(lines)


def _levels(lines: Sequence[_Line]) -> Callable[[_Line], int]:
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

    def level_of(line: _Line) -> int:
        if len(line.text) > _LONGEST_HEADING or sum(map(str.isalpha, line.text)) * 2 < len(line.text):
            return 0
        return levels.get(line.size, below if line.bold and line.text[-1] not in ".:,;" else 0)

    return level_of


def _named(pages: Sequence[int]) -> str:
    shown = ", ".join(map(str, pages[:10])) + (" …" if len(pages) > 10 else "")
    return f"page{'s' * (len(pages) > 1)} {shown}"
