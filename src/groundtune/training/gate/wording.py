"""Texts taken apart, so that two of them can be compared."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["content_words", "numbers", "words"]


def words(text: str) -> list[str]:
    """The words of a text in order, without case, punctuation and compatibility forms."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


_FUNCTION_WORDS = frozenset(
    words(
        "a an and any are as at be been but by can could did do does for get got had has have i if in into is it its "
        "just like m me my of on or our please re shall should so some than that the their them then there these "
        "they this those to too ve very want was we were what which will with would you your s d ll"
    )
)
"""English words that carry little: two questions that differ in these alone ask the same. Negations are not here, nor
words that ask for something of their own (when, where, who, why, how)."""


def numbers(text: str) -> list[str]:
    """The words that hold a digit, sorted: two questions that differ here ask different things."""
    return sorted(word for word in words(text) if any(character.isdigit() for character in word))


def content_words(text: str) -> frozenset[str]:
    """The words that carry meaning."""
    return frozenset(words(text)) - _FUNCTION_WORDS
