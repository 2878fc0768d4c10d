"""Tuned weights as their difference to the base weights, in 8 bits: a quarter of the size, the same answers.

A matrix is stored as int8 with one float32 scale per row (symmetric, the largest entry of a row becomes 127), a
vector as float32. A tensor that the base does not have (a head) is its own difference. Word and position tables are not
trained, so they are not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from groundtune.errors import WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["add_difference", "difference"]

_SCALE = ".scale"


def difference(base: Mapping[str, NDArray[Any]], tuned: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Quantise ``tuned - base``; the largest error of an entry is 1/254 of the largest difference in its row."""
    stored: dict[str, NDArray[Any]] = {}
    for name, tensor in tuned.items():
        change = tensor.astype(np.float32) - base[name] if name in base else tensor.astype(np.float32)
        if change.ndim != 2:
            stored[name] = change
            continue
        scale = np.abs(change).max(1, keepdims=True) / 127
        stored[name] = np.rint(change / np.where(scale == 0, 1, scale)).astype(np.int8)
        stored[name + _SCALE] = scale.astype(np.float32)
    return stored


def add_difference(base: Mapping[str, NDArray[Any]], stored: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The base weights with a stored difference added: every tensor of the tuned model, in float32.

    Raises:
        WeightsError: when a tensor does not fit the base.
    """
    tuned = dict(base)
    for name, change in stored.items():
        if name.endswith(_SCALE):
            continue
        scale = stored.get(name + _SCALE)
        restored = change.astype(np.float32) if scale is None else change.astype(np.float32) * scale
        if name in base and base[name].shape != restored.shape:
            raise WeightsError(
                f"The tensor {name} has shape {restored.shape}, but the base weights {base[name].shape}."
            )
        tuned[name] = base[name] + restored if name in base else restored
    return tuned
