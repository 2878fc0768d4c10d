"""What every converter makes of one file, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from groundtune.sources.failure import Kind

__all__ = ["Converted", "Converter", "Loss", "Reader"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A part of a file that could not be read although the rest was: reported beside the document."""

    reason: str
    hint: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Converted:
    """Clean Markdown text, and what else the file says of itself.

    Attributes:
        title: Where the file names one, else "".
        pages: Offsets into the text where each page, sheet, slide or chapter begins; empty where there are none.
        losses: What is missing from the text.
    """

    title: str
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    pages: tuple[int, ...] = ()
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What the converters are told.

    Attributes:
        passwords: Tried in turn on encrypted files.
        ocr_language: What tesseract is told to read, for example ``eng+deu``.
        seconds: How long one file may take; what is slow ends itself before that with what it has.
    """

    passwords: tuple[str, ...] = field(default=(), repr=False)
    ocr_language: str = "eng"
    seconds: float = 120


Converter = Callable[[bytes, Reader], Converted]
"""Makes Markdown of a file's bytes; raises `Unusable` when it cannot."""
