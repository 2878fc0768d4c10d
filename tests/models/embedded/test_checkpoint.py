from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from groundtune.errors import WeightsError
from groundtune.models.embedded.checkpoint import (
    CheckpointCard,
    ChooserCard,
    RecallCard,
    read_checkpoint,
    write_checkpoint,
)
from groundtune.models.embedded.weights import BaseWeights

NAME = "encoder.layer.0.output.dense.weight"


def card(base: BaseWeights) -> CheckpointCard:
    return CheckpointCard(
        kind="chooser",
        base=base.sha256,
        chooser=ChooserCard(labels=("a", "b"), label_weight=3.0),
        recall=RecallCard(answers=("x",), slope=2.0, intercept=-1.0),
    )


def test_what_is_written_is_read(tiny: BaseWeights, tmp_path: Path) -> None:
    tuned = {**tiny.tensors, NAME: tiny.tensors[NAME] + 0.01, "chooser.label.weight": np.ones((2, 8), np.float32)}
    write_checkpoint(tmp_path / "c", card(tiny), tuned, tiny, recall=np.full((1, 8), 0.5, np.float32))
    read = read_checkpoint(tmp_path / "c", tiny)
    assert read.card == card(tiny)
    np.testing.assert_allclose(read.tensors[NAME], tuned[NAME], atol=1e-4)
    np.testing.assert_allclose(read.tensors["chooser.label.weight"], 1)
    assert read.recall is not None
    assert read.recall.tolist() == [[0.5] * 8]
    assert read.tensors["embeddings.word_embeddings.weight"] is tiny.tensors["embeddings.word_embeddings.weight"]


def test_the_id_follows_the_content(tiny: BaseWeights, tmp_path: Path) -> None:
    plain = CheckpointCard(kind="embedding", base=tiny.sha256)
    for name, change in (("one", 0.01), ("same", 0.01), ("other", 0.02)):
        write_checkpoint(tmp_path / name, plain, {NAME: tiny.tensors[NAME] + np.float32(change)}, tiny)
    one, same, other = (read_checkpoint(tmp_path / name, tiny).id for name in ("one", "same", "other"))
    assert one == same != other


def test_other_base_weights_are_refused(tiny: BaseWeights, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", CheckpointCard(kind="embedding", base=tiny.sha256), {}, tiny)
    with pytest.raises(WeightsError, match="Tune again"):
        read_checkpoint(tmp_path / "c", replace(tiny, sha256="1" * 64))


@pytest.mark.parametrize("text", [None, "", "{}", '{"kind": "poet", "base": "0"}'])
def test_a_folder_of_something_else_is_refused(tiny: BaseWeights, tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "checkpoint.json").write_text(text)
    with pytest.raises(WeightsError, match=r"checkpoint\.json"):
        read_checkpoint(tmp_path, tiny)


def test_learned_questions_must_fit_their_answers(tiny: BaseWeights, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", card(tiny), {}, tiny, recall=np.ones((2, 8), np.float32))
    with pytest.raises(WeightsError, match="recall"):
        read_checkpoint(tmp_path / "c", tiny)
