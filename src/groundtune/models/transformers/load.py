"""Weights into memory: model and tokenizer, on the best device and in its number format, with or without an adapter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from groundtune.errors import CannotDo, MissingExtra, WeightsError
from groundtune.models.transformers.adapter import CONFIG_FILE, apply_adapter, base_of, check_base
from groundtune.models.transformers.fingerprint import behaviour_sha256
from groundtune.models.transformers.places import find_adapter, find_weights

__all__ = ["DType", "Device", "LocalWeights", "load_weights"]

Device = Literal["auto", "cuda", "mps", "cpu"]
"""Where the model runs; ``auto`` takes the first of these that this machine has."""

DType = Literal["auto", "bfloat16", "float16", "float32"]
"""Number format of the weights; ``auto`` takes bfloat16 where the device multiplies it in hardware."""

_SHOWN = 12  # hexadecimal digits of a hash in a name: 48 bits, enough to tell a project's weights apart


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWeights:
    """A causal language model in memory.

    Attributes:
        model: As transformers loads it, in evaluation mode.
        tokenizer: With a chat template.
        name: Folder or hub name, hashes of weights and adapter, and number format.
        ends: Token ids that end a turn.
        window: Most tokens that it was made for; None where its configuration does not say.
    """

    model: Any
    tokenizer: Any
    name: str
    ends: frozenset[int]
    window: int | None


def load_weights(
    name: str, *, adapter: str | None = None, merge: bool = True, device: Device = "auto", dtype: DType = "auto"
) -> LocalWeights:
    """Find, check and load a model.

    Args:
        name: A folder with weights, a name on the Hugging Face hub, or a folder with an adapter, which is then put on
            the base weights that its configuration names.
        adapter: Folder or hub name of an adapter to put on ``name``.
        merge: Add the adapter into the weights, as it would be served; False keeps it apart.
        device: Where it runs. On ``cuda`` it is spread over all GPUs where one is too small.
        dtype: Number format.

    Raises:
        WeightsError: when weights, tokenizer or adapter are missing, damaged, or do not belong together.
        CannotDo: when the model knows no conversations: its tokenizer has no chat template.
        MissingExtra: without torch and transformers.
    """
    _require_libraries()
    if adapter is None and (Path(name).expanduser() / CONFIG_FILE).is_file():
        name, adapter = base_of(Path(name).expanduser()), name
    folder = find_weights(name)
    adapter_folder = find_adapter(adapter) if adapter else None
    if adapter_folder:
        check_base(adapter_folder, folder)
    tokenizer = _tokenizer(folder)
    place = _device(device)
    numbers = _dtype(place) if dtype == "auto" else dtype
    model = _model(folder, place, numbers)
    ends = _ends(model, tokenizer)
    _forget_sampling(model, tokenizer, ends)
    if adapter_folder:
        model = apply_adapter(model, adapter_folder, merge=merge)
    return LocalWeights(
        model=model.eval(),
        tokenizer=tokenizer,
        name=f"{_label(name, folder)}{_adapter_label(adapter, adapter_folder, merge)} {numbers}",
        ends=ends,
        window=_window(model, tokenizer),
    )


def _require_libraries() -> None:
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtra("The provider transformers", "transformers") from error


def _label(name: str, folder: Path) -> str:
    """A path is named by its folder alone, so that a project that moves keeps its names."""
    known = Path(name).expanduser().is_dir()
    return f"{folder.resolve().name if known else name}@{behaviour_sha256(folder)[:_SHOWN]}"


def _adapter_label(adapter: str | None, folder: Path | None, merge: bool) -> str:
    if adapter is None or folder is None:
        return ""
    return f"+{_label(adapter, folder)}{'' if merge else ' unmerged'}"


def _device(wanted: Device) -> str:
    import torch

    have = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(device for device, there in have.items() if there)
    if not have[wanted]:
        there = ", ".join(device for device, there in have.items() if there)
        raise CannotDo(f"There is no device {wanted!r} on this machine that torch can use; there is: {there}.")
    return wanted


def _dtype(device: str) -> str:
    import torch

    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if device == "mps":
        return "bfloat16"
    from groundtune.models.embedded.runtime import fastest_precision

    return "bfloat16" if fastest_precision() == "bf16" else "float32"


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise WeightsError(f"The tokenizer in {folder} cannot be loaded: {error}") from error
    if not tokenizer.chat_template:
        raise CannotDo(
            f"{folder} has no chat template: it is a base model that was not made for conversations. "
            "Name its instruct or chat version, or add a chat_template.jinja to the folder."
        )
    tokenizer("a")  # drops padding and cutting that its file may ask for: later that would disturb other threads
    return tokenizer


def _model(folder: Path, device: str, dtype: str) -> Any:
    """Load the weights; nothing in the folder is executed, and no number is left to chance."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        with _quiet():
            model, loaded = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype,
                device_map="auto" if device == "cuda" else {"": device},
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise WeightsError(f"The weights in {folder} cannot be loaded: {error}") from error
    if missing := sorted(loaded["missing_keys"]):
        raise WeightsError(
            f"The weights in {folder} lack {len(missing)} of the model's tensors, {missing[0]} among them: "
            "the files are incomplete, or belong to another kind of model."
        )
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's own progress bars."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    given = [model.generation_config.eos_token_id, tokenizer.eos_token_id]
    ids = [end for one in given for end in (one if isinstance(one, list) else [one])]
    return frozenset(int(end) for end in ids if end is not None)


def _forget_sampling(model: Any, tokenizer: Any, ends: frozenset[int]) -> None:
    """Drop the sampling that the folder suggests (penalties, nucleus): the settings alone say how to write."""
    from transformers import GenerationConfig

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(ends, default=0)
    model.generation_config = GenerationConfig(do_sample=False, pad_token_id=pad, eos_token_id=sorted(ends) or None)


def _window(model: Any, tokenizer: Any) -> int | None:
    made_for = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if made_for is not None:
        return int(made_for)
    longest = tokenizer.model_max_length  # an absurdly large number where nobody set it
    return int(longest) if longest < 10**9 else None
