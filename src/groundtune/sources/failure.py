"""What could not be read: a record, so that one bad file never costs the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

__all__ = ["Failure", "Kind", "Unusable", "kind_of"]

Kind = Literal["unusable", "empty", "image_only", "encrypted", "damaged", "hostile", "unsupported", "unreachable"]
"""What is wrong in one word; ``hostile`` is what took more time, memory or space than a document needs."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that gave no document, or a part of one that was lost.

    Attributes:
        source: The file, or the file and line of a row.
        reason: What is wrong with it, in plain words.
        hint: What to do about it.
        kind: The same in one word, for programs.
        transient: True when the content may be fine and only could not be read now; what was read before is kept.
        partial: True when the rest of it was read.
    """

    source: str
    reason: str
    hint: str
    kind: Kind = "unusable"
    transient: bool = False
    partial: bool = False


class Unusable(Exception):
    """Content that no document can be made of; caught where the source is known and turned into a `Failure`."""

    def __init__(self, reason: str, hint: str, kind: Kind = "unusable") -> None:
        self.reason = reason.removesuffix(".")  # it may end in a library's sentence, and is part of a longer one
        self.hint = hint
        self.kind = kind
        super().__init__(reason)


def kind_of(word: str) -> Kind:
    """The kind that a word names; ``unusable`` for any other word."""
    return cast("Kind", word) if word in get_args(Kind) else "unusable"
