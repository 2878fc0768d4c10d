"""Markdown is kept as it is, so that offsets in the user's own file hold; only its title and front matter are read."""

from __future__ import annotations

import re

from groundtune.sources.converted import Converted

__all__ = ["convert_markdown", "first_heading"]

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([A-Za-z][\w-]*):[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t#]*$|^(?=\S)([^\n]+)\n=+[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(```|~~~).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
_MARKUP = re.compile(r"<[^>]+>|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|[*`\[\]\\]")


def convert_markdown(text: str) -> Converted:
    """Read the front matter (flat ``key: value`` lines) and the title: ``title`` there, else the first heading."""
    front = _FRONT.match(text)
    metadata = {key: value.strip("\"'") for key, value in _FIELD.findall(front.group(1))} if front else {}
    body = text[front.end() :] if front else text
    return Converted(title=metadata.get("title") or first_heading(body), text=text, metadata=metadata)


def first_heading(text: str) -> str:
    """The first heading outside code, without its markup; "" when there is none."""
    found = _HEADING.search(_FENCE.sub("", text))
    return "" if found is None else _MARKUP.sub("", found.group(1) or found.group(2) or "").strip()
