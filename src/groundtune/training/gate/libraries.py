"""Whether there is anything to train with."""

from __future__ import annotations

import importlib

from groundtune.errors import MissingExtra

__all__ = ["require_libraries"]


def require_libraries() -> None:
    """Refuse to train without the training libraries, before any work is done.

    Raises:
        MissingExtra: says which to install.
    """
    try:
        importlib.import_module("torch")
    except ImportError:
        raise MissingExtra("Tuning", "train") from None
