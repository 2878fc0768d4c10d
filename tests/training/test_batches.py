from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from groundtune.training.batches import by_length


@given(st.lists(st.integers(1, 300), max_size=200), st.integers(1, 1000), st.integers(1, 40), st.integers(0, 5))
def test_every_row_is_in_one_batch_within_the_budget(lengths: list[int], tokens: int, rows: int, seed: int) -> None:
    batches = by_length(lengths, tokens=tokens, rng=random.Random(seed), rows=rows, window=64)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= rows
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= tokens


def test_the_order_follows_from_the_seed() -> None:
    lengths = list(range(1, 100))
    one, same, other = (by_length(lengths, tokens=200, rng=random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other
