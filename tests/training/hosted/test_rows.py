from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.errors import GateClosed
from groundtune.models.messages import render_example
from groundtune.records import Message, Prompt
from groundtune.testing.fine_tuning_rows import fault_of_rows, is_json_lines
from groundtune.training.hosted.rows import require_rows, rows_file

from .conftest import TRAINING, VALIDATION, conversation

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: bool(text.strip()))


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    turns = [Message(role="system", content=draw(texts))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message(role="user", content=draw(texts)))
        turns.append(Message(role="assistant", content=draw(texts)))
    return turns


@given(st.lists(conversations(), min_size=10, max_size=12))
def test_what_is_written_is_what_the_api_takes_and_nothing_is_lost(rows: list[list[Message]]) -> None:
    require_rows(rows)
    content = rows_file(rows)
    assert content == rows_file([list(row) for row in rows])
    assert is_json_lines(content)
    assert fault_of_rows(content) is None
    lines = content.decode().splitlines()
    read = [
        [Message(role=turn["role"], content=turn["content"]) for turn in json.loads(line)["messages"]] for line in lines
    ]
    assert read == rows


def test_only_the_last_reply_is_learned() -> None:
    turns = [*conversation(1), Message(role="user", content="And then?"), Message(role="assistant", content="Three.")]
    weights = [turn.get("weight") for turn in json.loads(rows_file([turns]))["messages"]]
    assert weights == [None, None, 0, None, None]


def test_a_rendered_prompt_is_a_row() -> None:
    prompt = Prompt(task="answer", instruction="Answer.", question="How many?")
    rows = [render_example(prompt, answer) for answer in (*"abcdefghij", None)]
    require_rows(rows)
    assert fault_of_rows(rows_file(rows)) is None


USER, REPLY = Message(role="user", content="Hi"), Message(role="assistant", content="Ho")


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        ([USER], "last turn"),
        ([], "last turn"),
        ([REPLY], "alternate"),
        ([USER, USER, REPLY], "alternate"),
        ([USER, Message(role="assistant", content=" ")], "empty"),
        ([USER, Message(role="assistant", content="\ud83d")], "half a character"),
    ],
)
def test_what_would_be_refused_is_refused_here_with_its_places(bad: list[Message], part: str) -> None:
    with pytest.raises(GateClosed, match=part) as refused:
        require_rows([*TRAINING, bad, bad], VALIDATION)
    assert "training row 13, 14:" in str(refused.value)


def test_too_few_and_shared_conversations_are_told_together() -> None:
    require_rows(TRAINING, VALIDATION)
    with pytest.raises(GateClosed, match="at least 10") as refused:
        require_rows(TRAINING[:9], [conversation(50), TRAINING[3]])
    assert "validation row 2: also among" in str(refused.value)
