"""The text of a PDF page, line by line with its words, as PDFium finds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ctypes import c_double, c_int, create_string_buffer
from dataclasses import dataclass, replace
from itertools import groupby
from math import hypot
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

__all__ = ["Line", "Word", "lines_of"]

_BOLD = 600
_FIXED_PITCH = 1
_FIXED = (b"mono", b"courier", b"consolas", b"cmtt", b"typewriter")
_GAP = 1.7
_NEWLINE = 0x0A
_SIGNS = frozenset({0x0D, 0x02, 0xFFFE, 0xFFFF})  # what PDFium puts at the end of lines and where it hyphenates


@dataclass(frozen=True, slots=True)
class Word:
    """Letters without a space between them, in points from the lower left of the page."""

    text: str
    left: float
    right: float
    base: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page.

    Attributes:
        size: Of its font, in points as shown; 0 where nobody knows.
        bold: Whether it is bold from its first letter to its last.
        fixed: Whether its letters are all of one width.
        base: Height of its base line on the page, in points.
        apart: Whether a gap or the start of a column stands above it.
        words: Where its words stand; none where nobody knows.
        table: Whether the text is a whole table instead.
    """

    text: str
    size: float = 0.0
    bold: bool = False
    fixed: bool = False
    base: float = 0.0
    apart: bool = False
    words: tuple[Word, ...] = ()
    table: bool = False


def lines_of(page: PdfPage) -> Iterator[Line]:
    """The lines of a page in the order of its text."""
    from pypdfium2 import raw

    text = page.get_textpage()
    above: float | None = None
    codes: list[tuple[int, int]] = []
    for place in range(raw.FPDFText_CountChars(text) + 1):
        code = raw.FPDFText_GetUnicode(text, place)
        # The end of the page ends its last line: beyond the last letter PDFium gives 0.
        if code not in (_NEWLINE, 0):
            codes.append((place, code))
        elif codes:
            line = _line(text, codes)
            codes = []
            if line is not None:
                yield line if above is None else replace(line, apart=not 0 <= above - line.base <= _GAP * line.size)
                above = line.base


def _line(text: PdfTextPage, codes: Sequence[tuple[int, int]]) -> Line | None:
    """The line of these letters, given as place and code; None when it shows nothing."""
    from pypdfium2 import raw

    shown = [place for place, code in codes if _is_shown(code)]
    if not shown:
        return None
    matrix = raw.FS_MATRIX()
    raw.FPDFText_GetMatrix(text, shown[0], matrix)
    first, last = _font(text, shown[0]), _font(text, shown[-1])
    words = [_word(text, list(run)) for is_word, run in groupby(codes, lambda pair: _is_shown(pair[1])) if is_word]
    return Line(
        text=_joined(codes).rstrip(),
        size=round(raw.FPDFText_GetFontSize(text, shown[0]) * hypot(matrix.c, matrix.d), 1),
        bold=first.bold and last.bold,
        fixed=first.fixed and last.fixed,
        base=words[0].base,
        words=tuple(words),
    )


def _is_shown(code: int) -> bool:
    return code > 0x20 and code != 0xA0 and code not in _SIGNS


def _joined(codes: Sequence[tuple[int, int]]) -> str:
    units = "".join([chr(code) for _, code in codes if code not in _SIGNS])
    if units.isascii():
        return units
    # PDFium gives letters beyond the basic plane as two halves.
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _word(text: PdfTextPage, codes: Sequence[tuple[int, int]]) -> Word:
    from pypdfium2 import raw

    left, right, unused, y = c_double(), c_double(), c_double(), c_double()
    raw.FPDFText_GetCharBox(text, codes[-1][0], unused, right, unused, y)
    raw.FPDFText_GetCharBox(text, codes[0][0], left, unused, unused, y)
    raw.FPDFText_GetCharOrigin(text, codes[0][0], unused, y)
    return Word(_joined(codes), left.value, right.value, y.value)


@dataclass(frozen=True, slots=True)
class _Font:
    bold: bool
    fixed: bool


def _font(text: PdfTextPage, place: int) -> _Font:
    from pypdfium2 import raw

    buffer, flags = create_string_buffer(128), c_int()
    raw.FPDFText_GetFontInfo(text, place, buffer, len(buffer), flags)
    name = buffer.value.lower()
    bold = b"bold" in name or raw.FPDFText_GetFontWeight(text, place) >= _BOLD
    return _Font(bold, bool(flags.value & _FIXED_PITCH) or any(part in name for part in _FIXED))
