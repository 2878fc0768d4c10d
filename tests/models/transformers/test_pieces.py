"""Pieces of text joined are the text of all tokens, however characters are cut over tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.models.transformers.pieces import Pieces


@pytest.fixture(scope="module")
def tokenizer(untaught: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(untaught)


def pieces_of(tokenizer: Any, ids: list[int]) -> list[str]:
    pieces = Pieces(tokenizer)
    return [*(pieces.add(token) for token in ids), pieces.rest()]


@given(text=st.text(max_size=40))
def test_any_text_comes_back_whole(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert "".join(pieces_of(tokenizer, ids)) == tokenizer.decode(ids, skip_special_tokens=True)


@given(ids=st.lists(st.integers(0, 299), max_size=30))
def test_any_tokens_even_half_characters_come_back_as_they_are_decoded(tokenizer: Any, ids: list[int]) -> None:
    assert "".join(pieces_of(tokenizer, ids)) == tokenizer.decode(ids, skip_special_tokens=True)


def test_half_a_character_is_never_shown(tokenizer: Any) -> None:
    ids = tokenizer("世界 ok", add_special_tokens=False)["input_ids"]
    for cut in range(len(ids)):
        shown = "".join(pieces_of(tokenizer, ids)[:cut])
        assert "世界 ok".startswith(shown)
