"""Embedding speed and exactness against sentence-transformers in float32, interleaved in one process.

Usage: python bench/embedding.py; needs scifact below GROUNDTUNE_DATA (default ../shared/data) and the extra `train`.
Prints one JSON object: rows of name, value, target. Takes two minutes.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.weights import base_weights

DATA = Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")) / "scifact"
CHUNKS = 256
CHUNK_TOKENS = 190
ROUNDS = 3
QUERIES = 100

Row = dict[str, Any]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def main() -> None:
    """Measure the candidates in turn, and print medians."""
    began = time.perf_counter()
    base = base_weights()
    fast = EmbeddedEmbedding.of(base)
    load = time.perf_counter() - began
    exact = EmbeddedEmbedding.of(base, precision="f32")
    reference = SentenceTransformer(str(base.folder), device="cpu")
    reference.max_seq_length = 256
    candidates: dict[str, Embed] = {
        "groundtune": fast.embed,
        "groundtune_f32": exact.embed,
        "sentence_transformers_f32": lambda texts: reference.encode(list(texts), batch_size=32),
    }
    chunks, questions = _chunks(fast), _questions()
    rates, milliseconds, vectors = _measure(candidates, chunks, questions)
    wanted = vectors["sentence_transformers_f32"]
    ratio = statistics.median(
        ours / theirs for ours, theirs in zip(rates["groundtune"], rates["sentence_transformers_f32"], strict=True)
    )
    cosines = {name: (rows * wanted).sum(1) for name, rows in vectors.items()}
    rows: list[Row] = [
        {"name": "precision", "value": fast.encoder.precision, "target": None},
        {"name": "threads", "value": torch.get_num_threads(), "target": None},
        {"name": "load, seconds", "value": load, "target": None},
        *({"name": f"{n}, chunks per second", "value": statistics.median(r), "target": None} for n, r in rates.items()),
        {"name": "groundtune against sentence-transformers in float32, times", "value": ratio, "target": 4.0},
        *(row for name, taken in milliseconds.items() for row in _latency(name, taken)),
        *(row for name in ("groundtune", "groundtune_f32") for row in _closeness(name, cosines[name])),
    ]
    print(json.dumps({"bench": "embedding", "rows": rows}, indent=1))


def _measure(
    candidates: dict[str, Embed], chunks: Sequence[str], questions: Sequence[str]
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, NDArray[np.float32]]]:
    """Chunks per second by round, milliseconds by query, and the vectors of the chunks, for each candidate."""
    rates: dict[str, list[float]] = {name: [] for name in candidates}
    milliseconds: dict[str, list[float]] = {name: [] for name in candidates}
    vectors: dict[str, NDArray[np.float32]] = {}
    for embed in candidates.values():
        embed(chunks[:32])
    for _ in range(ROUNDS):
        for name, embed in candidates.items():
            began = time.perf_counter()
            vectors[name] = embed(chunks)
            rates[name].append(len(chunks) / (time.perf_counter() - began))
    for question in questions:
        for name, embed in candidates.items():
            began = time.perf_counter()
            embed([question])
            milliseconds[name].append(1e3 * (time.perf_counter() - began))
    return rates, milliseconds, vectors


def _latency(name: str, milliseconds: Sequence[float]) -> Iterator[Row]:
    ordered = sorted(milliseconds)
    yield {"name": f"{name}, one query, p50 ms", "value": statistics.median(ordered), "target": None}
    yield {"name": f"{name}, one query, p95 ms", "value": ordered[int(0.95 * len(ordered))], "target": None}


def _closeness(name: str, cosines: NDArray[np.float32]) -> Iterator[Row]:
    yield {"name": f"{name}, mean cosine to the reference", "value": float(cosines.mean()), "target": None}
    yield {"name": f"{name}, least cosine to the reference", "value": float(cosines.min()), "target": 0.9999}


def _chunks(embedding: EmbeddedEmbedding) -> list[str]:
    """Pieces of the abstracts, of at most `CHUNK_TOKENS` tokens."""
    chunks: list[str] = []
    for line in (DATA / "documents.jsonl").read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["text"]
        offsets = embedding.tokens.encode(text).offsets
        for low in range(0, len(offsets), CHUNK_TOKENS):
            piece = offsets[low : low + CHUNK_TOKENS]
            chunks.append(text[piece[0][0] : piece[-1][1]])
        if len(chunks) >= CHUNKS:
            break
    return chunks[:CHUNKS]


def _questions() -> list[str]:
    lines = (DATA / "queries_dev.jsonl").read_text(encoding="utf-8").splitlines()[:QUERIES]
    return [json.loads(line)["question"] for line in lines]


if __name__ == "__main__":
    main()
