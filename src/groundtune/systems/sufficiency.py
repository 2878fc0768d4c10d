"""Whether what was found suffices for what is answered: signals of one answer, and the model that weighs them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from groundtune.records import Hit

__all__ = ["Sufficiency", "Weight", "signals"]

_WORD = re.compile(r"\w+")
_SHORT = 3
_STEM = 5
_SURE = 1e-4


def signals(question: str, hits: Sequence[Hit], text: str, confidence: float | None) -> dict[str, float]:
    """What speaks for an answer, from its question, its passages and its text alone; empty without passages.

    ``top`` is the score of the best passage, ``lead`` by how much it is above the mean of all (after NQC, Shtok et al.
    2012), ``coverage`` the share of the question's words in the best passage that holds the answer (else in the best),
    ``agreement`` the share of passages that hold the answer (of demonstrations: that have it), ``model`` the log odds
    of the model's own confidence, where it has one.
    """
    if not hits:
        return {}
    scores = [hit.score for hit in hits]
    holding = [hit for hit in hits if _holds(hit, text)]
    found = {
        "top": max(scores),
        "lead": max(scores) - sum(scores) / len(scores),
        "coverage": _coverage(question, (holding or hits)[0]),
        "agreement": len(holding) / len(hits),
    }
    if confidence is not None:
        sure = min(max(confidence, _SURE), 1 - _SURE)
        found["model"] = math.log(sure / (1 - sure))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One signal in the model: it counts ``weight`` for each ``scale`` that it is above ``mean``."""

    mean: float
    scale: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sufficiency:
    """A logistic model: the probability that an answer is right, from its `signals`.

    Attributes:
        weights: By signal; those are all that it asks for.
    """

    bias: float
    weights: Mapping[str, Weight]

    def probability(self, found: Mapping[str, float]) -> float | None:
        """In [0, 1]; None where a signal is missing, since then nothing can be said."""
        if not self.weights.keys() <= found.keys():
            return None
        logit = self.bias + sum(w.weight * (found[name] - w.mean) / w.scale for name, w in self.weights.items())
        return 0.5 * (1.0 + math.tanh(0.5 * logit))

    def to_json(self) -> dict[str, Any]:
        """As a run stores it."""
        weights = {name: {"mean": w.mean, "scale": w.scale, "weight": w.weight} for name, w in self.weights.items()}
        return {"bias": self.bias, "weights": weights}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(bias=value["bias"], weights={name: Weight(**w) for name, w in value["weights"].items()})


def _coverage(question: str, hit: Hit) -> float:
    passage = hit.passage
    wanted, held = _stems(question), _stems(" ".join([passage.title, *passage.headings, passage.text]))
    return len(wanted & held) / len(wanted) if wanted else 0.0


def _stems(text: str) -> set[str]:
    """Words that carry meaning, roughly: all but the shortest, cut to where endings begin; numbers whole."""
    words = _WORD.findall(text.casefold())
    return {word if word.isdigit() else word[:_STEM] for word in words if len(word) > _SHORT or word.isdigit()}


def _holds(hit: Hit, text: str) -> bool:
    said = " ".join(_WORD.findall(text.casefold()))
    held = hit.passage.answer if hit.passage.answer is not None else hit.passage.text
    return bool(said) and f" {said} " in f" {' '.join(_WORD.findall(held.casefold()))} "
