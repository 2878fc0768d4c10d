"""What could not be read: a record, so that one bad file never costs the run."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Failure", "Unusable"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that gave no document.

    Attributes:
        source: The file, or the file and line of a row.
        reason: What is wrong with it, in plain words.
        hint: What to do about it.
        transient: True when the content may be fine and only could not be read now; what was read before is kept.
    """

    source: str
    reason: str
    hint: str
    transient: bool = False


class Unusable(Exception):
    """Content that no document can be made of; caught where the source is known and turned into a `Failure`."""

    def __init__(self, reason: str, hint: str) -> None:
        self.reason = reason
        self.hint = hint
        super().__init__(reason)
