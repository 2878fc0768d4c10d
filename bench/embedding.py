"""Embedding speed and exactness against sentence-transformers in float32, interleaved in one process.

Usage: python bench/embedding.py; needs scifact below GROUNDTUNE_DATA (default ../shared/data) and the extra `train`.
Prints one JSON object: chunks per second, their ratio, query milliseconds, cosines to the reference. Takes two minutes.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
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
    figures: dict[str, Any] = {
        "precision": fast.encoder.precision,
        "threads": torch.get_num_threads(),
        "load_seconds": round(load, 2),
        "chunks_per_second": {name: round(statistics.median(values), 1) for name, values in rates.items()},
        "ratio_to_sentence_transformers": round(ratio, 2),
        "query_milliseconds": {name: _quantiles(values) for name, values in milliseconds.items()},
        "cosine_to_reference": {
            name: {"mean": round(float(c.mean()), 6), "least": round(float(c.min()), 6)}
            for name, c in ((name, (rows * wanted).sum(1)) for name, rows in vectors.items())
        },
    }
    print(json.dumps(figures, indent=1))


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


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": round(statistics.median(ordered), 2), "p95": round(ordered[int(0.95 * len(ordered))], 2)}


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
