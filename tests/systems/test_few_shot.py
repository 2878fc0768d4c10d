from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from groundtune.records import Example, Message
from groundtune.systems.few_shot import candidate_sets


def example(number: int, label: str) -> Example:
    turns = (Message(role="user", content=f"message {number}"), Message(role="assistant", content=label))
    return Example(id=str(number), messages=turns)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.integers(1, 10), st.integers(0, 99))
def test_a_classification_prompt_shows_every_label_before_any_label_twice(
    labels: list[str], size: int, seed: int
) -> None:
    examples = [example(number, label) for number, label in enumerate(labels)]
    for demonstrations in candidate_sets(examples, "classify", size, seed):
        counts = Counter(d.answer for d in demonstrations)
        assert set(counts) == set(labels)
        room = [label for label in counts if counts[label] < labels.count(label)]
        assert not room or max(counts[label] for label in counts) - min(counts[label] for label in room) <= 1


@given(st.integers(0, 20), st.integers(0, 10), st.integers(0, 99))
def test_sets_are_of_the_asked_size_and_the_same_for_the_same_seed(count: int, size: int, seed: int) -> None:
    examples = [example(number, "yes") for number in range(count)]
    sets = candidate_sets(examples, "answer", size, seed)
    assert sets == candidate_sets(examples, "answer", size, seed)
    assert {len(s) for s in sets} == {min(size, count)}
