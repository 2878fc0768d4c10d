from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from groundtune.records import Passage
from groundtune.training.rows import TrainingRow, answering, locate, reading_rows, word_f1


def passage(identity: str, text: str) -> Passage:
    return Passage(id=identity, document=identity, source="", title="", headings=(), start=0, end=len(text), text=text)


def test_an_answer_is_found_whatever_its_case_and_white_space() -> None:
    text = "Type: Standards\nPython-Version:  3.12\nStatus: Final"
    assert locate("final", text) == (len(text) - 5, len(text))
    assert locate("python-version: 3.12", text) == (16, 37)


def test_part_of_a_word_is_not_an_answer() -> None:
    assert locate("fin", "Status: Final") is None


def test_an_answer_in_other_words_points_to_the_closest_sentence() -> None:
    text = "Nothing here. Amazon EBS encryption is available on all current generation instance types. More."
    span = locate("EBS encryption available on all current generation instance types", text)
    assert span is not None
    assert text[slice(*span)] == "Amazon EBS encryption is available on all current generation instance types."


@given(st.text(), st.text(), st.text(min_size=1))
def test_spans_are_inside_the_passage(before: str, after: str, answer: str) -> None:
    text = f"{before} {answer} {after}"
    span = locate(answer, text)
    assert span is None or 0 <= span[0] < span[1] <= len(text)


@given(st.text(), st.text())
def test_word_f1_is_symmetric_and_bounded(one: str, other: str) -> None:
    assert word_f1(one, other) == word_f1(other, one)
    assert 0 <= word_f1(one, other) <= 1


def test_rows_hold_the_evidence_and_passages_that_teach_not_here() -> None:
    gold, other, also = passage("g", "Status: Final"), passage("o", "Status: Draft"), passage("a", "it is final here")
    row = TrainingRow(id="1", question="Status?", answer="Final", passages=(other, also, gold), gold=(gold,))
    made = reading_rows([row])
    assert [(r.passage, r.span) for r in made] == [("Status: Final", (8, 13)), ("Status: Draft", None)]


def test_a_case_whose_answer_stands_nowhere_gives_no_row() -> None:
    row = TrainingRow(id="1", question="Status?", answer="Final", passages=(passage("o", "Status: Draft"),))
    assert reading_rows([row]) == []


def test_what_answers_a_case_is_its_evidence_or_the_first_passage_with_the_answer() -> None:
    gold, holds, other = passage("g", "Else"), passage("h", "It is Final now"), passage("o", "Draft")
    labelled = TrainingRow(id="1", question="?", answer="Final", passages=(other, holds), gold=(gold,))
    plain = TrainingRow(id="1", question="?", answer="Final", passages=(other, holds, holds))
    assert (answering(labelled), answering(plain)) == ((gold,), (holds,))
