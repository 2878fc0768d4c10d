"""What there is to read files with: where that changes, a file that could not be read is worth another try."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from groundtune.sources.rules import Rules

__all__ = ["means_of"]

_LIBRARIES = ("html-to-markdown", "kreuzberg", "mammoth", "msoffcrypto-tool", "pypdfium2", "python-pptx")


def means_of(rules: Rules) -> str:
    """Changes with the passwords, limits and language of a project, the libraries installed, and tesseract."""
    means = {
        "passwords": rules.reader.passwords,
        "language": rules.reader.ocr_language,
        "limits": asdict(rules.limits),
        "libraries": [_version(library) for library in _LIBRARIES],
        "tesseract": shutil.which("tesseract"),
    }
    return hashlib.sha256(json.dumps(means).encode()).hexdigest()[:16]


@cache
def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
