"""reStructuredText to Markdown in one light pass: headings, code, links and header fields; no directive is run.

What is read: section titles by underline (and overline), literal blocks, code and admonition directives, inline
literals, roles and links, and an RFC 2822 header block at the start, such as that of a Python Enhancement Proposal.
Tables stay as they are. Comments, link targets, pictures and tables of contents go.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping

from groundtune.sources.converted import Converted

__all__ = ["convert_rst"]

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(?:[ \t]+(.*))?$")
_RULE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*$")
_DIRECTIVE = re.compile(r"\.\. +([A-Za-z][\w.:+-]*)::(?: +(.*))?$")
_FOOTNOTE = re.compile(r"\.\. +(\[[^\]]+\] .*)$")
_EXPLICIT = re.compile(r"\.\.(?: |$)")
_CODE = frozenset({"code", "code-block", "sourcecode", "parsed-literal", "productionlist", "doctest", "testcode"})
_SPOKEN = frozenset(
    {"attention", "caution", "danger", "error", "hint", "important", "note", "tip", "warning", "seealso", "deprecated"}
    | {"versionadded", "versionchanged", "admonition", "topic", "rubric"}
)
_DROPPED = frozenset(
    {"contents", "sectnum", "toctree", "index", "highlight", "image", "figure", "raw", "include", "target-notes"}
    | {"default-role", "role", "meta", "title", "currentmodule", "module", "canonical-doc", "literalinclude"}
)
_DEEPEST = 20
_OPTION = re.compile(r"\s+:[\w-]+:(?: .*)?$")

_NAMED_ROLES = {"pep": "PEP ", "rfc": "RFC "}
_ROLE = re.compile(r":([A-Za-z][\w:+.-]*):`([^`]+)`")
_LITERAL = re.compile(r"``(.+?)``")
_LINK = re.compile(r"`([^`<]+?)\s*<[^`>]+>`__?")
_REFERENCE = re.compile(r"`([^`<>]+)`__?(?!\w)")
_BARE_REFERENCE = re.compile(r"(?<![\w`])(\w[\w.-]*\w)__?(?![\w`])")
_NUMBERED = re.compile(r"(\[[#*\w]+\])_(?!\w)")
_SUBSTITUTION = re.compile(r"\|([^|\s][^|]*)\|__?(?!\w)")


def convert_rst(text: str) -> Converted:
    """Convert one document.

    Its title is ``PEP 242 – Numeric Kinds`` where the header block has those fields, else the header's title, else the
    first section title. The header's fields become the metadata and stay in the text as lines like ``Status: Final``.
    """
    lines = text.expandtabs(8).split("\n")
    fields, start = _header(lines)
    blocks = _Blocks(lines[start:])
    body = "\n".join(blocks.markdown())
    head = "\n".join(f"{key}: {_inline(value)}" for key, value in fields.items())
    title = _header_title(fields) or blocks.first_title
    joined = f"{head}\n\n{body}" if head else body
    return Converted(title=title, text=re.sub(r"\n{3,}", "\n\n", joined).strip() + "\n", metadata=fields)


def _header(lines: list[str]) -> tuple[dict[str, str], int]:
    """The RFC 2822 fields at the start and the number of the first line after them; at least two make a header."""
    fields: dict[str, str] = {}
    last = ""
    for number, line in enumerate(lines):
        found = _FIELD.match(line)
        if found:
            last = found.group(1)
            fields[last] = (found.group(2) or "").strip()
        elif last and line[:1] == " " and line.strip():
            fields[last] = f"{fields[last]} {line.strip()}".strip()
        else:
            return (_filled(fields), number) if len(fields) >= 2 and not line.strip() else ({}, 0)
    return (_filled(fields), len(lines)) if len(fields) >= 2 else ({}, 0)


def _filled(fields: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in fields.items() if value}


def _header_title(fields: Mapping[str, str]) -> str:
    title = fields.get("Title") or fields.get("Subject") or ""
    return f"PEP {fields['PEP']} – {title}" if "PEP" in fields and title else title


class _Blocks:
    """Walks the lines once; ``markdown`` gives the lines of the converted text."""

    def __init__(self, lines: list[str], depth: int = 0) -> None:
        self._lines = lines
        self._depth = depth
        self._at = 0
        self._levels: list[tuple[str, bool]] = []
        self.first_title = ""

    def markdown(self) -> Iterator[str]:
        while self._at < len(self._lines):
            yield from self._title() or self._explicit() or self._plain()

    def _line(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._lines[place].rstrip() if 0 <= place < len(self._lines) else ""

    def _title(self) -> list[str]:
        """A section title with its underline, and overline if any, as an ATX heading."""
        over = bool(_RULE.match(self._line())) and self._line(2) == self._line()
        title, rule = self._line(over), self._line(over + 1)
        if not title.strip() or not _RULE.match(rule) or _RULE.match(title):
            return []
        if (title[0] == " " and not over) or len(rule) < min(len(title.strip()), 4) or self._line(-1).strip():
            return []
        style = (rule[0], over)
        if style not in self._levels:
            self._levels.append(style)
        self._at += 2 + over
        spoken = _inline(title.strip())
        self.first_title = self.first_title or spoken
        return [f"{'#' * min(self._levels.index(style) + 1, 6)} {spoken}", ""]

    def _explicit(self) -> list[str]:
        """A directive, footnote, comment or target: what starts with two dots."""
        line = self._line()
        indent = len(line) - len(line.lstrip())
        if not _EXPLICIT.match(line.lstrip()):
            return []
        self._at += 1
        block = self._indented(indent)
        footnote = _FOOTNOTE.match(line.lstrip())
        if footnote:
            return [_inline(part) for part in [footnote.group(1), *textwrap.dedent("\n".join(block)).split("\n")]] + [
                ""
            ]
        directive = _DIRECTIVE.match(line.lstrip())
        return self._directive(directive.group(1).lower(), directive.group(2) or "", block) if directive else [""]

    def _directive(self, name: str, argument: str, block: list[str]) -> list[str]:
        if name in _DROPPED:
            return [""]
        while block and (_OPTION.match(block[0]) or not block[0].strip()):
            block.pop(0)
        if name in _CODE:
            return _fenced(block, argument if re.fullmatch(r"[\w+-]*", argument) else "")
        inner = textwrap.dedent("\n".join(block)).split("\n")
        if self._depth < _DEEPEST:
            inner = list(_Blocks(inner, self._depth + 1).markdown())
        label = f"{name.capitalize()}: {_inline(argument)}".rstrip() if name in _SPOKEN else _inline(argument)
        return [*([label] if label else []), *inner, ""]

    def _indented(self, indent: int) -> list[str]:
        """Takes the following lines that are blank or deeper than ``indent``; trailing blank lines stay."""
        start = end = self._at
        for place in range(start, len(self._lines)):
            line = self._lines[place]
            if line.strip():
                if len(line) - len(line.lstrip()) <= indent:
                    break
                end = place + 1
        self._at = end
        return self._lines[start:end]

    def _plain(self) -> list[str]:
        """An ordinary line; one that ends in two colons opens a literal block."""
        line = self._line()
        self._at += 1
        if not line.endswith("::"):
            return [_inline(line)]
        block = self._indented(len(line) - len(line.lstrip()))
        spoken = line[:-2].rstrip() if line[:-2].endswith((" ", "\t")) or not line[:-2].strip() else line[:-1]
        return [_inline(spoken), "", *_fenced(block, "")] if block else [_inline(line[:-1])]


def _fenced(block: Iterable[str], language: str) -> list[str]:
    code = textwrap.dedent("\n".join(block)).strip("\n")
    return [f"```{language}", *code.split("\n"), "```", ""] if code.strip() else [""]


def _inline(line: str) -> str:
    """Roles, links and references of one line as plain text; literals keep one pair of backticks."""
    if "`" not in line and "_" not in line and "|" not in line:
        return line
    pieces = _LITERAL.split(line)
    for place in range(0, len(pieces), 2):
        pieces[place] = _spoken(pieces[place])
    for place in range(1, len(pieces), 2):
        pieces[place] = f"`{pieces[place]}`"
    return "".join(pieces)


def _role(found: re.Match[str]) -> str:
    name, text = found.group(1).lower(), found.group(2)
    explicit = re.match(r"(.+?)\s*<[^>]+>$", text)
    if explicit:
        return explicit.group(1)
    if name in _NAMED_ROLES:
        return _NAMED_ROLES[name] + text
    target = text.lstrip("!~") if not text.startswith("~") else text.rsplit(".", 1)[-1]
    return f"`{target}`" if name not in {"ref", "doc", "term", "emphasis", "strong"} else target


_INLINE: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_ROLE, _role),
    (_LINK, r"\1"),
    (_REFERENCE, r"\1"),
    (_NUMBERED, r"\1"),
    (_SUBSTITUTION, r"\1"),
    (_BARE_REFERENCE, r"\1"),
)


def _spoken(text: str) -> str:
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return text
