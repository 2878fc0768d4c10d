from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.models.embedded.sentences import sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("It rains. It pours.", ["It rains.", "It pours."]),
        ("Dr. Who met J. R. Smith. He left.", ["Dr. Who met J. R. Smith.", "He left."]),
        ("Version 3.11 is out. 12 came.", ["Version 3.11 is out.", "12 came."]),
        ('He said "No." Then he left.', ['He said "No."', "Then he left."]),
        ("It rains , he said . Then it stops .", ["It rains , he said .", "Then it stops ."]),
        ("", []),
        (" \n\t\n ", []),
        ("no stop", ["no stop"]),
    ],
)
def test_prose_is_cut_at_its_stops(text: str, wanted: list[str]) -> None:
    assert split(text) == wanted


def test_a_header_line_is_a_sentence_of_its_own() -> None:
    text = "PEP: 703\nTitle: Making the Global Interpreter Lock Optional in CPython for All\nStatus: Final\n\nThe text."
    assert split(text) == [
        "PEP: 703",
        "Title: Making the Global Interpreter Lock Optional in CPython for All",
        "Status: Final",
        "The text.",
    ]


def test_list_items_and_table_rows_are_sentences() -> None:
    assert split("Steps:\n- open the box. Then\n- close it\n1. done\n| a | b |") == [
        "Steps:",
        "- open the box.",
        "Then",
        "- close it",
        "1. done",
        "| a | b |",
    ]


def test_wrapped_prose_is_not_cut_at_its_line_breaks() -> None:
    text = (
        "This proposal makes the lock optional, and it says\nhow extensions are built. It is a long proposal\nin all."
    )
    assert split(text) == [
        "This proposal makes the lock optional, and it says\nhow extensions are built.",
        "It is a long proposal\nin all.",
    ]


@given(st.text(alphabet="aB .!?\n-:|\u00e9\U0001f600'\"0", max_size=80))
def test_sentences_are_in_order_and_lose_only_white_space(text: str) -> None:
    found = sentences(text)
    edges = [edge for span in found for edge in span]
    assert edges == sorted(edges)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in found)
    kept = "".join("".join(text[start:end].split()) for start, end in found)
    assert kept == "".join(text.split())
