"""What every reranker keeps to, as tests: inherit `RerankerContract` and say how a reranker is made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from groundtune.models import Reranker

__all__ = ["QUESTION", "TEXTS", "RerankerContract"]

QUESTION = "When does the gate close?"
"""What is asked."""

TEXTS = (
    "Fees > Abroad\nA transfer abroad costs three euros.",
    "The gate closes at eight in the evening.",
    "",
    "Visitors park behind the house, where the gate is." * 40,
    "Die Zinsen für Sparkonten werden im Dezember gutgeschrieben.",
)
"""Texts to order: with headings, short, empty, longer than any model reads, in another language."""


class RerankerContract:
    """The contract; a subclass named ``Test…`` runs it with pytest."""

    def make(self) -> Reranker:
        """A reranker, ready to score."""
        raise NotImplementedError

    def scored(self, texts: Sequence[str] = TEXTS) -> list[float]:
        """The scores of texts."""
        return [float(score) for score in self.make().score(QUESTION, texts)]

    def test_every_text_has_a_finite_score(self) -> None:
        """Empty and overlong texts too."""
        scores = self.scored()
        assert len(scores) == len(TEXTS)
        assert all(math.isfinite(score) for score in scores)

    def test_nothing_to_score_gives_no_scores(self) -> None:
        """No candidates is no error."""
        assert self.scored(()) == []

    def test_scores_follow_their_texts_in_any_order(self) -> None:
        """A score belongs to its text, whatever is scored beside it."""
        order = (3, 1, 0)
        forward, shuffled = self.scored(), self.scored([TEXTS[place] for place in order])
        for place, score in zip(order, shuffled, strict=True):
            assert math.isclose(score, forward[place], rel_tol=2e-2, abs_tol=2e-2)

    def test_the_same_text_twice_scores_the_same(self) -> None:
        """Copies tie."""
        first, second = self.scored([TEXTS[1], TEXTS[1]])
        assert math.isclose(first, second, rel_tol=1e-2, abs_tol=1e-2)

    def test_the_name_stays_the_same(self) -> None:
        """The name is a key: equal for equal weights."""
        assert self.make().name == self.make().name != ""

    def test_it_scores_in_many_threads(self) -> None:
        """One reranker serves concurrent searches."""
        reranker = self.make()
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda _: list(reranker.score(QUESTION, TEXTS[:2])), range(8)))
        for scores in found[1:]:
            assert all(math.isclose(a, b, rel_tol=2e-2, abs_tol=2e-2) for a, b in zip(scores, found[0], strict=True))
