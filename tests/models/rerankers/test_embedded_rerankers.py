"""The embedded rerankers: the shipped reader, and a cross-encoder tuned from it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from groundtune.errors import WeightsError
from groundtune.models import Reranker
from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
from groundtune.models.embedded.rerank import MAX_PAIR_TOKENS, ReaderReranker, TunedReranker, pair_row
from groundtune.models.embedded.tokens import Tokens
from groundtune.models.embedded.weights import base_weights
from groundtune.testing.encoders import tiny_tokens
from groundtune.testing.reranker_contract import TEXTS, RerankerContract
from groundtune.testing.weights import tiny_weights


@cache
def reader() -> ReaderReranker:
    return ReaderReranker.load(base_weights())


class TestReader(RerankerContract):
    def make(self) -> Reranker:
        return reader()

    def test_the_text_with_the_answer_comes_first(self) -> None:
        scores = self.scored()
        assert max(range(len(TEXTS)), key=scores.__getitem__) == 1


class TestTuned(RerankerContract):
    @pytest.fixture(autouse=True)
    def _tuned(self, tmp_path: Path) -> None:
        base = tiny_weights(tmp_path)
        width = base.config.hidden_size
        head = np.random.default_rng(0).normal(size=(1, width)).astype(np.float32)
        tensors = {"reranker.weight": head, "reranker.bias": np.zeros(1, np.float32)}
        self.base, self.folder = base, tmp_path / "tuned"
        write_checkpoint(self.folder, CheckpointCard(kind="reranker", base=base.sha256), tensors, base)

    def make(self) -> Reranker:
        return TunedReranker.load(self.base, self.folder)

    def test_texts_score_differently(self) -> None:
        assert len({round(score, 3) for score in self.scored()}) > 1

    def test_another_kind_of_checkpoint_is_refused(self, tmp_path: Path) -> None:
        other = tmp_path / "embedding"
        name = "embeddings.LayerNorm.bias"
        moved = {name: self.base.tensors[name] + 1}
        write_checkpoint(other, CheckpointCard(kind="embedding", base=self.base.sha256), moved, self.base)
        with pytest.raises(WeightsError, match="hold no reranker"):
            TunedReranker.load(self.base, other)


def test_a_pair_is_cut_at_the_end_of_the_text_and_tells_question_from_text(tmp_path: Path) -> None:
    tokens: Tokens = tiny_tokens(tmp_path, ["gate"])
    ids, types = pair_row(tokens, [7] * 100, [8] * 1000)
    assert len(ids) == len(types) == MAX_PAIR_TOKENS
    assert (ids[0], ids[-1]) == (tokens.cls, tokens.sep)
    question = [number for number, segment in zip(ids, types, strict=True) if segment == 0]
    assert question.count(7) == 64
    assert question[-1] == tokens.sep
    assert 8 not in question
