"""How sources are read: what a project's settings say beside the list of its sources."""

from __future__ import annotations

from dataclasses import dataclass, field

from groundtune.sources.converted import Reader
from groundtune.sources.workers import Limits

__all__ = ["DEFAULT_RULES", "Rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits and permissions of one project.

    Attributes:
        reader: What the converters are told.
        limits: What one file may take.
    """

    reader: Reader = field(default_factory=Reader)
    limits: Limits = field(default_factory=Limits)


DEFAULT_RULES = Rules()
"""What holds where nothing is said."""
