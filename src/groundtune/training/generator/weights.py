"""The base model as training needs it: its number format follows from the device and from what is trained."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundtune.errors import CannotDo, MissingExtra, WeightsError
from groundtune.training.generator.recipe import Method

__all__ = ["Numbers", "TrainingWeights", "load_for_training", "numbers_for", "require_able"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Number formats of a run.

    Attributes:
        weights: Of the base weights in memory: ``bfloat16``, ``float16`` or ``float32``.
        multiply: What matrices are multiplied in, by autocast; ``float32`` is no autocast.
    """

    weights: str
    multiply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingWeights:
    """A base model in memory.

    Attributes:
        ends: Token ids that end a turn, the tokenizer's own first.
        window: Most tokens that it was made for; None where its configuration does not say.
    """

    model: Any
    tokenizer: Any
    ends: tuple[int, ...]
    window: int | None


def require_able(method: Method) -> None:
    """Refuse what this machine cannot train, before any work is done.

    Raises:
        CannotDo: for ``qlora`` without an NVIDIA GPU.
        MissingExtra: without the libraries.
    """
    if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "trl", "peft", "datasets")):
        raise MissingExtra("Tuning a generator", "train")
    if method != "qlora":
        return
    import torch

    if not torch.cuda.is_available():
        raise CannotDo(
            '[training] method = "qlora" holds the base weights in 4 bits, which needs an NVIDIA GPU, and torch finds '
            'none on this machine. Take method = "lora".'
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtra("QLoRA", "qlora")


def numbers_for(method: Method) -> Numbers:
    """Frozen weights are held in what the device multiplies; trained ones in float32, or small steps would be lost."""
    import torch

    from groundtune.training.precision import best_precision

    if torch.cuda.is_available():
        fast = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
        return Numbers(weights="float32" if method == "full" else fast, multiply=fast)
    if torch.backends.mps.is_available():
        return Numbers(weights="float32", multiply="float32")
    return Numbers(weights="float32", multiply=best_precision())


def load_for_training(folder: Path, method: Method, numbers: Numbers) -> TrainingWeights:
    """Load a base model; nothing in the folder is executed.

    Raises:
        WeightsError: when weights or tokenizer are damaged or incomplete.
        CannotDo: when the tokenizer has no chat template.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model, loaded = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=numbers.weights,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **(_four_bits(numbers) if method == "qlora" else {}),
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise WeightsError(f"The weights in {folder} cannot be loaded for training: {error}") from error
    if missing := sorted(loaded["missing_keys"]):
        raise WeightsError(f"The weights in {folder} lack {len(missing)} tensors, {missing[0]} among them.")
    if not tokenizer.chat_template:
        raise CannotDo(
            f"{folder} has no chat template: it is a base model that was not made for conversations. "
            "Name its instruct or chat version, or add a chat_template.jinja to the folder."
        )
    ends = _ends(model, tokenizer)
    if not ends:
        raise WeightsError(f"{folder} names no token that ends a turn (eos_token): it could not learn to stop.")
    window = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return TrainingWeights(model=model, tokenizer=tokenizer, ends=ends, window=window)


def _four_bits(numbers: Numbers) -> dict[str, Any]:
    """NF4 with double quantisation (Dettmers et al. 2023, arXiv 2305.14314), on this process's own GPU."""
    import torch
    from accelerate import PartialState
    from transformers import BitsAndBytesConfig

    quantised = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, numbers.multiply),
    )
    return {"quantization_config": quantised, "device_map": {"": PartialState().local_process_index}}


def _ends(model: Any, tokenizer: Any) -> tuple[int, ...]:
    given = [tokenizer.eos_token_id, model.generation_config.eos_token_id]
    ids = [end for one in given for end in (one if isinstance(one, list) else [one])]
    return tuple(dict.fromkeys(int(end) for end in ids if end is not None))
