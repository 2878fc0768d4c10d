"""Groundtune: prompt, retrieval, fine-tuning, or both? Answered by measuring on your own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from groundtune.project import Project

__version__ = "0.1.0"
__all__ = ["Project", "__version__"]


def __getattr__(name: str) -> object:
    # Late, so that `groundtune --help` does not pay for the whole program.
    if name == "Project":
        from groundtune.project import Project

        return Project
    raise AttributeError(f"module 'groundtune' has no attribute {name!r}")
