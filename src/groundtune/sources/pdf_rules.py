"""The straight lines that are drawn on a PDF page: what the cells of a table are ruled with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ctypes import c_float, c_int
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

__all__ = ["NEAR", "Rule", "Rules", "rules_of"]

NEAR = 3.0
"""Points within which two rules are one, or meet."""

_MOST = 4000  # a page with more is a drawing
_MOST_STROKES = 50_000
_DEEPEST = 8
_IDENTITY = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

Matrix = tuple[float, float, float, float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal or vertical line: the height or the place ``at`` which it runs, and from where to where."""

    at: float
    low: float
    high: float

    def covers(self, place: float) -> bool:
        """Whether it runs past a place, give or take a few points."""
        return self.low - NEAR <= place <= self.high + NEAR


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a page, those that lie over each other as one."""

    horizontal: tuple[Rule, ...] = ()
    vertical: tuple[Rule, ...] = ()


def rules_of(page: PdfPage) -> Rules:
    """The rules of a page; none where it draws more than a table has."""
    horizontal: list[Rule] = []
    vertical: list[Rule] = []
    for number, ((x, y), (to_x, to_y)) in enumerate(_strokes(page)):
        if abs(y - to_y) <= 1 and abs(x - to_x) > NEAR:
            horizontal.append(Rule((y + to_y) / 2, min(x, to_x), max(x, to_x)))
        elif abs(x - to_x) <= 1 and abs(y - to_y) > NEAR:
            vertical.append(Rule((x + to_x) / 2, min(y, to_y), max(y, to_y)))
        if len(horizontal) + len(vertical) > _MOST or number > _MOST_STROKES:
            return Rules()
    return Rules(tuple(_joined(horizontal)), tuple(_joined(vertical)))


def _joined(rules: Sequence[Rule]) -> Iterator[Rule]:
    """Rules at the same place that touch, as one."""
    runs: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda rule: rule.at):
        if runs and rule.at - runs[-1][-1].at <= 1:
            runs[-1].append(rule)
        else:
            runs.append([rule])
    for run in runs:
        at = sum(rule.at for rule in run) / len(run)
        low, high = None, 0.0
        for rule in sorted(run, key=lambda rule: rule.low):
            if low is not None and rule.low <= high + NEAR:
                high = max(high, rule.high)
                continue
            if low is not None:
                yield Rule(at, low, high)
            low, high = rule.low, rule.high
        if low is not None:
            yield Rule(at, low, high)


def _strokes(page: PdfPage) -> Iterator[tuple[Point, Point]]:
    """Straight pieces of the paths that are painted, those inside of forms included."""
    from pypdfium2 import raw

    count = raw.FPDFPage_CountObjects(page)
    yield from _of_objects((raw.FPDFPage_GetObject(page, number) for number in range(count)), _IDENTITY, _DEEPEST)


def _of_objects(objects: Iterator[Any], outer: Matrix, depth: int) -> Iterator[tuple[Point, Point]]:
    from pypdfium2 import raw

    for found in objects:
        kind = raw.FPDFPageObj_GetType(found)
        if kind == raw.FPDF_PAGEOBJ_PATH and _is_painted(found):
            yield from _of_path(found, _within(_matrix(found), outer))
        elif kind == raw.FPDF_PAGEOBJ_FORM and depth:
            inner = (raw.FPDFFormObj_GetObject(found, n) for n in range(raw.FPDFFormObj_CountObjects(found)))
            yield from _of_objects(inner, _within(_matrix(found), outer), depth - 1)


def _is_painted(path: Any) -> bool:
    from pypdfium2 import raw

    fill, stroke = c_int(), c_int()
    raw.FPDFPath_GetDrawMode(path, fill, stroke)
    return bool(fill.value or stroke.value)


def _of_path(path: Any, matrix: Matrix) -> Iterator[tuple[Point, Point]]:
    from pypdfium2 import raw

    x, y = c_float(), c_float()
    begin = pen = (0.0, 0.0)
    for number in range(raw.FPDFPath_CountSegments(path)):
        segment = raw.FPDFPath_GetPathSegment(path, number)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = _moved((x.value, y.value), matrix)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            begin = point
        elif kind == raw.FPDF_SEGMENT_LINETO:
            yield pen, point
        pen = point
        if raw.FPDFPathSegment_GetClose(segment):
            yield pen, begin
            pen = begin


def _matrix(found: Any) -> Matrix:
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(found, matrix):
        return _IDENTITY
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _within(inner: Matrix, outer: Matrix) -> Matrix:
    """The matrix of something inside of something."""
    a, b, c, d, e, f = inner
    (x1, y1), (x2, y2), (x3, y3) = (_moved(point, outer) for point in ((a, b), (c, d), (e, f)))
    dx, dy = outer[4], outer[5]
    return x1 - dx, y1 - dy, x2 - dx, y2 - dy, x3, y3


def _moved(point: Point, matrix: Matrix) -> Point:
    (x, y), (a, b, c, d, e, f) = point, matrix
    return a * x + c * y + e, b * x + d * y + f
