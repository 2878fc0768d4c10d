"""Hashes follow content: of the numbers alone, or of everything that determines what a model writes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from groundtune.models.transformers.fingerprint import behaviour_sha256, weights_sha256


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    for name in ("model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", "trainer_state.json"):
        (made / name).write_text(name, encoding="utf-8")
    return made


def test_a_copy_elsewhere_is_the_same(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    assert behaviour_sha256(copy) == behaviour_sha256(folder)
    assert weights_sha256(copy) == weights_sha256(folder)


@pytest.mark.parametrize(
    ("name", "weights", "behaviour"),
    [
        ("model.safetensors", True, True),
        ("config.json", False, True),
        ("tokenizer.json", False, True),
        ("chat_template.jinja", False, True),
        ("trainer_state.json", False, False),
    ],
)
def test_a_change_shows_where_it_matters(folder: Path, name: str, weights: bool, behaviour: bool) -> None:
    before = weights_sha256(folder), behaviour_sha256(folder)
    path = folder / name
    path.write_text(name.upper(), encoding="utf-8")  # the same length: only the content and the time differ
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))
    assert (weights_sha256(folder) != before[0], behaviour_sha256(folder) != before[1]) == (weights, behaviour)
