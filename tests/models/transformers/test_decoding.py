"""A batch that is too large is halved, one that cannot be made small is an error, and NaN is never written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from groundtune.errors import ModelError
from groundtune.models.transformers import LocalWeights, load_weights
from groundtune.models.transformers.conversation import token_ids
from groundtune.models.transformers.decoding import decode
from groundtune.models.transformers.request import Finished, Request
from groundtune.testing.tiny import asked


@pytest.fixture
def weights(untaught: Path) -> LocalWeights:
    return load_weights(str(untaught), dtype="float32")


def requests(weights: LocalWeights, count: int) -> list[Request]:
    return [
        Request(
            token_ids(weights.tokenizer, asked("more " * n)),
            limit=5,
            ends=weights.ends,
            tokenizer=weights.tokenizer,
        )
        for n in range(count)
    ]


def texts(made: Sequence[Request]) -> list[str]:
    return ["".join(item for item in one.follow() if not isinstance(item, Finished)) for one in made]


def with_room_for(rows: int, model: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make the model run out of memory above ``rows`` conversations; the list collects how many each pass had."""
    forward, seen = model.forward, []

    def limited(*args: Any, **kwargs: Any) -> Any:
        seen.append(len(kwargs["input_ids"]))
        if seen[-1] > rows:
            raise torch.OutOfMemoryError("out of memory")
        return forward(*args, **kwargs)

    monkeypatch.setattr(model, "forward", limited)
    return seen


def test_a_batch_that_does_not_fit_is_halved(weights: LocalWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = requests(weights, 7)
    decode(weights, whole)
    seen = with_room_for(2, weights.model, monkeypatch)
    halved = requests(weights, 7)
    decode(weights, halved)
    assert texts(halved) == texts(whole)
    assert seen[0] == 7
    assert min(seen) <= 2


def test_one_that_does_not_fit_is_an_error(weights: LocalWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    with_room_for(0, weights.model, monkeypatch)
    with pytest.raises(ModelError, match="ran out of memory with 1 conversations"):
        decode(weights, requests(weights, 1))


def test_numbers_that_are_none_are_an_error(weights: LocalWeights) -> None:
    with torch.no_grad():
        weights.model.model.norm.weight[0] = float("nan")
    with pytest.raises(ModelError, match="NaN"):
        decode(weights, requests(weights, 2))
