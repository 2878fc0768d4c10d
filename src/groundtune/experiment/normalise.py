"""Text made comparable: the normalisation of SQuAD, used wherever two texts are compared."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["normalise", "tokens"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(text: str) -> str:
    """Lower case, without punctuation, English articles and extra space.

    As in the official SQuAD script (Rajpurkar et al. 2016), with two extensions for text outside ASCII: compatibility
    forms are folded (NFKC), and punctuation of every script is removed.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(character for character in folded if not _is_punctuation(character))
    return " ".join(_ARTICLES.sub(" ", kept).split())


def tokens(text: str) -> list[str]:
    """The words of the normalised text."""
    return normalise(text).split()


def _is_punctuation(character: str) -> bool:
    # SQuAD removes string.punctuation, which holds symbols such as $ and + besides the Unicode punctuation classes.
    return unicodedata.category(character).startswith("P") or character in "$+<=>^`|~"
