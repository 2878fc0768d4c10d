"""queries.jsonl is checked whole: all faults at once, each with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundtune.errors import RowsError
from groundtune.experiment.queries import is_labelled, read_queries
from groundtune.records import Evidence, Query


def write(folder: Path, *rows: object) -> Path:
    path = folder / "queries.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_full_row_becomes_a_query(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "question": "Which port?",
        "answers": ["8421", " "],
        "answerable": True,
        "evidence": [{"doc": "a.md", "start": 3, "end": 7}, {"doc": "b.md", "quote": "port 8421"}],
        "split": "test",
        "cluster": 4,
        "yes_no": "a field that only its makers know",
    }
    assert read_queries(write(tmp_path, row)) == [
        Query(
            id="7",
            question="Which port?",
            answers=("8421",),
            answerable=True,
            evidence=(Evidence(doc="a.md", start=3, end=7), Evidence(doc="b.md", quote="port 8421")),
            split="test",
            cluster="4",
        )
    ]


def test_all_faults_are_reported_at_once_with_their_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"id": "a", "question": "?", "answers": ["x"]},
        {"id": "a", "question": "again", "answers": ["x"]},
        {"id": True, "question": " ", "answers": "x"},
        {"id": "b", "question": "q", "answers": ["x"], "answerable": False, "split": "train", "cluster": []},
        {"id": "c", "question": "q", "answerable": 1},
        {
            "id": "d",
            "question": "q",
            "evidence": [{"start": 1}, {"doc": "a", "start": 5, "end": 5}, {"doc": "a", "quote": 1}],
        },
        {"id": "e", "question": "q", "evidence": {"doc": "a"}},
    )
    with pytest.raises(RowsError) as caught:
        read_queries(path)
    text = str(caught.value)
    for expected in (
        "line 2: id 'a' is used already in line 1",
        'line 3: "id" must be a text',
        'line 3: "question" must be a text that is not blank',
        'line 3: "answers" must be a list of texts',
        'line 4: "answerable" is false, yet "answers" has some',
        'line 4: "split" must be "dev" or "test"',
        'line 4: "cluster" must be a text or a number',
        'line 5: "answerable" must be true or false',
        'line 6: each "evidence" needs "doc"',
        'line 6: evidence "start" and "end" must be whole numbers',
        'line 6: evidence "quote" must be a text',
        'line 7: "evidence" must be a list',
        "run the command again",
    ):
        assert expected in text


@pytest.mark.parametrize("rows", [[], [{"id": "a", "question": "q"}, {"id": "b", "question": "r", "answers": []}]])
def test_a_set_with_nothing_to_compare_with_is_refused(tmp_path: Path, rows: list[object]) -> None:
    with pytest.raises(RowsError, match=r"no queries|none of the 2 queries has an answer"):
        read_queries(write(tmp_path, *rows))


def test_unlabelled_queries_among_labelled_ones_are_kept(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"id": "a", "question": "q", "answers": ["x"]},
        {"id": "b", "question": "r"},
        {"id": "c", "question": "s", "answerable": False},
    )
    assert [is_labelled(query) for query in read_queries(path)] == [True, False, True]
