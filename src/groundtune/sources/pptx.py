"""PPTX to Markdown: a section for each slide with its lists, tables and notes; slides are the pages."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from groundtune.sources.converted import Converted, Loss, Reader
from groundtune.sources.failure import Unusable
from groundtune.sources.protected import unlocked
from groundtune.sources.tables import table
from groundtune.sources.zipped import core_properties, opened

if TYPE_CHECKING:
    from pptx.slide import Slide
    from pptx.text.text import TextFrame

__all__ = ["convert_pptx"]

_AGAIN = "Open it in a presentation program, let it repair the file, and save it again."


def convert_pptx(data: bytes, reader: Reader) -> Converted:
    """Convert one presentation; slide numbers, dates and footers go as furniture unless they say something else.

    Raises:
        Unusable: when it is encrypted or damaged.
    """
    from lxml.etree import LxmlError
    from pptx import Presentation
    from pptx.exc import PythonPptxError

    data = unlocked(data, reader)
    with opened(data) as archive:
        metadata = core_properties(archive)
    text, starts, losses = "", [], []
    try:
        for number, slide in enumerate(Presentation(io.BytesIO(data)).slides, start=1):
            starts.append(len(text))
            text += "\n\n".join(_parts(slide, number)) + "\n\n"
            losses += list(_misplaced(slide, number))
    except (PythonPptxError, LxmlError, KeyError, ValueError, AttributeError) as error:
        raise Unusable(f"it is damaged: {error}", _AGAIN, "damaged") from None
    return Converted(title=_title(metadata), text=text, metadata=metadata, pages=tuple(starts), losses=tuple(losses))


def _title(metadata: dict[str, str]) -> str:
    title = metadata.get("title", "")
    return "" if title == "PowerPoint Presentation" else title


def _parts(slide: Slide, number: int) -> Iterator[str]:
    heading = slide.shapes.title
    spoken = " ".join(heading.text_frame.text.split()) if heading is not None else ""
    yield f"## {spoken or f'Slide {number}'}"
    for shape in _flat(slide.shapes):
        if heading is not None and shape.shape_id == heading.shape_id:
            continue
        if shape.has_table:
            yield table([[cell.text for cell in row.cells] for row in shape.table.rows]).rstrip()
        elif shape.has_text_frame and shape.text_frame.text.strip():
            yield "\n".join(_paragraphs(shape.text_frame, listed=_is_list(shape)))
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            yield f"Notes: {notes}"


def _flat(shapes: Iterable[Any]) -> Iterator[Any]:
    for shape in shapes:
        if shape.shape_type is not None and shape.shape_type.name == "GROUP":
            yield from _flat(shape.shapes)
        else:
            yield shape


def _is_list(shape: Any) -> bool:
    """Body placeholders show their paragraphs as bullets."""
    return shape.is_placeholder and shape.placeholder_format.type.name in {"BODY", "OBJECT"}


def _paragraphs(frame: TextFrame, *, listed: bool) -> Iterator[str]:
    for paragraph in frame.paragraphs:
        spoken = " ".join(paragraph.text.split())
        if spoken:
            bullets = len(frame.paragraphs) > 1 and listed
            yield f"{'  ' * paragraph.level}- {spoken}" if bullets else spoken


def _misplaced(slide: Slide, number: int) -> Iterator[Loss]:
    for shape in slide.placeholders:
        if shape.left is None:
            reason = (
                f"it is damaged: {shape.name!r} on slide {number} has no place, neither of its own nor in its layout; "
                "its text was read all the same"
            )
            yield Loss(reason, _AGAIN, "damaged")
