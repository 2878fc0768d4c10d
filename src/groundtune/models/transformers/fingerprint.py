"""Hashes that tell two sets of weights apart, whatever their folders are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from groundtune.errors import WeightsError

__all__ = ["behaviour_sha256", "embedding_sha256", "weights_sha256"]

_BEHAVIOUR = (
    "*.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "adapter_config.json",
)


def weights_sha256(folder: Path) -> str:
    """SHA-256 over the safetensors files of a folder: the same for the same numbers in the same shards.

    Raises:
        WeightsError: when a file cannot be read.
    """
    return _digest(folder.glob("*.safetensors"))


def behaviour_sha256(folder: Path) -> str:
    """SHA-256 over everything that determines what a model writes: weights, configuration, tokenizer, chat template.

    Raises:
        WeightsError: when a file cannot be read.
    """
    return _digest(path for pattern in _BEHAVIOUR for path in folder.glob(pattern))


def embedding_sha256(folder: Path) -> str:
    """SHA-256 over everything that determines the vectors of an embedding model: also its pooling and its prompts.

    Raises:
        WeightsError: when a file cannot be read.
    """
    inner = [path for pattern in ("*/*.safetensors", "*/config.json") for path in folder.glob(pattern)]
    own = (
        path
        for pattern in (*_BEHAVIOUR, "modules.json", "*sentence*.json", "vocab.txt")
        for path in folder.glob(pattern)
    )
    return _digest([*own, *inner])


def _digest(paths: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for path in sorted(set(paths)):
        whole.update(f"{path.name}\n{_file_sha256(path)}\n".encode())
    return whole.hexdigest()


def _file_sha256(path: Path) -> str:
    try:
        state = path.stat()
        return _hashed(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from error


@lru_cache(maxsize=256)
def _hashed(path: Path, size: int, changed: int) -> str:
    """``size`` and ``changed`` (nanoseconds) only make a changed file be read again: weights are many gigabytes."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
