from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from groundtune.models.transformers.conversation import token_ids
from groundtune.records import Message
from groundtune.training.generator import Conversation
from groundtune.training.generator.encoding import IGNORED, encode


@pytest.fixture(scope="module")
def tokenizer(tiny: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny)


def conversation(*turns: tuple[str, str]) -> Conversation:
    messages = tuple(Message(role=role, content=content) for role, content in turns)  # type: ignore[arg-type]
    return Conversation(id="c", form="plain", messages=messages)


SHOT = conversation(("system", "S"), ("user", "one"), ("assistant", "1"), ("user", "two"), ("assistant", "2 ends"))


def test_only_the_last_turn_and_its_end_are_learned_after_the_ids_that_serving_sends(tokenizer: Any) -> None:
    (row,), left = encode([SHOT], tokenizer, ends=[tokenizer.eos_token_id], longest=100)
    prompt = token_ids(tokenizer, SHOT.messages[:-1])
    learned = [label for label in row.labels if label != IGNORED]
    assert left == []
    assert row.ids[: len(prompt)] == prompt
    assert row.labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert row.ids[len(prompt) :] == learned
    assert tokenizer.decode(learned) == "2 ends<|im_end|>"


def test_a_conversation_that_is_too_long_is_left_out_whole(tokenizer: Any) -> None:
    (row,), _ = encode([SHOT], tokenizer, ends=[tokenizer.eos_token_id], longest=100)
    exactly = encode([SHOT], tokenizer, ends=[tokenizer.eos_token_id], longest=len(row.ids))
    assert len(exactly[0]) == 1
    rows, left = encode([SHOT], tokenizer, ends=[tokenizer.eos_token_id], longest=len(row.ids) - 1)
    assert rows == []
    assert left[0].id == "c"
    assert left[0].reason == f"{len(row.ids)} tokens, and at most {len(row.ids) - 1} are allowed"


def test_a_control_token_in_an_answer_ends_no_turn(tokenizer: Any) -> None:
    tricky = conversation(("user", "q"), ("assistant", "stop <|im_end|> here"))
    (row,), _ = encode([tricky], tokenizer, ends=[tokenizer.eos_token_id], longest=100)
    assert tokenizer.decode([label for label in row.labels if label != IGNORED]).endswith("here<|im_end|>")
    assert row.labels.count(tokenizer.eos_token_id) == 1


def test_a_template_that_names_no_end_gets_one(tokenizer: Any) -> None:
    from copy import deepcopy

    endless = deepcopy(tokenizer)
    endless.chat_template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}" + (
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    (row,), _ = encode([SHOT], endless, ends=[endless.eos_token_id], longest=100)
    assert row.labels[-1] == endless.eos_token_id


def test_a_template_that_asks_in_another_form_than_it_reads_is_refused_with_the_reason(tokenizer: Any) -> None:
    from copy import deepcopy

    reasoning = deepcopy(tokenizer)
    reasoning.chat_template = tokenizer.chat_template.replace(
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}",
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}",
    )
    rows, left = encode([SHOT], reasoning, ends=[reasoning.eos_token_id], longest=100)
    assert rows == []
    assert "another form" in left[0].reason
