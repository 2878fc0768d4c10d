"""The chooser on banking77: accuracy on the published test set, few-shot and with all training rows.

Usage: python bench/banking.py [--shots 10] [--full]; needs banking77 below GROUNDTUNE_DATA (default ../shared/data).
Prints one JSON object. The full run takes about 20 minutes on two cores, the 10-shot run about one.
"""

from __future__ import annotations

import argparse
import json
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

from groundtune.models.embedded.checkpoint import CheckpointCard, write_checkpoint
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.model import EmbeddedModel
from groundtune.models.embedded.weights import BaseWeights, base_weights
from groundtune.records import Demonstration, Passage, Prompt
from groundtune.training.chooser import tune_chooser
from groundtune.training.loop import Progress
from groundtune.training.rows import TrainingRow

DATA = Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")) / "banking77"
DEMONSTRATIONS = 5
SEED = 0

Row = Mapping[str, str]


def main() -> None:
    """Run the sizes that were asked for and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, default=10, help="examples a class of the few-shot run; 0 leaves it out")
    parser.add_argument("--full", action="store_true", help="also tune on the whole training set")
    arguments = parser.parse_args()
    base = base_weights()
    embedding = EmbeddedEmbedding.of(base)
    train, test = _rows("train"), _rows("test")
    runs: dict[str, Sequence[Row]] = {}
    if arguments.shots:
        runs[f"{arguments.shots} a class"] = _few(train, arguments.shots)
    if arguments.full:
        runs["all"] = train
    figures = {name: _measure(rows, test, base, embedding) for name, rows in runs.items()}
    print(json.dumps(figures, indent=1))


def _measure(
    rows: Sequence[Row], test: Sequence[Row], base: BaseWeights, embedding: EmbeddedEmbedding
) -> dict[str, Any]:
    labels = tuple(dict.fromkeys(row["label"] for row in rows))
    demonstrations = _demonstrations(rows, test, embedding)
    examples = tuple(Demonstration(question=row["text"], answer=row["label"]) for row in _few(rows, 1))
    began = time.perf_counter()
    training = [TrainingRow(id=str(i), question=row["text"], answer=row["label"]) for i, row in enumerate(rows)]
    tuned = tune_chooser(
        training, [], labels=labels, base=base, tokens=embedding.tokens, progress=_report, state=_state(len(rows))
    )
    seconds = time.perf_counter() - began
    with TemporaryDirectory() as folder:
        card = CheckpointCard(kind="chooser", base=base.sha256, chooser=tuned.card)
        write_checkpoint(Path(folder), card, tuned.tensors, base)
        models = {
            "base": EmbeddedModel.load(base, embedding=embedding),
            "tuned": EmbeddedModel.load(base, Path(folder), embedding=embedding),
        }
        accuracy = {}
        for name, model in models.items():
            for few in ((), examples):
                for context, passages in (("", [()] * len(test)), ("+retrieval", demonstrations)):
                    key = f"{name}{context}{'+1 example a label' if few else ''}"
                    accuracy[key] = _accuracy(model, labels, few, test, passages)
                    print(key, accuracy[key], file=sys.stderr, flush=True)
    return {"rows": len(rows), "steps": tuned.fitted.steps, "seconds": round(seconds, 1), "accuracy": accuracy}


def _accuracy(
    model: EmbeddedModel,
    labels: tuple[str, ...],
    examples: tuple[Demonstration, ...],
    test: Sequence[Row],
    passages: Sequence[tuple[Passage, ...]],
) -> float:
    right = 0
    for row, found in zip(test, passages, strict=True):
        prompt = Prompt(
            task="classify", instruction="", question=row["text"], labels=labels, examples=examples, passages=found
        )
        right += model.reply(prompt).text == row["label"]
    return round(right / len(test), 4)


def _demonstrations(
    rows: Sequence[Row], test: Sequence[Row], embedding: EmbeddedEmbedding
) -> list[tuple[Passage, ...]]:
    """For each test row the nearest training rows in the base space."""
    cosines = embedding.embed([row["text"] for row in test]) @ embedding.embed([row["text"] for row in rows]).T
    nearest = np.argsort(-cosines, axis=1)[:, :DEMONSTRATIONS]
    passages = [
        Passage(
            id=str(i), document=str(i), source="", title="", headings=(), start=0, end=len(row["text"]),
            text=row["text"], answer=row["label"],
        )
        for i, row in enumerate(rows)
    ]  # fmt: skip
    return [tuple(passages[i] for i in found) for found in nearest]


def _few(rows: Sequence[Row], shots: int) -> list[Row]:
    members: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        members[row["label"]].append(row)
    rng = random.Random(SEED)
    return [row for found in members.values() for row in rng.sample(found, min(shots, len(found)))]


def _rows(split: str) -> list[Row]:
    return [json.loads(line) for line in (DATA / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def _state(rows: int) -> Path | None:
    """Where a run that is interrupted goes on, when the environment names a folder for it."""
    folder = os.environ.get("GROUNDTUNE_BENCH_STATE")
    return Path(folder) / f"banking-{rows}.safetensors" if folder else None


def _report(progress: Progress) -> None:
    if progress.done % 20 == 0:
        print(
            f"{progress.done}/{progress.total} {progress.loss:.3f} {progress.seconds:.0f} s",
            file=sys.stderr,
            flush=True,
        )


if __name__ == "__main__":
    main()
