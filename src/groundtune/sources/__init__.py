"""Files in, clean documents out: what is there, what it says, and what could not be read."""

from __future__ import annotations

from groundtune.sources.convert import CONVERSION, Conversion, Pending, count_documents
from groundtune.sources.converted import Reader
from groundtune.sources.discover import discover
from groundtune.sources.failure import Failure
from groundtune.sources.files import FORMATS, SourceFile
from groundtune.sources.means import means_of
from groundtune.sources.rules import DEFAULT_RULES, Database, Rules, Web
from groundtune.sources.walking import fixed_part
from groundtune.sources.workers import Limits

__all__ = [
    "CONVERSION",
    "DEFAULT_RULES",
    "FORMATS",
    "Conversion",
    "Database",
    "Failure",
    "Limits",
    "Pending",
    "Reader",
    "Rules",
    "SourceFile",
    "Web",
    "count_documents",
    "discover",
    "fixed_part",
    "means_of",
]
