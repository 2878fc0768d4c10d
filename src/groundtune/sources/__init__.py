"""Files in, clean documents out: what is there, what it says, and what could not be read."""

from __future__ import annotations

from groundtune.sources.convert import CONVERSION, Conversion, Pending, count_documents
from groundtune.sources.converted import Reader
from groundtune.sources.failure import Failure
from groundtune.sources.files import FORMATS, SourceFile, discover
from groundtune.sources.rules import DEFAULT_RULES, Rules
from groundtune.sources.workers import Limits

__all__ = [
    "CONVERSION",
    "DEFAULT_RULES",
    "FORMATS",
    "Conversion",
    "Failure",
    "Limits",
    "Pending",
    "Reader",
    "Rules",
    "SourceFile",
    "count_documents",
    "discover",
]
