"""How passages are found: every stage of the search that is on, with its setting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from groundtune.models import Reranker

__all__ = ["Mode", "Rewrite", "SearchPlan"]

Mode = Literal["hybrid", "dense", "lexical"]
"""By meaning and words, by meaning alone (vectors), or by words alone (BM25)."""

Rewrite = Callable[[str], Sequence[str]]
"""Gives other wordings of a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """The stages of one search, in their order; the defaults are a plain ranking.

    Attributes:
        rewrite: Other wordings that are searched for beside the question; None: the question alone.
        mode: Which rankings are made of the passages.
        collapse: Cosine in (0, 1] from which on two passages count as the same and only the better one is kept; 1: only
            those of the same words; 0: all are kept.
        reranker: Reads the best candidates beside the question and orders them anew; None: nothing does.
        rerank_depth: How many candidates it reads.
        rerank_weight: Share in [0, 1] of its score beside the ranking's; 1: it alone decides.
        per_document: Most passages of one document; 0: no limit.
        mmr: λ of maximal marginal relevance in [0, 1]; 1: off.
        fetch_k: Candidates that it chooses from.
    """

    rewrite: Rewrite | None = None
    mode: Mode = "hybrid"
    collapse: float = 0.0
    reranker: Reranker | None = None
    rerank_depth: int = 50
    rerank_weight: float = 1.0
    per_document: int = 0
    mmr: float = 1.0
    fetch_k: int = 20
