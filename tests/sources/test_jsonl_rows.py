"""JSONL files: good rows are kept, bad ones are named with line and reason."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from groundtune.errors import ProjectError
from groundtune.sources.rows import BadRow, read_rows


def parse(row: Mapping[str, Any]) -> str:
    if "id" not in row:
        raise BadRow("no id", "and nothing else")
    return str(row["id"])


def test_good_rows_are_kept_and_every_fault_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"id": 1}\n\n{"id": 2\n[1]\n{"name": 3}\n\xff{"id": 4}\n'
        + b"[" * 100_000
        + b'\n{"id": "caf\xc3\xa9"}'
    )
    rows, faults = read_rows(path, parse)
    assert rows == [(1, "1"), (8, "café")]
    assert [fault.line for fault in faults] == [3, 4, 5, 5, 6, 7]
    assert "not valid JSON" in faults[0].reason
    assert "given list" in faults[1].reason
    assert [faults[2].reason, faults[3].reason] == ["no id", "and nothing else"]
    assert "UTF-8" in faults[4].reason
    assert "nested too deeply" in faults[5].reason


def test_compressed_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": "a"}\n'))
    assert read_rows(path, parse) == ([(1, "a")], [])


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"name another one in groundtune\.toml"):
        read_rows(tmp_path / "absent.jsonl", parse)


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b'{"id": "a"}\n' * 100)[:-9]])
def test_a_broken_archive_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(ProjectError, match="cannot be read"):
        read_rows(path, parse)
