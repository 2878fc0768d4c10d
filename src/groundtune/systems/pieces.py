"""An answer that is still being written, as the pieces that a person can be shown already."""

from __future__ import annotations

import re

from groundtune.models.embedded.markup import plain

__all__ = ["PlainPieces"]

_OPEN = re.compile(
    r"(?:"
    r"!?\[[^\[\]]*(?:\](?:\([^()\n]{0,500})?)?"  # a link that may go on
    r"|<(?:[ab/!][^<>]{0,500})?"  # a tag or comment that may go on
    r"|[!\\]"  # the sign before either
    r")\Z",
    re.IGNORECASE,
)


class PlainPieces:
    """Turns the pieces of a model into pieces without markup; what is given once is never taken back.

    Args:
        keep_markup: The text is given as it is: it may be JSON, or Markdown that was asked for.
    """

    def __init__(self, *, keep_markup: bool) -> None:
        self._keep_markup = keep_markup
        self._raw = ""
        self._given = ""

    def add(self, piece: str) -> str:
        """What can be shown after this piece, and was not before; often empty."""
        self._raw += piece
        shown = self._raw if self._keep_markup else plain(_OPEN.sub("", self._raw))
        if not shown.startswith(self._given):
            return ""
        new, self._given = shown[len(self._given) :], shown
        return new

    def rest(self, text: str) -> str:
        """What is missing when ``text`` is the whole answer; all of it, apart, where something else was shown."""
        if text.startswith(self._given):
            return text[len(self._given) :]
        return "" if self._given.startswith(text) else f"\n\n{text}"
