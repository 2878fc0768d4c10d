"""JSON and source code as Markdown text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from groundtune.sources.converted import Converted
from groundtune.sources.failure import Unusable

__all__ = ["LANGUAGES", "convert_code", "convert_json"]

LANGUAGES = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript", ".jsx": "jsx", ".ts": "typescript",
    ".tsx": "tsx", ".java": "java", ".kt": "kotlin", ".scala": "scala", ".c": "c", ".h": "c", ".cc": "cpp",
    ".cpp": "cpp", ".hpp": "cpp", ".cs": "csharp", ".go": "go", ".rs": "rust", ".rb": "ruby", ".php": "php",
    ".swift": "swift", ".m": "objectivec", ".r": "r", ".jl": "julia", ".lua": "lua", ".pl": "perl", ".sh": "bash",
    ".bash": "bash", ".ps1": "powershell", ".sql": "sql", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml",
    ".ini": "ini", ".cfg": "ini", ".xml": "xml", ".tf": "hcl", ".proto": "protobuf", ".graphql": "graphql",
}  # fmt: skip
"""Source code by the end of the file name, with the word that stands at its fence."""


def convert_code(text: str, language: str) -> Converted:
    """The whole file in one code fence, so that nothing in it is taken for a heading."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return Converted(title="", text=f"{fence}{language}\n{text.rstrip()}\n{fence}\n" if text.strip() else "")


def convert_json(text: str) -> Converted:
    """A line for each value with the path to it, as ``address.city: Paris``: each line says by itself what it is.

    Raises:
        Unusable: when it is not JSON.
    """
    try:
        value = json.loads(text) if text.strip() else None
        lines = list(_lines(value, ""))
    except (ValueError, RecursionError) as error:
        raise Unusable(f"it is damaged: no valid JSON ({error})", "Write the file again.", "damaged") from None
    title = value.get("title", "") if isinstance(value, dict) else ""
    return Converted(title=title if isinstance(title, str) else "", text="".join(f"{line}\n" for line in lines))


def _lines(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _lines(inner, f"{path}[{place}]")
    elif value is not None:
        spoken = value if isinstance(value, str) else json.dumps(value)
        yield f"{path}: {' '.join(spoken.split())}" if path else spoken
