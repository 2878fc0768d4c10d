"""Markup that costs tokens and says nothing: left out of what is embedded, searched and read, kept in what is shown."""

from __future__ import annotations

import re
from bisect import bisect_left

from groundtune.models.embedded.tokens import Encoding

__all__ = ["audible", "plain", "silence", "silent_spans"]

_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"\n]*\")?\)")

# Link and image targets, HTML anchors and comments, data: addresses, backslash escapes, emphasis marks, table rules.
_SILENT = re.compile(
    r"(?<=\])\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"\n]*\")?\)"
    r"|<a\s[^<>]*>|</a>|<!--(?:(?!<!--|-->).)*-->|<br\s*/?>"
    r"|\bdata:[a-z]+/[\w.+-]+;base64,[A-Za-z0-9+/=]+"
    r"|\\(?=[!-/:-@\[-`{-~])"
    r"|\*{1,3}"
    r"|(?<=\|)[ \t]*:?-{3,}:?[ \t]*(?=\|)"
    r"|^[ \t]*(?:[-=_*~^+#]{3,}|\|)(?=[ \t]*\n)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def silent_spans(text: str) -> list[tuple[int, int]]:
    """The spans of markup without meaning, in order and without overlap."""
    return [found.span() for found in _SILENT.finditer(text)]


def silence(encoding: Encoding, spans: list[tuple[int, int]]) -> Encoding:
    """The tokens that do not begin inside a span."""
    starts = [start for start, _ in encoding.offsets]
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    place = 0
    for begin, end in spans:
        stop = bisect_left(starts, begin, place)
        ids += encoding.ids[place:stop]
        offsets += encoding.offsets[place:stop]
        place = bisect_left(starts, end, stop)
    return Encoding(ids + encoding.ids[place:], offsets + encoding.offsets[place:])


def audible(text: str) -> str:
    """The text without its silent spans."""
    return _SILENT.sub("", text)


def plain(text: str) -> str:
    """The text as a person would say it: links as their words, without silent spans."""
    return audible(_LINK.sub(r"\1", text)).strip()
