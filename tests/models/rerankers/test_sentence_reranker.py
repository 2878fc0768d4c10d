"""A cross-encoder of sentence-transformers by path: the contract on a tiny one, and what is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from groundtune.errors import WeightsError
from groundtune.models import Reranker
from groundtune.models.transformers.reranking import SentenceReranker
from groundtune.testing.cross_encoder import tiny_cross_encoder
from groundtune.testing.reranker_contract import RerankerContract

pytest.importorskip("sentence_transformers")

WORDS = ["when", "does", "the", "gate", "close", "closes", "at", "eight", "?", ".", "fees", "visitors", "park"]


@cache
def tiny() -> SentenceReranker:
    return SentenceReranker.load(tiny_cross_encoder(Path(mkdtemp()), WORDS))


class TestSentenceTransformers(RerankerContract):
    def make(self) -> Reranker:
        return tiny()


def test_weights_that_class_pairs_are_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="gives 3 scores"):
        SentenceReranker.load(tiny_cross_encoder(tmp_path, WORDS, labels=3))


def test_a_folder_without_weights_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no config\.json"):
        SentenceReranker.load(tmp_path)
