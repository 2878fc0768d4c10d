"""The fixed few-shot examples: a few candidate sets from the training examples, one of which is chosen on dev."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random

from groundtune.records import Demonstration, Example, Task

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
