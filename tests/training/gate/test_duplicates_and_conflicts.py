from __future__ import annotations

import pytest

from groundtune.records import Task
from groundtune.training.gate import Against
from groundtune.training.gate.conflicts import conflicts
from groundtune.training.gate.duplicates import exact_duplicates, near_duplicates
from groundtune.training.gate.material import Material

from .conftest import by_first_letter, example, found, material, named

LONG = "How many days does a parcel need from the warehouse to the customer in another country"
MEANING = Against(embed=by_first_letter)


def test_rows_that_repeat_another_word_for_word_are_named_with_the_first() -> None:
    given = material("Is it open?", "is it OPEN", ("Is it open?", "no"), "Is it open", against=Against(lines={"e0": 1}))
    (finding,) = found(exact_duplicates, given)
    assert named(finding) == ["e1", "e3"]
    assert {row.detail for row in finding.rows} == {"repeats line 1"}
    assert finding.fix == "leave_out"


def test_another_system_turn_or_turn_before_makes_another_row() -> None:
    rows = [example(0, "Yes", system="Book a table."), example(1, "Yes", system="Cancel the table.")]
    assert list(exact_duplicates(Material(rows, "answer", Against()))) == []
    assert list(near_duplicates(Material(rows, "answer", MEANING))) == []


def test_nearly_the_same_letters_or_meaning_with_the_same_reply_repeat_an_earlier_row() -> None:
    (letters,) = found(near_duplicates, material(LONG, f"{LONG}?!", f"{LONG} please", ("Other", "yes")))
    assert (named(letters), letters.rows[0].detail[:10]) == (["e2"], "as example")
    (meaning,) = found(near_duplicates, material("card lost", "bank shut", "cannot find card", against=MEANING))
    assert (named(meaning), "meaning" in meaning.rows[0].detail) == (["e2"], True)


def test_inputs_with_other_numbers_are_never_near() -> None:
    first, second = f"{LONG} for 12 euros", f"{LONG} for 13 euros"
    assert found(near_duplicates, material(first, second, against=MEANING)) == []
    assert found(conflicts, material((first, "a"), (second, "b"), task="classify", against=MEANING)) == []


def test_a_chain_of_small_changes_keeps_what_is_not_near_to_a_row_that_stays() -> None:
    vowels = [LONG + " today" * n for n in range(0, 9, 2)]
    (finding,) = found(near_duplicates, material(*vowels))
    kept = [int(name[1:]) for name in (f"e{n}" for n in range(len(vowels))) if name not in named(finding)]
    again = found(near_duplicates, material(*(vowels[n] for n in kept)))
    assert again == []
    assert kept[0] == 0


@pytest.mark.parametrize("task", ["answer", "classify", "extract"])
def test_one_input_with_two_replies_is_a_conflict_of_all_rows(task: Task) -> None:
    replies = ('{"a": 1}', '{"a": 2}') if task == "extract" else ("monday", "friday")
    given = material(("When?", replies[0]), ("when", replies[1]), ("Who?", replies[0]), task=task)
    (finding,) = found(conflicts, given)
    assert named(finding) == ["e0", "e1"]
    assert finding.rows[0].detail == "answered otherwise in example 'e1'"


def test_replies_that_say_the_same_do_not_conflict() -> None:
    assert found(conflicts, material(("When?", "At 14:00"), ("When?", "at 14:00 on Saturdays."))) == []
    objects = ('{"a": 1, "b": "X"}', '{"b": "x", "a": 1}')
    assert found(conflicts, material(*(("q", reply) for reply in objects), task="extract")) == []
    assert found(conflicts, material(("q", "one text"), ("q", "another"), task="write")) == []


def test_near_inputs_conflict_by_label_always_and_by_answer_only_when_their_content_is_the_same() -> None:
    near = ("lost my card", "lost a voucher")
    (finding,) = found(conflicts, material((near[0], "a"), (near[1], "b"), task="classify", against=MEANING))
    assert named(finding) == ["e0", "e1"]
    assert found(conflicts, material((near[0], "a"), (near[1], "b"), against=MEANING)) == []
    same = ("Is the office open", "Is this office open")
    assert named(*found(conflicts, material((same[0], "a"), (same[1], "b"), against=MEANING))) == ["e0", "e1"]
    asked = ("When is it open", "Where is it open")
    assert found(conflicts, material((asked[0], "a"), (asked[1], "b"), against=MEANING)) == []
