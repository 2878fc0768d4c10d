"""Dense retrieval on scifact before and after tuning on its training qrels: nDCG@10 on the dev queries.

Usage: python bench/tuned_retrieval.py; needs the data folder scifact (GROUNDTUNE_DATA, default ../shared/data).
Prints one JSON object. Takes about 15 minutes on two cores.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundtune.models import EmbeddingModel
from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.vectors import VectorMemory
from groundtune.models.embedded.weights import base_weights
from groundtune.training.embedding import RetrievalRow, mine_negatives, tune_embedding
from groundtune.training.loop import Progress

DATA = Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")) / "scifact"
DEV_SHARE = 0.1
SEED = 0


def main() -> None:
    """Tune on the training queries, with a tenth of them to stop by, and measure on the dev queries."""
    base = base_weights()
    embedding = EmbeddedEmbedding.of(base)
    texts = {row["id"]: f"{row['title']}\n{row['text']}" for row in _rows("documents.jsonl")}
    train = [
        RetrievalRow(question=question, positives=tuple(texts[doc] for doc in docs))
        for question, docs in _queries("train")
    ]
    random.Random(SEED).shuffle(train)
    began = time.perf_counter()
    remembered = _Remembered(embedding)
    train = mine_negatives(train, list(texts.values()), remembered)
    cut = round(DEV_SHARE * len(train))
    tuned = tune_embedding(
        train[cut:], train[:cut], base=base, tokens=embedding.tokens, progress=_report, state=_state()
    )
    seconds = time.perf_counter() - began
    with TemporaryDirectory() as folder:
        card = CheckpointCard(kind="embedding", base=base.sha256)
        write_checkpoint(Path(folder), card, tuned.tensors, base)
        after = EmbeddedEmbedding.of(base, Path(folder))
    figures = {
        "pairs": sum(len(row.positives) for row in train[cut:]),
        "seconds": round(seconds, 1),
        "mrr_on_held_out_training_queries": {
            "before": tuned.before,
            "after": [look.dev_score for look in tuned.fitted.history],
        },
        "ndcg_at_10": {"untuned": _ndcg(remembered, texts), "tuned": _ndcg(after, texts)},
    }
    print(json.dumps(figures, indent=1))


class _Remembered:
    """Embeds the corpus once, for the negatives and for the untuned figure."""

    def __init__(self, embedding: EmbeddedEmbedding) -> None:
        self.name = embedding.name
        self.dimensions = embedding.dimensions
        self._memory = VectorMemory(embedding)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._memory.of(texts)


def _ndcg(embedding: EmbeddingModel, texts: Mapping[str, str]) -> float:
    """Mean nDCG@10 over the dev queries (binary relevance, as in BEIR)."""
    ids = list(texts)
    queries = _queries("dev")
    cosines = embedding.embed([question for question, _ in queries]) @ embedding.embed(list(texts.values())).T
    gains = []
    for (_, docs), scores in zip(queries, cosines, strict=True):
        best = [ids[i] for i in np.argsort(-scores, kind="stable")[:10]]
        gain = sum(1 / math.log2(rank + 2) for rank, doc in enumerate(best) if doc in docs)
        gains.append(gain / sum(1 / math.log2(rank + 2) for rank in range(min(10, len(docs)))))
    return round(float(np.mean(gains)), 4)


def _queries(split: str) -> list[tuple[str, Sequence[str]]]:
    relevant: dict[str, list[str]] = defaultdict(list)
    for line in (DATA / f"qrels_{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, doc, _ = line.split("\t")
        relevant[query].append(doc)
    return [(row["question"], relevant[row["id"]]) for row in _rows(f"queries_{split}.jsonl") if relevant[row["id"]]]


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def _state() -> Path | None:
    """Where a run that is interrupted goes on, when the environment names a folder for it."""
    folder = os.environ.get("GROUNDTUNE_BENCH_STATE")
    return Path(folder) / "scifact.safetensors" if folder else None


def _report(progress: Progress) -> None:
    if progress.done % 5 == 0:
        print(
            f"{progress.done}/{progress.total} {progress.loss:.3f} {progress.seconds:.0f} s",
            file=sys.stderr,
            flush=True,
        )


if __name__ == "__main__":
    main()
