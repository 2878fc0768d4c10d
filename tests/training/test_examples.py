from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundtune.errors import ProjectError
from groundtune.training.examples import read_examples


def write(folder: Path, *lines: object) -> Path:
    path = folder / "examples.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def turns(*pairs: tuple[str, str]) -> dict[str, object]:
    return {"messages": [{"role": role, "content": content} for role, content in pairs]}


def test_good_rows_are_kept_and_every_broken_one_is_named_with_its_line(tmp_path: Path) -> None:
    good = turns(("system", "Be kind."), ("user", "Hello?"), ("assistant", "Hi."))
    path = write(
        tmp_path,
        good,
        '{"messages": [',
        turns(("user", "Only a question?")),
        turns(("assistant", "Only a reply.")),
        {"messages": [{"role": "robot", "content": "x"}]},
        good | {"id": 7},
        good | {"id": 7},
    )
    examples, faults = read_examples(path)
    assert [e.id for e in examples] == ["line-1", "7"]
    assert (examples[0].question, examples[0].answer) == ("Hello?", "Hi.")
    assert [fault.line for fault in faults] == [2, 3, 4, 5, 7]
    assert "assistant's ideal reply" in faults[1].reason
    assert "system, user, assistant" in faults[3].reason
    assert "line 6" in faults[4].reason


def test_line_separators_inside_a_text_do_not_break_a_row(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(json.dumps(turns(("user", "a\u2028b"), ("assistant", "c")), ensure_ascii=False), encoding="utf-8")
    examples, faults = read_examples(path)
    assert [e.question for e in examples] == ["a\u2028b"]
    assert faults == []


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"none\.jsonl"):
        read_examples(tmp_path / "none.jsonl")
