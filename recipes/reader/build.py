"""Build the reader that Groundtune ships.

    python recipes/reader/build.py --data ../shared/data --out src/groundtune/models/embedded/data/reader.safetensors

1. 9,000 cloze questions from the paragraphs of the training articles, once: the model learns to match a question to a
   sentence and to look for what is missing.
2. The questions of squad2-dev (train and dev splits, one article held out) and qed-dev, with hard negatives.
3. The difference to the base weights in 8 bits; weighing and "not here" chosen on the held-out article.

Some twenty minutes on two cores. A run that is interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from choices import choose
from cloze import ClozeMaker, word_neighbours
from corpus import HELD_OUT, Corpus, load
from hard_negatives import HardNegatives

from groundtune.models.embedded.calibration import Calibration
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.shipped import ReaderWeights, save_reader
from groundtune.models.embedded.tokens import Tokens
from groundtune.models.embedded.weights import BaseWeights, base_weights
from groundtune.training.loop import Progress, Schedule
from groundtune.training.reader import TunedReader, tune_reader

CLOZE_ROWS = 9_000
CLOZE = Schedule(epochs=1, learning_rate=1.5e-4)
QUESTIONS = Schedule(epochs=4, learning_rate=1e-4)
CLOZE_TOKENS, QUESTION_TOKENS = 128, 256


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, choose, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds squad2-dev and qed-dev")
    parser.add_argument("--out", type=Path, required=True, help="the reader's safetensors file")
    parser.add_argument("--state", type=Path, default=Path("build/reader"), help="folder to resume from")
    chosen = parser.parse_args(arguments)
    base, corpus = base_weights(), load(chosen.data)
    tuned = train(base, corpus, chosen.state)
    about = {
        "recipe": "recipes/reader",
        "trained_on": f"squad2-dev train and dev without {HELD_OUT}, qed-dev; CC BY-SA 4.0 and 3.0",
        "steps": str(tuned.fitted.steps),
    }
    save(chosen.out, tuned.weights, base, corpus, about)


def train(base: BaseWeights, corpus: Corpus, state: Path) -> TunedReader:
    """Both stages of training."""
    tokens = Tokens(base.tokenizer_path)
    vocabulary = json.loads(base.tokenizer_path.read_text(encoding="utf-8"))["model"]["vocab"]
    neighbours = word_neighbours(base.tensors["embeddings.word_embeddings.weight"], vocabulary)
    paragraphs = [text for name, texts in corpus.articles.items() if name != HELD_OUT for text in texts]
    cloze = ClozeMaker(paragraphs, neighbours).rows(CLOZE_ROWS, random.Random(CLOZE.seed))
    start = ReaderWeights(tensors=base.tensors, calibration=Calibration())
    warm = tune_reader(
        cloze,
        [],
        start=start,
        config=base.config,
        tokens=tokens,
        schedule=CLOZE,
        limit=CLOZE_TOKENS,
        state=state / "cloze.safetensors",
        progress=_printer("cloze"),
    )
    return tune_reader(
        corpus.train,
        corpus.held_out,
        start=warm.weights,
        config=base.config,
        tokens=tokens,
        schedule=QUESTIONS,
        vary=HardNegatives(corpus.articles),
        limit=QUESTION_TOKENS,
        state=state / "questions.safetensors",
        progress=_printer("questions"),
    )


def save(path: Path, weights: ReaderWeights, base: BaseWeights, corpus: Corpus, about: dict[str, str]) -> None:
    """Quantise, choose on what will be loaded, save with what was chosen."""
    rounded = save_reader(path, weights, base, about=about)
    chosen = choose(rounded.reader(base), corpus.held_out, EmbeddedEmbedding.of(base))
    save_reader(path, replace(weights, calibration=chosen.calibration), base, about=about)
    print(chosen)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def _printer(stage: str) -> Callable[[Progress], None]:
    def show(step: Progress) -> None:
        if step.done % 50 == 0 or step.done == step.total:
            print(f"{stage} {step.done}/{step.total} loss {step.loss:.3f} {step.seconds:.0f} s", flush=True)

    return show


if __name__ == "__main__":
    main()
