from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from groundtune.errors import WeightsError
from groundtune.models.embedded import shipped
from groundtune.models.embedded.calibration import Calibration
from groundtune.models.embedded.shipped import READER_FILE, ReaderWeights, load_reader, save_reader, shipped_reader
from groundtune.models.embedded.weights import BaseWeights
from groundtune.testing.encoders import TINY

STATUS = "PEP: 703\nTitle: Making the Global Interpreter Lock Optional\nStatus: Accepted\nType: Standards Track\n"
NORMANDY = (
    "Rollo and his men settled in the valley of the Seine. In 911 the king of the Franks gave them land around Rouen. "
    "Their descendants took on the language of the country. The duchy lasted until 1204."
)


def heads(width: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"span": (3, width), "hidden": (4, 3 * width), "answer": (1, 4)}
    weights = {f"reader.{name}.weight": rng.normal(size=shape) for name, shape in shapes.items()}
    return weights | {f"reader.{name}.bias": np.zeros(shape[0]) for name, shape in shapes.items()}


def test_the_shipped_file_is_small_and_whole(base: BaseWeights) -> None:
    assert READER_FILE.stat().st_size <= 12_000_000
    weights = shipped_reader(base)
    assert weights.tensors["embeddings.word_embeddings.weight"] is base.tensors["embeddings.word_embeddings.weight"]
    assert weights.calibration.answer < 0


def test_the_shipped_reader_answers_plain_questions(base: BaseWeights) -> None:
    reader = shipped_reader(base).reader(base)
    found = reader.read("Who settled in the valley of the Seine?", [STATUS, NORMANDY])
    assert found is not None
    assert found.passage == 1
    assert "Rollo" in found.text
    assert NORMANDY[slice(*found.sentence)].startswith("Rollo and his men settled")
    when = reader.read("When did the king give them land?", [NORMANDY])
    assert when is not None
    assert "911" in when.text


def test_it_sees_that_a_passage_is_about_something_else(base: BaseWeights) -> None:
    reader = shipped_reader(base).reader(base)
    right, wrong = (reader.read("When did the duchy of Normandy end?", [text]) for text in (NORMANDY, STATUS))
    assert right is not None
    assert wrong is not None
    assert right.not_here < wrong.not_here


def test_a_saved_reader_comes_back_rounded(tiny: BaseWeights, tmp_path: Path) -> None:
    changed = {**tiny.tensors, **heads(TINY.hidden_size)}
    name = "encoder.layer.0.output.dense.weight"
    changed[name] = tiny.tensors[name] + 0.01
    weights = ReaderWeights(tensors=changed, calibration=Calibration(bias=0.5))
    path = tmp_path / "reader.safetensors"
    loaded = save_reader(path, weights, tiny, about={"recipe": "test"})
    assert loaded.calibration == weights.calibration
    np.testing.assert_allclose(loaded.tensors[name], changed[name], atol=1e-4)
    np.testing.assert_array_equal(loaded.tensors[name], load_reader(path, tiny).tensors[name])
    found = loaded.reader(tiny).read("where", ["my card"])
    assert found is not None
    assert found.text in ("my", "card", "my card")


def test_a_reader_of_other_base_weights_is_refused(tiny: BaseWeights, tmp_path: Path) -> None:
    path = tmp_path / "reader.safetensors"
    save_reader(path, ReaderWeights(tensors=heads(TINY.hidden_size), calibration=Calibration()), tiny)
    with pytest.raises(WeightsError, match="tuned from base weights"):
        load_reader(path, replace(tiny, sha256="b" * 64))


def test_a_damaged_file_is_refused(base: BaseWeights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = bytearray(READER_FILE.read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "reader.safetensors").write_bytes(damaged)
    monkeypatch.setattr(shipped, "READER_FILE", tmp_path / "reader.safetensors")
    with pytest.raises(WeightsError, match="is damaged"):
        shipped_reader(base)
    monkeypatch.setattr(shipped, "READER_FILE", tmp_path / "nowhere")
    with pytest.raises(WeightsError, match="cannot be read"):
        shipped_reader(base)
