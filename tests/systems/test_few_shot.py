from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from groundtune.records import Example, Message, Query
from groundtune.systems.few_shot import candidate_sets, choose_set


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


def queries(count: int) -> list[Query]:
    return [Query(id=str(number), question="?") for number in range(count)]


@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 400), st.integers(0, 99))
def test_choosing_a_set_never_asks_more_than_allowed_and_each_query_once(
    count: int, dev: int, most: int, seed: int
) -> None:
    asked: list[tuple[int, str]] = []

    def scores(place: int, part: Sequence[Query]) -> list[float]:
        asked.extend((place, query.id) for query in part)
        return [0.5] * len(part)

    assert choose_set(count, queries(dev), scores, most_answers=most, seed=seed) == 0
    assert len(asked) == len(set(asked)) <= max(most, 2 * count)


@given(st.integers(2, 9), st.integers(1, 30), st.integers(0, 99))
def test_with_answers_enough_the_best_of_all_is_chosen(count: int, dev: int, seed: int) -> None:
    table = {
        (place, query.id): Random(f"{seed} {place} {query.id}").random()
        for place in range(count)
        for query in queries(dev)
    }
    means = [sum(table[place, query.id] for query in queries(dev)) for place in range(count)]
    chosen = choose_set(
        count,
        queries(dev),
        lambda place, part: [table[place, q.id] for q in part],
        most_answers=4 * count * dev,
        seed=seed,
    )
    assert chosen == means.index(max(means))


def test_two_fifths_of_the_answers_find_a_good_set_nearly_as_often_as_all_of_them() -> None:
    """Five sets, right with probability 0.60 to 0.80, on 100 dev queries: 200 answers in place of 500."""
    rates = (0.60, 0.65, 0.70, 0.75, 0.80)
    chosen = {most: [rates[_chosen(rates, most, seed)] for seed in range(300)] for most in (200, 1500)}
    mean = {most: sum(found) / len(found) for most, found in chosen.items()}
    assert mean[1500] > 0.775
    assert mean[200] > mean[1500] - 0.02


def _chosen(rates: Sequence[float], most: int, seed: int) -> int:
    right = {
        (place, n): Random(f"{seed} {place} {n}").random() < rate
        for place, rate in enumerate(rates)
        for n in range(100)
    }
    return choose_set(
        len(rates),
        queries(100),
        lambda place, part: [float(right[place, int(query.id)]) for query in part],
        most_answers=most,
        seed=seed,
    )
