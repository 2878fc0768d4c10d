"""A cleaned copy of the examples: what the gate found is left out or masked, and the original stays as it is."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundtune.errors import ProjectError
from groundtune.sources.rows import numbered_lines
from groundtune.training.gate.findings import Finding
from groundtune.training.gate.private import Mask, masker

__all__ = ["Cleaned", "write_cleaned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A cleaned copy.

    Attributes:
        path: The copy.
        report: A text file that says line by line what was left out or masked, and why.
        kept: Rows in the copy.
        left_out: Line of the original -> why it is not in the copy.
        masked: Line of the original -> what was masked in it.
    """

    path: Path
    report: Path
    kept: int
    left_out: Mapping[int, str]
    masked: Mapping[int, str]

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {
            "path": str(self.path),
            "report": str(self.report),
            "kept": self.kept,
            "left_out": [{"line": line, "why": why} for line, why in self.left_out.items()],
            "masked": [{"line": line, "what": what} for line, what in self.masked.items()],
        }


def write_cleaned(path: Path, findings: Sequence[Finding]) -> Cleaned:
    """Write a cleaned copy of a file of examples, and a report, next to it; nothing that exists is overwritten.

    Rows that stay as they are are copied byte for byte. A row whose reply is JSON and would not be after masking is
    left out.

    Args:
        path: The original.
        findings: What the gates found in it.

    Raises:
        ProjectError: when the folder cannot be written to.
        MissingExtra: when rows must be masked and a library for it is not installed.
    """
    drop, mask = _reasons(findings, "leave_out"), _reasons(findings, "mask")
    with masker() as masked_text:
        kept, left_out, masked = _clean(path, drop, mask, masked_text)
    copy, report = _write(path, b"".join(kept), "\n".join(_lines(path, left_out, masked)))
    return Cleaned(path=copy, report=report, kept=len(kept), left_out=left_out, masked=masked)


def _reasons(findings: Sequence[Finding], fix: str) -> dict[int, str]:
    reasons: dict[int, list[str]] = defaultdict(list)
    for finding in findings:
        for row in finding.rows if finding.fix == fix else ():
            if row.line is not None:
                reasons[row.line].append(f"{finding.kind.replace('_', ' ')}: {row.detail}")
    return {line: "; ".join(texts) for line, texts in sorted(reasons.items())}


def _clean(
    path: Path, drop: Mapping[int, str], mask: Mapping[int, str], masked_text: Mask
) -> tuple[list[bytes], dict[int, str], dict[int, str]]:
    kept: list[bytes] = []
    left_out: dict[int, str] = {}
    masked: dict[int, str] = {}
    for line, data in numbered_lines(path):
        if not data.strip():
            continue
        if line in drop:
            left_out[line] = drop[line]
            continue
        if line in mask:
            row = _masked(data, masked_text)
            if row is None:
                left_out[line] = f"{mask[line]}; the reply would be no JSON without it"
                continue
            masked[line] = mask[line]
            data = row
        kept.append(data if data.endswith(b"\n") else data + b"\n")
    return kept, left_out, masked


def _masked(data: bytes, masked_text: Mask) -> bytes | None:
    row = json.loads(data.decode("utf-8-sig"))
    for turn in row["messages"]:
        before = turn["content"]
        turn["content"] = masked_text(before)
        if _is_json(before) and not _is_json(turn["content"]):
            return None
    # Half a surrogate pair has no UTF-8, but a JSON escape, which is what backslashreplace writes.
    return json.dumps(row, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def _is_json(text: str) -> bool:
    """Whether a text is a JSON object or list; a bare number is a text like any other."""
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


def _lines(path: Path, left_out: Mapping[int, str], masked: Mapping[int, str]) -> Iterator[str]:
    yield f"{path.name}: {len(left_out)} rows left out, {len(masked)} rows masked"
    told = {line: f"line {line}: left out: {why}" for line, why in left_out.items()}
    told |= {line: f"line {line}: masked: {what}" for line, what in masked.items()}
    yield from (told[line] for line in sorted(told))
    yield ""


def _write(path: Path, rows: bytes, report: str) -> tuple[Path, Path]:
    name = path.name.removesuffix(".gz").removesuffix(".jsonl")
    number = 1
    while True:
        stem = f"{name}.cleaned" if number == 1 else f"{name}.cleaned-{number}"
        copy, told = path.with_name(f"{stem}.jsonl"), path.with_name(f"{stem}.txt")
        number += 1
        if copy.exists() or told.exists():
            continue
        try:
            _save(copy, rows)
            _save(told, report.encode(errors="backslashreplace"))
        except FileExistsError:  # It appeared since.
            continue
        except OSError as error:
            raise ProjectError(
                f"{copy} cannot be written: {error}. Make room or allow it, then run the command again."
            ) from error
        return copy, told


def _save(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        try:
            file.write(data)
        except OSError:
            path.unlink()
            raise
