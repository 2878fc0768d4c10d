from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from groundtune.models.embedded.calibration import Calibration
from groundtune.models.embedded.read import Finding, Heads, Reader
from groundtune.models.embedded.runtime import Encoder as CompiledEncoder
from groundtune.models.embedded.shipped import ReaderWeights
from groundtune.models.embedded.tokens import Tokens
from groundtune.testing.encoders import TINY, tiny_tensors, tiny_tokens

pytest.importorskip("torch")
import torch

from groundtune.training.calibrate import auroc, fit_not_here
from groundtune.training.loop import Schedule
from groundtune.training.reader import ReaderObjective, tune_reader
from groundtune.training.rows import ReadingRow

NAMES = ("ann", "bob", "eve", "joe", "kim", "lee")
WORDS = (*NAMES, "who", "sits", "runs", "in", "the", "house", "garden", "today")
START = ReaderWeights(tensors=tiny_tensors(), calibration=Calibration())


def rows(count: int, seed: int) -> list[ReadingRow]:
    """Who runs? The name before "runs"; every third passage has nobody running, but somebody sitting."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        first, second = rng.sample(NAMES, 2)
        if number % 3:
            passage = f"{first} sits in the house. {second} runs in the garden."
            at = passage.index(f"{second} runs")
            made.append(ReadingRow(question="who runs", passage=passage, span=(at, at + 3)))
        else:
            made.append(ReadingRow(question="who runs", passage=f"{first} sits.", span=None, plausible=(0, 3)))
    return made


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return tiny_tokens(tmp_path_factory.mktemp("tokens"), WORDS)


def objective(tokens: Tokens, count: int = 12) -> ReaderObjective:
    return ReaderObjective(rows(count, 1), rows(9, 2), start=START, config=TINY, tokens=tokens)


def test_the_reader_learns_and_is_calibrated(tokens: Tokens) -> None:
    schedule = Schedule(epochs=40, learning_rate=0.02, precision="float32")
    tuned = tune_reader(rows(48, 1), rows(36, 2), start=START, config=TINY, tokens=tokens, schedule=schedule)
    assert tuned.fitted.history[-1].loss < 0.5 * tuned.fitted.history[0].loss
    assert tuned.fitted.best.dev_score == pytest.approx(1.0, abs=0.1)
    assert tuned.weights.calibration != START.calibration
    assert (
        tuned.weights.tensors["embeddings.word_embeddings.weight"] is START.tensors["embeddings.word_embeddings.weight"]
    )


def test_what_is_trained_and_what_is_served_agree(tokens: Tokens) -> None:
    schedule = Schedule(epochs=2, learning_rate=0.01, precision="float32")
    weights = tune_reader(rows(12, 1), [], start=START, config=TINY, tokens=tokens, schedule=schedule).weights
    trained = ReaderObjective([], [], start=weights, config=TINY, tokens=tokens)
    served = CompiledEncoder(weights.tensors, TINY, precision="f32")
    ids = [[2, 5, 6, 3, 7, 8, 9, 3], [2, 4, 3], [2, 9, 9, 9, 3, 5, 3]]
    types = [[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1], [0, 0, 0, 0, 0, 1, 1]]
    for one, other in zip(trained.token_states(ids, types), served.token_states(ids, types), strict=True):
        np.testing.assert_allclose(one, other, atol=0.05)  # the objective evaluates in the training precision
    readers = [Reader(encoder, tokens, Heads(weights.tensors), weights.calibration) for encoder in (trained, served)]
    for row in rows(6, 3):
        one_reading, other_reading = (reader.read(row.question, [row.passage]) for reader in readers)
        assert one_reading is not None
        assert other_reading is not None
        assert one_reading.not_here == pytest.approx(other_reading.not_here, abs=0.05)


def test_the_torch_heads_compute_what_the_numpy_heads_do(tokens: Tokens) -> None:
    made = objective(tokens)
    batch = made.batches(0, random.Random(0))[0]
    losses = [float(made.loss(batch, torch.Generator().manual_seed(seed)).detach()) for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
    assert np.isfinite(losses).all()


def test_a_plausible_span_teaches_where_to_look_but_not_that_it_answers(tokens: Tokens) -> None:
    made = ReaderObjective(rows(3, 1)[:1], [], start=START, config=TINY, tokens=tokens)
    (sample,) = made.batches(0, random.Random(0))[0]
    assert (sample.start, sample.end, sample.answered) == (sample.window.first, sample.window.first, False)


def test_long_passages_show_the_answer_in_every_window(tokens: Tokens) -> None:
    passage = "ann sits in the house. " * 100 + "bob runs. " + "ann sits in the house. " * 100
    at = passage.index("bob")
    row = ReadingRow(question="who runs", passage=passage, span=(at, at + 3))
    made = ReaderObjective([row], [], start=START, config=TINY, tokens=tokens, limit=64)
    seen = set()
    for epoch in range(20):
        (sample,) = made.batches(epoch, random.Random(epoch))[0]
        assert sample.window.ids[sample.start] == tokens.encode("bob").ids[0]
        assert len(sample.window.ids) <= 64
        seen.add(sample.window.low)
    assert len(seen) > 5


def test_the_same_data_give_the_same_weights(tokens: Tokens, tmp_path: Path) -> None:
    schedule = Schedule(epochs=3, learning_rate=0.01, precision="float32")
    one, other = (
        tune_reader(
            rows(12, 1), rows(9, 2), start=START, config=TINY, tokens=tokens, schedule=schedule, state=tmp_path / name
        ).weights
        for name in ("one", "other")
    )
    for name, tensor in one.tensors.items():
        np.testing.assert_array_equal(tensor, other.tensors[name])


def test_not_here_is_fitted_by_logistic_regression() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    answers, spans = rng.normal(size=200), -rng.exponential(size=200)
    missing = rng.random(200) < 1 / (1 + np.exp(1.5 * answers + 0.5 * spans + 0.2))
    findings = [Finding(0, 1, (0, 1), a, s, 0.0) for a, s in zip(answers, spans, strict=True)]
    fitted = fit_not_here(Calibration(), findings, missing.tolist())
    outside = linear.LogisticRegression(C=100.0, tol=1e-10).fit(np.stack([answers, spans], 1), missing)
    assert (fitted.answer, fitted.span) == pytest.approx(tuple(outside.coef_[0]), rel=1e-3)
    assert fitted.bias == pytest.approx(outside.intercept_[0], rel=1e-2)


def test_too_few_rows_keep_the_calibration_at_hand() -> None:
    findings = [Finding(0, 1, (0, 1), float(i), 0.0, 0.0) for i in range(30)]
    assert fit_not_here(Calibration(bias=0.5), findings, [True] * 5 + [False] * 25) == Calibration(bias=0.5)


def test_auroc_counts_pairs() -> None:
    assert auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == 0.75
    assert auroc([1.0, 1.0], [True, False]) == 0.5
    with pytest.raises(ValueError, match="both kinds"):
        auroc([1.0], [True])
