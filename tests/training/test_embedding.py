from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.tokens import Tokens
from groundtune.models.embedded.weights import BaseWeights
from groundtune.testing.encoders import TINY
from groundtune.testing.weights import tiny_weights

pytest.importorskip("torch")
import torch

from groundtune.training.embedding import EmbeddingObjective, RetrievalRow, mine_negatives, tune_embedding
from groundtune.training.loop import Schedule
from groundtune.training.pooling import embed_rows

PAIRS = [
    ("card ?", "lost"), ("pin ?", "blocked"), ("age ?", "limit"), ("rate ?", "exchange"), ("child ?", "account"),
    ("money ?", "transfer"), ("old ?", "new"), ("what ?", "where"),
]  # fmt: skip
ROWS = [RetrievalRow(question=question, positives=(text,), negatives=("late",)) for question, text in PAIRS]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseWeights:
    return tiny_weights(tmp_path_factory.mktemp("weights"), replace(TINY, hidden_size=32, intermediate_size=32))


def objective(base: BaseWeights, rows: Sequence[RetrievalRow], dev: Sequence[RetrievalRow] = ()) -> EmbeddingObjective:
    return EmbeddingObjective(rows, dev, base=base, tokens=Tokens(base.tokenizer_path))


def test_questions_find_their_texts_after_tuning_and_what_is_served_is_what_was_tuned(
    base: BaseWeights, tmp_path: Path
) -> None:
    tokens = Tokens(base.tokenizer_path)
    schedule = Schedule(epochs=60, learning_rate=0.02, precision="float32")
    tuned = tune_embedding(ROWS, ROWS, base=base, tokens=tokens, schedule=schedule)
    assert tuned.before is not None
    assert tuned.fitted.best.dev_score is not None
    assert tuned.fitted.best.dev_score > tuned.before + 0.2
    write_checkpoint(tmp_path, CheckpointCard(kind="embedding", base=base.sha256), tuned.tensors, base)
    served = EmbeddedEmbedding.of(base, tmp_path, precision="f32")
    made = objective(base, ROWS)
    with torch.no_grad():
        for name, parameter in made.module.named_parameters():
            if name in tuned.tensors:
                parameter.copy_(torch.from_numpy(tuned.tensors[name]))
    texts = [text for pair in PAIRS for text in pair]
    ids = [[tokens.cls, *tokens.encode(text).ids, tokens.sep] for text in texts]
    cosines = (embed_rows(made.module, ids).numpy() * served.embed(texts)).sum(1)
    assert cosines.min() > 0.999
    assert served.name.startswith("embedded/all-MiniLM-L6-v2@000000000000+embedding@")


class Table:
    """Embeds by looking up."""

    name = "table"
    dimensions = 2

    def __init__(self, angles: dict[str, float]) -> None:
        self.angles = angles

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[np.cos(self.angles[t]), np.sin(self.angles[t])] for t in texts], np.float32)


def test_negatives_are_near_but_not_as_near_as_the_answer() -> None:
    angles = {"q": 0.0, "answer": 0.5, "too near": 0.4, "as near": 0.55, "near": 0.7, "next": 0.9, "far": 3.0}
    row = RetrievalRow(question="q", positives=("answer",), negatives=("old",))
    corpus = ["far", "next", "near", "as near", "too near", "answer"]
    assert mine_negatives([row], corpus, Table(angles), each=2)[0].negatives == ("near", "next")
    assert mine_negatives([row], corpus, Table(angles), depth=1)[0].negatives == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(counts=st.lists(st.integers(0, 3), min_size=1, max_size=40), seed=st.integers(0, 9))
def test_no_text_answers_two_questions_of_a_batch(base: BaseWeights, counts: list[int], seed: int) -> None:
    rows = [
        RetrievalRow(question=f"q{i}", positives=tuple(f"p{(i + j) % 7}" for j in range(count)))
        for i, count in enumerate(counts)
    ]
    kept = [row for row in rows if row.positives]
    if not kept:
        with pytest.raises(ValueError, match="no row has one"):
            objective(base, rows)
        return
    batches = objective(base, rows).batches(0, random.Random(seed))
    pairs = [pair for batch in batches for pair in batch]
    assert sorted(pairs) == [(i, j) for i, row in enumerate(kept) for j in range(len(row.positives))]
    for batch in batches:
        texts = [kept[i].positives[j] for i, j in batch]
        assert len(texts) == len(set(texts)) <= 32


def test_other_answers_of_a_question_do_not_count_against_it(base: BaseWeights) -> None:
    noise = torch.Generator()
    one = RetrievalRow(question="card ?", positives=("lost", "blocked"))
    two = RetrievalRow(question="pin ?", positives=("blocked", "limit"))
    made = objective(base, [one, two])
    made.module.dropout = 0.0
    apart = objective(base, [RetrievalRow(question="card ?", positives=("lost",)), two])
    apart.module.dropout = 0.0
    forgiven, counted = made.loss([(0, 0), (1, 0)], noise), apart.loss([(0, 0), (1, 0)], noise)
    assert forgiven.item() < counted.item()


def test_the_dev_score_is_the_mean_reciprocal_rank(base: BaseWeights) -> None:
    made = objective(base, ROWS, ROWS[:3])
    tokens = Tokens(base.tokenizer_path)
    embedding = EmbeddedEmbedding.of(base, precision="f32")
    texts = ["lost", "late", "blocked", "limit"]
    cosines = embedding.embed([row.question for row in ROWS[:3]]) @ embedding.embed(texts).T
    right = [texts.index(row.positives[0]) for row in ROWS[:3]]
    ranks = [1 + int((scores > scores[i]).sum()) for scores, i in zip(cosines, right, strict=True)]
    assert made.dev_score() == pytest.approx(np.mean([1 / rank for rank in ranks]))
    assert tokens.sep == 3
