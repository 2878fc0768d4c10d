"""A cleaned copy holds what may stay, byte for byte; the original and everything else stay as they are."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundtune.errors import ProjectError
from groundtune.training.cleaning import write_cleaned
from groundtune.training.examples import read_example_file
from groundtune.training.gate import Against, Finding, Row, examine


def row(question: str, answer: str = "yes", **more: Any) -> str:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns, **more}, ensure_ascii=False)


def write(folder: Path, *lines: str) -> Path:
    path = folder / "examples.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def finding(fix: str, *lines: int, kind: str = "near_duplicates") -> Finding:
    rows = tuple(Row(id=f"e{line}", line=line, detail="as line 1") for line in lines)
    return Finding(kind=kind, severity="warn", message="m", rows=rows, fix="mask" if fix == "mask" else "leave_out")


def test_rows_are_left_out_or_masked_and_the_report_says_why(tmp_path: Path) -> None:
    lines = [row("Grüße, one", note=[1, 2]), "", row("two"), row("mail a@example.org"), "{broken", row("five")]
    path = write(tmp_path, *lines)
    before = path.read_bytes()
    found = [finding("leave_out", 3, 5), finding("mask", 4, kind="personal_data")]
    cleaned = write_cleaned(path, found)
    assert path.read_bytes() == before
    assert cleaned.path.name == "examples.cleaned.jsonl"
    kept = cleaned.path.read_text(encoding="utf-8").splitlines()
    assert (kept[0], kept[2]) == (lines[0], lines[5])
    assert json.loads(kept[1])["messages"][0]["content"] == "mail [EMAIL]"
    assert (cleaned.kept, len(kept)) == (3, 3)
    assert cleaned.report.read_text(encoding="utf-8").splitlines() == [
        "examples.jsonl: 2 rows left out, 1 rows masked",
        "line 3: left out: near duplicates: as line 1",
        "line 4: masked: personal data: as line 1",
        "line 5: left out: near duplicates: as line 1",
    ]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path, row("one"), row("two"))
    (tmp_path / "examples.cleaned-2.txt").write_text("mine", encoding="utf-8")
    names = [write_cleaned(path, [finding("leave_out", 2)]).path.name for _ in range(3)]
    assert names == ["examples.cleaned.jsonl", "examples.cleaned-3.jsonl", "examples.cleaned-4.jsonl"]
    assert (tmp_path / "examples.cleaned-2.txt").read_text(encoding="utf-8") == "mine"


def test_a_row_whose_json_reply_would_break_is_left_out(tmp_path: Path) -> None:
    card = "4111111111111111"
    path = write(tmp_path, row("pay", f'{{"card": {card}}}'), row("pay", f'{{"card": "{card}"}}'), row(card, "noted"))
    cleaned = write_cleaned(path, [finding("mask", 1, 2, 3, kind="personal_data")])
    assert list(cleaned.left_out) == [1]
    assert "no JSON" in cleaned.left_out[1]
    replies = [json.loads(line)["messages"][-1]["content"] for line in cleaned.path.read_text("utf-8").splitlines()]
    assert replies == ['{"card": "[CARD]"}', "noted"]
    assert card not in cleaned.path.read_text("utf-8") + cleaned.report.read_text("utf-8")


def test_a_compressed_file_has_a_plain_copy(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(f"{row('one')}\n{row('two')}\n".encode()))
    cleaned = write_cleaned(path, [finding("leave_out", 1)])
    assert cleaned.path.name == "rows.cleaned.jsonl"
    assert cleaned.path.read_text("utf-8") == f"{row('two')}\n"


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, row("one"), row("two"))
    real = Path.open

    def full(self: Path, mode: str = "r", *more: Any, **names: Any) -> Any:
        if "x" in mode:
            raise OSError(28, "No space left on device")
        return real(self, mode, *more, **names)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ProjectError, match="No space left"):
        write_cleaned(path, [finding("leave_out", 1)])


QUESTIONS = st.sampled_from(
    [
        "Is the shop open today",
        "is the SHOP open today?",
        "How long do I have to wait for the delivery of my new parcel",
        "How long do I have to wait for the delivery of my new parcels",
        "Write to me at anna@example.org",
        "Call +49 30 901820 now",
        "\udc80 half a pair",
        "Where",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(QUESTIONS, st.sampled_from(["yes", "no", "Yes!", "b@example.org"])), max_size=12))
def test_a_cleaned_copy_has_nothing_left_to_clean(rows: list[tuple[str, str]], tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text("\n".join([json.dumps(json.loads(row(q.replace("\udc80", "x"), a))) for q, a in rows] + ["{"]))
    data = path.read_bytes().replace(b"x half", b"\\udc80 half")
    path.write_bytes(data)
    cleaned = write_cleaned(path, checked(path))
    assert not [found.kind for found in checked(cleaned.path) if found.fix and found.rows]
    assert len(read_example_file(cleaned.path).examples) == cleaned.kept
    assert path.read_bytes() == data


def checked(path: Path) -> tuple[Finding, ...]:
    file = read_example_file(path)
    return examine(file.examples, "answer", Against(lines=file.lines, faults=file.faults)).findings
