"""A trained generator as folders that any server reads: the adapter, and the whole model with the adapter in it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from groundtune.errors import StorageError
from groundtune.models.transformers import record_base
from groundtune.models.transformers.adapter import apply_adapter

__all__ = ["merge_adapter", "save_adapter", "save_model"]

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx")
_OWN = ("config.json", "model.safetensors.index.json")
_SHARD = "5GB"


def save_adapter(model: Any, folder: Path, base: Path) -> None:
    """Write the adapter of a trained model, with a note of the weights that it belongs to.

    Raises:
        StorageError: when the disk refuses.
    """
    try:
        model.save_pretrained(folder)
        record_base(folder, base)
    except OSError as error:
        raise StorageError(f"The adapter cannot be written to {folder}: {error}.") from error


def merge_adapter(base: Path, adapter: Path, folder: Path) -> None:
    """Add an adapter into its base weights, in the base's own number format, and write the whole model.

    A model that was trained over 4-bit weights is merged into the full ones: the adapter made up for the rounding of
    the 4 bits, so replies can differ a little from those in training.

    Raises:
        StorageError: when the disk refuses.
        WeightsError: when the adapter does not fit.
    """
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto", use_safetensors=True, trust_remote_code=False)
    save_model(apply_adapter(model, adapter, merge=True), folder, base)


def save_model(model: Any, folder: Path, base: Path) -> None:
    """Write a whole model that was made from ``base``: its tokenizer and generation settings stay as they were.

    Raises:
        StorageError: when the disk refuses.
    """
    from transformers import AutoConfig, GenerationConfig

    dtype = AutoConfig.from_pretrained(base, trust_remote_code=False).dtype
    try:
        # The base's own settings for sampling are copied as they are: the library refuses to write some of them anew.
        model.generation_config = GenerationConfig()
        (model if dtype is None else model.to(dtype)).save_pretrained(folder, max_shard_size=_SHARD)
        (folder / "generation_config.json").unlink(missing_ok=True)
        for path in base.iterdir():
            if path.is_file() and path.suffix not in _WEIGHTS and path.name not in _OWN:
                shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise StorageError(f"The tuned model cannot be written to {folder}: {error}.") from error
