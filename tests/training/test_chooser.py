from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from groundtune.models.embedded.checkpoint import CheckpointCard, read_checkpoint, write_checkpoint
from groundtune.models.embedded.model import EmbeddedModel
from groundtune.models.embedded.tokens import Tokens
from groundtune.models.embedded.weights import BaseWeights
from groundtune.records import Passage, Prompt
from groundtune.testing.encoders import TINY
from groundtune.testing.weights import tiny_weights

pytest.importorskip("torch")

from groundtune.training.chooser import ChooserObjective, TunedChooser, chooser_schedule, tune_chooser
from groundtune.training.loop import Schedule
from groundtune.training.rows import TrainingRow

LABELS = ("cards", "rates", "people")
TEXTS = {
    "cards": ["my card is lost", "my card is stolen", "card blocked", "where is my card ?", "my new card is late"],
    "rates": ["what is the exchange rate", "the rate ?", "what rate", "exchange money rate", "rate late"],
    "people": ["how old must i be ?", "age limit", "my child account", "what is the age limit ?", "how old ?"],
}
SCHEDULE = Schedule(epochs=6, learning_rate=0.01, seed=3, precision="float32")


def passage(text: str, answer: str | None = None) -> Passage:
    return Passage(
        id=text, document=text, source="", title="", headings=(), start=0, end=len(text), text=text, answer=answer
    )


def row(text: str, label: str, *passages: Passage) -> TrainingRow:
    return TrainingRow(id=text, question=text, answer=label, passages=passages)


def rows(part: slice, *passages: Passage) -> list[TrainingRow]:
    return [row(text, label, *passages) for label, texts in TEXTS.items() for text in texts[part]]


@pytest.fixture
def base(tmp_path: Path) -> BaseWeights:
    return tiny_weights(tmp_path, replace(TINY, hidden_size=32, intermediate_size=32))


def objective(base: BaseWeights, train: list[TrainingRow], dev: list[TrainingRow]) -> ChooserObjective:
    return ChooserObjective(train, dev, labels=LABELS, base=base, tokens=Tokens(base.tokenizer_path))


def tune(base: BaseWeights, train: list[TrainingRow], dev: list[TrainingRow]) -> TunedChooser:
    return tune_chooser(train, dev, labels=LABELS, base=base, tokens=Tokens(base.tokenizer_path), schedule=SCHEDULE)


def test_what_is_served_is_what_was_trained(base: BaseWeights, tmp_path: Path) -> None:
    document = passage("the account of my child")
    train, dev = rows(slice(0, 4), document), rows(slice(4, 5), document)
    made = objective(base, train, dev)
    tuned = tune(base, train, dev)
    made.load(tuned.tensors)
    card = CheckpointCard(kind="chooser", base=base.sha256, chooser=tuned.card)
    write_checkpoint(tmp_path / "c", card, tuned.tensors, base)
    model = EmbeddedModel(base, read_checkpoint(tmp_path / "c", base))
    for paired in (False, True):
        shares = made._dev_logits(paired=paired).softmax(1).numpy()
        for case, wanted in zip(dev, shares, strict=True):
            prompt = Prompt(
                task="classify",
                instruction="",
                question=case.question,
                labels=LABELS,
                passages=case.passages if paired else (),
            )
            reply = model.reply(prompt)
            assert reply.text == LABELS[int(wanted.argmax())]
            assert reply.confidence == pytest.approx(float(wanted.max()), abs=0.02)  # 8 bits, and bf16 where it is fast


def test_tuning_learns_the_labels(base: BaseWeights) -> None:
    made = objective(base, rows(slice(None)), rows(slice(None)))
    before = made.dev_score()
    tuned = tune(base, rows(slice(None)), rows(slice(None)))
    assert before is not None
    assert tuned.fitted.best.dev_score is not None
    assert tuned.fitted.best.dev_score > before + 0.05
    made.load(tuned.tensors)
    assert made.dev_accuracy() is not None
    assert (made.dev_accuracy() or 0) >= 0.8
    np.testing.assert_allclose(np.linalg.norm(tuned.tensors["chooser.label.weight"], axis=1), 1, rtol=1e-5)


def test_the_same_seed_gives_the_same_weights(base: BaseWeights) -> None:
    one, other = (tune(base, rows(slice(None)), []) for _ in range(2))
    assert all(np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    assert one.card == other.card


def test_demonstrations_that_are_always_right_outweigh_the_prototypes(base: BaseWeights) -> None:
    def with_votes(right: bool) -> list[TrainingRow]:
        turned = dict(zip(LABELS, LABELS if right else (*LABELS[1:], LABELS[0]), strict=True))
        return [row(text, label, passage(text, turned[label])) for label, texts in TEXTS.items() for text in texts[:2]]

    weights = [objective(base, rows(slice(None)), with_votes(right)).best_label_weight() for right in (True, False)]
    assert weights == [1.0, 100.0]


def test_labels_take_turns_and_every_batch_has_pairs_to_contrast(base: BaseWeights) -> None:
    made = objective(base, rows(slice(None)), [])
    batches = made.batches(0, random.Random(1))
    assert batches == made.batches(0, random.Random(1))
    labels = [label for label in LABELS for _ in TEXTS[label]]
    for batch in batches:
        counts = [sum(labels[place] == label for place, _ in batch) for label in LABELS]
        assert max(counts) - min(counts) <= 22
        assert min(count for count in counts if count) >= 2


def test_without_dev_rows_there_is_no_score(base: BaseWeights) -> None:
    made = objective(base, rows(slice(None)), [])
    assert made.dev_score() is None
    assert made.dev_accuracy() is None
    assert made.best_label_weight() == 10.0


@pytest.mark.parametrize("train", [[], [row("my card", "insects")]])
def test_rows_must_carry_labels(base: BaseWeights, train: list[TrainingRow]) -> None:
    with pytest.raises(ValueError, match="among the 3 labels"):
        objective(base, train, [])


@pytest.mark.parametrize(("count", "epochs"), [(1, 15), (120, 15), (770, 4), (10_003, 3)])
def test_few_rows_are_seen_more_often(count: int, epochs: int) -> None:
    assert chooser_schedule(count).epochs == epochs
