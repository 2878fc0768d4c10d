"""Evaluation questions among the training examples are found, named and refused."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from groundtune.errors import GateClosed
from groundtune.experiment.leakage import find_leaks, leak_findings, refuse_leaks
from groundtune.experiment.normalise import tokens
from groundtune.records import Evidence, Example, Message, Query, Task


def example(name: str, question: str, *docs: str) -> Example:
    messages = (Message(role="user", content=question), Message(role="assistant", content="a"))
    return Example(id=name, messages=messages, evidence=tuple(Evidence(doc=doc) for doc in docs))


def query(name: str, question: str, *docs: str) -> Query:
    return Query(id=name, question=question, answers=("a",), evidence=tuple(Evidence(doc=doc) for doc in docs))


def test_equal_questions_are_found_whatever_their_case_and_punctuation() -> None:
    found = find_leaks(
        [example("e", "Is THE port open?"), example("f", "?")], [query("q", "is port open"), query("r", "!")]
    )
    assert [(leak.example, leak.query, leak.kind) for leak in found.leaks] == [("e", "q", "equal")]


def test_a_long_common_run_is_a_leak_only_when_it_is_half_of_the_shorter_question() -> None:
    run = "how many days does my order need to arrive"
    long = " ".join(f"word{n}" for n in range(30))
    found = find_leaks(
        [example("e", f"Hello, {run} in Spain"), example("f", f"{run} {long}"), example("g", "how many days does my")],
        [query("q", f"{run}?"), query("r", f"{long[::-1]} {run}")],
    )
    assert {(leak.example, leak.query, leak.kind, leak.strength) for leak in found.leaks} == {
        ("e", "q", "run", 9.0),
        ("f", "q", "run", 9.0),
        ("e", "r", "run", 9.0),
    }


TEXTS = st.lists(st.sampled_from("ab"), min_size=1, max_size=24).map(" ".join)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.lists(TEXTS, min_size=1, max_size=4))
def test_runs_agree_with_a_plain_search(asked: list[str], trained: list[str]) -> None:
    asked = [text.replace("a", "x") for text in asked]
    trained = [text.replace("a", "x") for text in trained]
    found = find_leaks(
        [example(str(n), text) for n, text in enumerate(trained)], [query(str(n), text) for n, text in enumerate(asked)]
    )
    expected = {}
    for e, first in enumerate(trained):
        for q, second in enumerate(asked):
            a, b = tokens(first), tokens(second)
            size = SequenceMatcher(None, a, b, autojunk=False).find_longest_match().size
            if a == b:
                expected[str(e), str(q)] = ("equal", len(a))
            elif size >= 8 and size >= 0.5 * min(len(a), len(b)):
                expected[str(e), str(q)] = ("run", size)
    assert {(leak.example, leak.query): (leak.kind, leak.strength) for leak in found.leaks} == expected


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Two directions: texts about cards, and all others."""
    return np.array([[1, 0] if "card" in text else [0, 1] for text in texts], dtype=np.float32)


def test_similar_meaning_is_flagged_and_not_refused() -> None:
    found = find_leaks(
        [example("e", "my card is gone"), example("f", "weather")], [query("q", "lost the card")], embed=embed
    )
    assert [(leak.example, leak.kind) for leak in found.leaks] == [("e", "similar")]
    assert found.certain == ()
    assert found.examples == {"e"}
    refuse_leaks(found)


def nearby(texts: Sequence[str]) -> NDArray[np.float32]:
    """Every text next to every other, with a cosine of 0.9."""
    vectors = np.zeros((len(texts), 100), dtype=np.float32)
    vectors[:, 0] = 0.9**0.5
    for row, text in enumerate(texts):
        vectors[row, 1 + len(text)] = 0.1**0.5
    return vectors


def test_neighbours_leak_when_a_second_look_says_that_they_ask_the_same() -> None:
    asked = [query("q", "How do I close my account?"), query("r", "Is release 3.12 out?")]
    trained = [
        example("same", "And how can I close the account"),
        example("other", "How do I open my account?"),
        example("wh", "When do I close my account?"),
        example("not", "How do I not close my account?"),
        example("number", "Is release 3.11 out?"),
    ]
    found = find_leaks(trained, asked, embed=nearby)
    assert [(leak.example, leak.query, leak.kind) for leak in found.leaks] == [("same", "q", "reworded")]


def test_numbers_that_differ_are_no_leak_however_near_the_meaning() -> None:
    def one(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 1), dtype=np.float32)

    trained, asked = example("e", "Status of PEP 8105?"), [query("q", "State of PEP 8105"), query("r", "PEP 8106?")]
    assert [leak.query for leak in find_leaks([trained], asked, embed=one).leaks] == ["q"]


def test_only_the_five_nearest_examples_of_a_query_are_looked_at() -> None:
    trained = [example(f"e{n}", f"card {'!' * n}lost") for n in range(9)] + [example("f", "weather")]
    found = find_leaks(trained, [query("q", "my card was stolen")], embed=embed)
    assert len({leak.example for leak in found.leaks} - {"f"}) == len(found.leaks) == 5


@pytest.mark.parametrize(("task", "severity"), [("answer", "refuse"), ("write", "refuse"), ("classify", "warn")])
def test_the_same_question_in_other_words_closes_the_gate_where_the_question_makes_the_reply(
    task: Task, severity: str
) -> None:
    trained = [example("e", "Can I close the account?"), example("f", "unrelated")]
    leaks = find_leaks(trained, [query("q", "Can I close my account")], embed=nearby)
    (finding,) = leak_findings(leaks, trained, task, {"e": 4, "f": 9})
    assert (finding.kind, finding.severity, finding.fix) == ("leakage", severity, "leave_out")
    assert [(row.id, row.line) for row in finding.rows] == [("e", 4)]
    assert "query 'q'" in finding.rows[0].detail


def test_findings_name_each_example_once_by_its_gravest_leak() -> None:
    trained = [example("e", "the card"), example("f", "one more card", "d"), example("g", "weather")]
    asked = [query(f"q{n}", "THE card!") for n in range(4)] + [query("r", "cards and such", "d")]
    findings = list(leak_findings(find_leaks(trained, asked, embed=embed), trained, "classify", {}))
    assert [(f.kind, f.severity, [row.id for row in f.rows]) for f in findings] == [
        ("leakage", "refuse", ["e"]),
        ("similar_to_queries", "warn", ["f"]),
        ("shared_documents", "warn", ["f"]),
    ]
    assert "and 1 more queries" in findings[0].rows[0].detail
    assert findings[1].fix is None


def test_the_surest_kind_is_named_once_for_a_pair() -> None:
    found = find_leaks([example("e", "card?")], [query("q", "Card")], embed=embed)
    assert [leak.kind for leak in found.leaks] == ["equal"]


def test_a_refusal_names_the_rows_and_how_to_go_on() -> None:
    found = find_leaks([example(f"e{n}", "same") for n in range(30)], [query("q", "same")])
    with pytest.raises(GateClosed) as caught:
        refuse_leaks(found)
    assert "30 pairs" in str(caught.value)
    assert "example 'e0' and query 'q': the same question" in str(caught.value)
    assert "and 10 more" in str(caught.value)
    assert "Remove these examples or these queries, then run the command again." in str(caught.value)


def test_shared_documents_are_information_and_not_a_leak() -> None:
    found = find_leaks([example("e", "one", "d1", "d2")], [query("q", "two", "d2", "d3")])
    assert found.shared_documents == ("d2",)
    assert found.leaks == ()
