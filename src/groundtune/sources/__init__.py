"""Files in, clean documents out: what is there, what it says, and what could not be read."""

from __future__ import annotations

from groundtune.sources.convert import CONVERSION, convert, count_documents
from groundtune.sources.failure import Failure
from groundtune.sources.files import FORMATS, SourceFile, discover

__all__ = ["CONVERSION", "FORMATS", "Failure", "SourceFile", "convert", "count_documents", "discover"]
