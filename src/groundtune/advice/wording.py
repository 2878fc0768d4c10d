"""The forecast in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping

from groundtune.advice.weighing import Weighed

__all__ = ["SYSTEM_WORDS", "sentence_of"]

SYSTEM_WORDS = {
    "prompt": "a good prompt",
    "rag": "retrieval",
    "tuned": "fine-tuning",
    "tuned_rag": "fine-tuning with retrieval",
    "none": "no system",
}
"""What a person calls the four systems."""


def sentence_of(weighed: Weighed, shares: Mapping[str, float], firmness: str, *, skipped: int) -> str:
    """The recommendation in one sentence, with how firmly the rules speak.

    Args:
        weighed: What the rules make of the answers.
        shares: As of `uncertainty.chances`.
        firmness: firm, leaning or open.
        skipped: How many questions were not answered.
    """
    if weighed.system is None:
        ids = sorted({name for names in weighed.forbidden.values() for name in names})
        return f"No system can do all that you require ({', '.join(name.replace('-', ' ') for name in ids)})."
    words, share = SYSTEM_WORDS[weighed.system], f"{shares[weighed.system]:.0%}"
    open_still = f", with {skipped} questions skipped" if skipped else ""
    if firmness == "firm":
        return f"Forecast: {words} ({weighed.system}). It comes out in {share} of the ways to fill in what is open."
    if firmness == "leaning":
        return (
            f"Leaning to {words} ({weighed.system}): it comes out in {share} of the ways to fill in what is "
            f"open{open_still}."
        )
    rival = max((s for s in shares if s != weighed.system), key=lambda s: shares[s])
    return (
        f"Still open{open_still}. So far {words} ({weighed.system}) fits best, but it comes out in only {share} of the "
        f"ways to fill in what is open; {SYSTEM_WORDS[rival]} in {shares[rival]:.0%}."
    )
