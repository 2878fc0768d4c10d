"""Adapters (LoRA and its kin): which base they belong to, and how they are put on it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from groundtune.errors import MissingExtra, WeightsError
from groundtune.models.transformers.fingerprint import weights_sha256

__all__ = ["CONFIG_FILE", "apply_adapter", "base_of", "check_base", "record_base"]

CONFIG_FILE = "adapter_config.json"
"""The file that makes a folder an adapter."""

_BASE_FILE = "groundtune_base.json"


def record_base(adapter: Path, base: Path) -> None:
    """Write beside an adapter which base weights it was trained on, so that no others are used with it.

    Args:
        adapter: The adapter's folder.
        base: The folder with the base weights.
    """
    row = {"name": base.name, "weights_sha256": weights_sha256(base)}
    (adapter / _BASE_FILE).write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")


def base_of(adapter: Path) -> str:
    """Name or path of the base weights that an adapter's own configuration gives.

    Raises:
        WeightsError: when it gives none.
    """
    base = _row(adapter / CONFIG_FILE).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise WeightsError(f"{adapter / CONFIG_FILE} does not say which base weights it belongs to: name them as well.")
    return base


def check_base(adapter: Path, base: Path) -> None:
    """Refuse base weights other than those that `record_base` wrote down; without a record nothing is checked.

    Raises:
        WeightsError: when they differ.
    """
    path = adapter / _BASE_FILE
    if not path.is_file():
        return
    recorded, found = _row(path), weights_sha256(base)
    if recorded.get("weights_sha256") != found:
        raise WeightsError(
            f"The adapter {adapter} was trained on {recorded.get('name')!r} with SHA-256 "
            f"{recorded.get('weights_sha256')}, but {base} has {found}. Name the weights that it was trained on."
        )


def apply_adapter(model: Any, adapter: Path, *, merge: bool) -> Any:
    """The model with the adapter on it: added into its weights, or kept apart.

    Raises:
        MissingExtra: without peft.
        WeightsError: when the adapter does not fit the model.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtra("An adapter on local weights", "transformers") from error
    try:
        with warnings.catch_warnings():
            # peft warns and goes on with random numbers where the file lacks some.
            warnings.filterwarnings("error", message=".*missing adapter keys", category=UserWarning)
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
            tuned: Any = PeftModel.from_pretrained(model, str(adapter))
        return tuned.merge_and_unload(safe_merge=True) if merge else tuned
    except (OSError, ValueError, KeyError, RuntimeError, UserWarning) as error:
        raise WeightsError(f"The adapter {adapter} does not fit its base weights: {error}") from error


def _row(path: Path) -> dict[str, Any]:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    if not isinstance(row, dict):
        raise WeightsError(f"{path} is not a JSON object.")
    return row
