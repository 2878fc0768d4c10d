"""Small cuts of the bundled samples: real text, seconds instead of minutes."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

Cut = Callable[..., Path]


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def cut_sample(folder: Path, name: str, *, examples: int, queries: int) -> Path:
    """Copy that much of a sample below ``folder``, with the documents that its rows need."""
    source = Path(str(resources.files("groundtune") / "samples" / name))
    target = folder / name
    target.mkdir()
    copyfile(source / "groundtune.toml", target / "groundtune.toml")
    needed: set[str] = set()
    for file, count in (("examples.jsonl", examples), ("queries.jsonl", queries)):
        rows = read_rows(source / file)
        step = max(1, len(rows) // count)
        rows = rows[::step][:count]
        needed |= {evidence["doc"] for row in rows for evidence in row.get("evidence", [])}
        write_rows(target / file, rows)
    for doc in needed:
        path = target / "docs" / doc
        path.parent.mkdir(parents=True, exist_ok=True)
        copyfile(source / "docs" / doc, path)
    return target


@pytest.fixture(scope="session")
def cut() -> Cut:
    """``cut(folder, "pep-facts", examples=60, queries=20)``: a small project below ``folder``."""
    return cut_sample
