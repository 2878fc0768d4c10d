"""One untaught and one taught model for all tests of this folder, and an adapter on the taught one."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from groundtune.testing.tiny import lessons, make_tiny_model, teach


@pytest.fixture(scope="session")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    texts = [message.content for conversation in lessons() for message in conversation]
    return make_tiny_model(tmp_path_factory.mktemp("untaught") / "tiny", texts, seed=3)


@pytest.fixture(scope="session")
def taught(untaught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taught") / "tiny"
    shutil.copytree(untaught, folder)
    assert teach(folder, lessons(), steps=100, seed=3) < 0.1
    return folder


@pytest.fixture(scope="session")
def adapter(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter with random numbers, made by peft."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    folder = tmp_path_factory.mktemp("adapter") / "lora"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
            get_peft_model(AutoModelForCausalLM.from_pretrained(taught), config).save_pretrained(str(folder))
    return folder
