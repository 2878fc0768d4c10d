"""Where the encoder's time goes, one thread: by kind of operation, by length of a question; and what 8 bits would cost.

    python bench/encoder.py

Needs scifact below GROUNDTUNE_DATA (default ../shared/data). Prints one JSON object: rows of name, value, target. Times
are processor time of one thread, the best of several runs. Takes one minute.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.graph import encoder_graph
from groundtune.models.embedded.runtime import Encoder, encoder_options, fastest_precision
from groundtune.models.embedded.weights import BaseWeights, base_weights

DATA = Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")) / "scifact"
ROWS, LENGTH = 5, 192
REPEATS = 15
TEXTS = 48

Row = dict[str, Any]
Tensors = Mapping[str, NDArray[Any]]


def main() -> None:
    """Measure and print."""
    base = base_weights()
    print(json.dumps({"bench": "encoder", "rows": [*passages(base), *questions(base), *eight_bits(base)]}, indent=1))


def passages(base: BaseWeights) -> Iterator[Row]:
    """Shares of a batch of passages, and operations per second."""
    request = compiled(base, PERF_COUNT=True)
    inputs = batch(ROWS, LENGTH)
    request.infer(inputs)
    runs = [by_kind(request, inputs) for _ in range(REPEATS)]
    best = min(runs, key=lambda run: sum(run.values()))
    total, config = sum(best.values()), base.config
    width, layers = config.hidden_size, config.num_hidden_layers
    linear = ROWS * LENGTH * layers * (8 * width * width + 4 * width * config.intermediate_size)
    attention = ROWS * LENGTH * LENGTH * layers * 4 * width
    for kind, seconds in sorted(best.items(), key=lambda item: -item[1])[:4]:
        yield {"name": f"{ROWS} rows of {LENGTH} tokens, share of {kind}", "value": seconds / total, "target": None}
    yield {"name": "GFLOP/s of the linear layers", "value": linear / best["FullyConnected"] / 1e9, "target": None}
    yield {"name": "GFLOP/s of the whole encoder", "value": (linear + attention) / total / 1e9, "target": None}
    yield {"name": "tokens per second", "value": ROWS * LENGTH / total, "target": None}


def questions(base: BaseWeights) -> Iterator[Row]:
    """Milliseconds of one short row."""
    request = compiled(base)
    for length in (8, 16, 24, 32):
        inputs = batch(1, length)
        request.infer(inputs)
        seconds = min(thread_time(lambda given=inputs: request.infer(given)) for _ in range(10 * REPEATS))
        yield {"name": f"one row of {length} tokens, ms", "value": 1e3 * seconds, "target": None}


def eight_bits(base: BaseWeights) -> Iterator[Row]:
    """How far vectors turn when every weight matrix is rounded to 8 bits with a scale for each row, all else exact.

    An option that is not taken, so it has no target: a vector that is served must have 0.9999.
    """
    embedding = EmbeddedEmbedding.of(base, precision="f32")
    lines = (DATA / "documents.jsonl").read_text(encoding="utf-8").splitlines()[:TEXTS]
    ids = [encoding.ids for encoding in embedding.tokens.encode_batch([json.loads(line)["text"] for line in lines])]
    rounded = EmbeddedEmbedding(
        Encoder(in_eight_bits(base.tensors), base.config, precision="f32"), embedding.tokens, ""
    )
    cosines = (embedding.embed_ids(ids) * rounded.embed_ids(ids)).sum(1)
    yield {"name": "weights in 8 bits, mean cosine to the reference", "value": float(cosines.mean()), "target": None}
    yield {"name": "weights in 8 bits, least cosine to the reference", "value": float(cosines.min()), "target": None}


def in_eight_bits(tensors: Tensors) -> Tensors:
    """The tensors, those of linear layers rounded."""

    def rounded(weight: NDArray[np.float32]) -> NDArray[np.float32]:
        step = np.abs(weight).max(axis=1, keepdims=True) / 127
        return np.ascontiguousarray(np.round(weight / step) * step, np.float32)

    return {
        name: rounded(tensor) if name.startswith("encoder.") and tensor.ndim == 2 else tensor
        for name, tensor in tensors.items()
    }


def compiled(base: BaseWeights, **options: Any) -> Any:
    """A request of the encoder on one thread."""
    one = {**encoder_options(fastest_precision()), "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1, **options}
    return ov.Core().compile_model(encoder_graph(base.tensors, base.config), "CPU", one).create_infer_request()


def batch(rows: int, length: int) -> dict[str, NDArray[np.int32]]:
    """Random tokens without padding."""
    ids = np.random.default_rng(0).integers(1000, 30_000, (rows, length)).astype(np.int32)
    return {"input_ids": ids, "token_type_ids": np.zeros_like(ids), "attention_mask": np.ones_like(ids)}


def by_kind(request: Any, inputs: dict[str, NDArray[np.int32]]) -> dict[str, float]:
    """Seconds of each kind of operation in one run; scaled to processor time, since a thread may have to wait."""
    taken = thread_time(lambda: request.infer(inputs))
    kinds: dict[str, float] = defaultdict(float)
    for node in request.get_profiling_info():
        kinds[node.node_type] += node.real_time.total_seconds()
    waited = sum(kinds.values())
    return {kind: seconds * taken / waited for kind, seconds in kinds.items()}


def thread_time(work: Callable[[], Any]) -> float:
    """Seconds of processor time."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


if __name__ == "__main__":
    main()
