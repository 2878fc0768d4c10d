"""The embedded reranker learns to put answers first, and what is served is what was tuned."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from groundtune.errors import GateClosed
from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
from groundtune.models.embedded.rerank import TunedReranker
from groundtune.models.embedded.tokens import Tokens
from groundtune.models.embedded.weights import BaseWeights
from groundtune.testing.encoders import TINY
from groundtune.testing.weights import tiny_weights

pytest.importorskip("torch")
import torch

from groundtune.training.embedded_reranker import RerankerObjective
from groundtune.training.embedding import RetrievalRow
from groundtune.training.loop import Schedule, fit

ASKED = [("card ?", "lost"), ("pin ?", "blocked"), ("age ?", "limit"), ("rate ?", "exchange"), ("child ?", "account")]
ROWS = [
    RetrievalRow(question=question, positives=(text,), negatives=tuple(other for _, other in ASKED if other != text))
    for question, text in ASKED
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseWeights:
    return tiny_weights(tmp_path_factory.mktemp("weights"), replace(TINY, hidden_size=32, intermediate_size=32))


def objective(base: BaseWeights, rows: list[RetrievalRow], dev: list[RetrievalRow]) -> RerankerObjective:
    return RerankerObjective(rows, dev, start=base.tensors, config=base.config, tokens=Tokens(base.tokenizer_path))


def test_answers_come_first_after_tuning_and_the_served_scores_are_the_tuned_ones(
    base: BaseWeights, tmp_path: Path
) -> None:
    made = objective(base, ROWS, ROWS)
    # All scores are equal at first, and equals count against the answer: rank 5 of 5.
    assert made.dev_score() == pytest.approx(1 / 5)
    fitted = fit(made, schedule=Schedule(epochs=150, learning_rate=0.003, precision="float32"))
    assert (fitted.best.dev_score or 0) > 0.8
    write_checkpoint(tmp_path, CheckpointCard(kind="reranker", base=base.sha256), fitted.tensors, base)
    served = TunedReranker.load(base, tmp_path)
    for row in ROWS:
        scores = served.score(row.question, [*row.positives, *row.negatives])
        with torch.no_grad():
            for name, parameter in made.module.named_parameters():
                if name in fitted.tensors:
                    parameter.copy_(torch.from_numpy(fitted.tensors[name]))
            wanted = made.loss([(ROWS.index(row), 0)], None)  # type: ignore[arg-type]
        found = -torch.log_softmax(torch.tensor(scores), 0)[0]
        assert float(found) == pytest.approx(float(wanted), abs=0.1)


def test_rows_without_anything_to_tell_apart_close_the_gate(base: BaseWeights) -> None:
    with pytest.raises(GateClosed, match="a near one that does not"):
        objective(base, [replace(row, negatives=()) for row in ROWS], [])


def test_every_answer_is_seen_once_an_epoch(base: BaseWeights) -> None:
    rows = [replace(row, positives=(*row.positives, "new")) for row in ROWS]
    batches = objective(base, rows, []).batches(0, random.Random(0))
    assert sorted(pair for batch in batches for pair in batch) == [(row, turn) for row in range(5) for turn in range(2)]


def test_without_dev_rows_there_is_no_dev_score(base: BaseWeights) -> None:
    assert objective(base, ROWS, []).dev_score() is None
