"""Token by token to text, where a character may be spread over several tokens."""

from __future__ import annotations

from typing import Any

__all__ = ["Pieces"]

_UNFINISHED = "\ufffd"  # what a decoder writes for bytes that are no character yet


class Pieces:
    """Text of a growing list of tokens; the pieces joined are the text of all tokens."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._from = 0  # decoding starts here: how a token is written may depend on the one before
        self._given = 0  # tokens whose text was handed out

    def add(self, token: int) -> str:
        """The text that is certain with this token; empty while it may still change."""
        self._ids.append(token)
        fresh = self._fresh()
        if not fresh or fresh.endswith(_UNFINISHED):
            return ""
        self._from, self._given = self._given, len(self._ids)
        return fresh

    def rest(self) -> str:
        """What was held back, when no more tokens come."""
        fresh = self._fresh()
        self._from = self._given = len(self._ids)
        return fresh

    def _fresh(self) -> str:
        return self._text(self._ids[self._from :])[len(self._text(self._ids[self._from : self._given])) :]

    def _text(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
