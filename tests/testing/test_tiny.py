"""The tiny model is a model: it learns what it is taught, the same each time, and is nothing before."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from groundtune.testing.tiny import LESSONS, asked, lessons, make_tiny_model, teach

pytest.importorskip("torch")
pytest.importorskip("transformers")


def written(folder: Path, question: str) -> str:
    """What plain transformers makes of it: no part of Groundtune reads the model here."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    turns = [{"role": m.role, "content": m.content} for m in asked(question)]
    ids: Any = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    tokens = AutoModelForCausalLM.from_pretrained(folder).generate(**ids, max_new_tokens=40)
    return str(tokenizer.decode(tokens[0][ids["input_ids"].shape[1] :], skip_special_tokens=True))


def weights_hash(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.slow
def test_taught_it_answers_and_untaught_it_does_not(tmp_path: Path) -> None:
    conversations = lessons()
    folder = make_tiny_model(tmp_path / "tiny", [m.content for c in conversations for m in c], seed=1)
    assert all(written(folder, question) != answer for question, answer in LESSONS.items())
    loss = teach(folder, conversations, steps=100, seed=1)
    assert loss < 0.1
    assert {question: written(folder, question) for question in LESSONS} == LESSONS


def test_the_same_seed_makes_the_same_weights(tmp_path: Path) -> None:
    hashes = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = make_tiny_model(tmp_path / name, list(LESSONS), seed=seed)
        teach(folder, lessons(), steps=3, seed=seed)
        hashes.append(weights_hash(folder))
    assert hashes[0] == hashes[1] != hashes[2]
