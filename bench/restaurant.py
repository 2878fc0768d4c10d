"""A generator tuned to turn guests' messages into JSON (restaurant8k): valid and right replies before and after.

Usage: python bench/restaurant.py [--model FOLDER] [--train 2000] [--test 300] [--method lora|qlora|full]
Needs restaurant8k-json below GROUNDTUNE_DATA (default ../shared/data). Without --model a tiny model (0.4 million
parameters) is made and taught a little first, which shows the machinery and no more. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from groundtune.experiment.scorers import SCORERS
from groundtune.models.transformers import TransformersChat
from groundtune.systems.prompt import PromptTemplate
from groundtune.training.generator import Conversation, Mix, Recipe, Step, Tuned, conversations, fine_tune
from groundtune.training.rows import TrainingRow

DATA = Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")) / "restaurant8k-json"
SLOTS = {"date", "first_name", "last_name", "people", "time"}
DEV = 100
AT_ONCE = 32
SEED = 0

TINY_RECIPE = {"learning_rate": 3e-3, "method": "full", "max_tokens": 512}


def main() -> None:
    """Measure, tune, measure again, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="folder or hub name of a chat model; default: a tiny one")
    parser.add_argument("--train", type=int, default=2000, help="messages to learn from")
    parser.add_argument("--test", type=int, default=300, help="held-out messages")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--method", choices=["lora", "qlora", "full"])
    arguments = parser.parse_args()
    train, test = messages("train", arguments.train + DEV), messages("test", arguments.test)
    with TemporaryDirectory() as folder:
        base = arguments.model or str(_tiny(Path(folder) / "tiny", train))
        options: dict[str, Any] = {} if arguments.model else dict(TINY_RECIPE)
        options.update({"method": arguments.method} if arguments.method else {})
        recipe = Recipe(epochs=arguments.epochs, **options)
        tuned = tune(train[DEV:], train[:DEV], base, recipe, Path(folder))
        figures = {
            "model": arguments.model or "tiny",
            "train": arguments.train,
            "test": len(test),
            **figures_of(tuned, recipe),
            "before": quality(base, test),
            "after": quality(str(tuned.merged), test),
        }
    print(json.dumps(figures, indent=1))


def messages(split: str, count: int) -> list[Conversation]:
    """Messages of a split, drawn, each once, in the form in which a project would ask; not one of test in train."""
    rows = _rows(split)
    random.Random(SEED).shuffle(rows)
    held_out = {row["messages"][0]["content"] for row in _rows("test")} if split == "train" else set()
    unique = {row["messages"][0]["content"]: row for row in rows if row["messages"][0]["content"] not in held_out}
    instruction = (DATA / "system_prompt.txt").read_text(encoding="utf-8").strip()
    cases = [
        TrainingRow(id=row["id"], question=row["messages"][0]["content"], answer=row["messages"][1]["content"])
        for row in list(unique.values())[:count]
    ]
    return conversations(cases, PromptTemplate(task="extract", instruction=instruction), Mix())


def tune(train: Sequence[Conversation], dev: Sequence[Conversation], base: str, recipe: Recipe, folder: Path) -> Tuned:
    """Fine-tune into ``folder``, with the loss on standard error."""
    state, out = folder / f"state-{recipe.method}", folder / f"out-{recipe.method}"
    return fine_tune(train, dev, base=base, recipe=recipe, state=state, out=out, progress=_report)


def figures_of(tuned: Tuned, recipe: Recipe) -> dict[str, Any]:
    """What the training was and took."""
    return {
        "method": recipe.method,
        "epochs": recipe.epochs,
        "steps": tuned.steps,
        "kept": tuned.kept,
        "left out": len(tuned.left_out),
        "seconds": round(tuned.seconds, 1),
        "tokens a second": round(tuned.tokens / tuned.seconds),
        "dev loss": [round(look.dev_loss, 4) for look in tuned.looks if look.dev_loss is not None],
    }


def quality(model: str, test: Sequence[Conversation]) -> dict[str, float]:
    """Shares of replies, decoded freely: a JSON object of slots, all slots right, and F1 over slots."""
    chat = TransformersChat.load(model, max_output_tokens=64)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        texts = list(pool.map(lambda one: chat.complete(one.messages[:-1]).text, test))
    wanted = [one.messages[-1].content for one in test]
    f1 = [SCORERS["json_match"].agreement(*pair) for pair in zip(texts, wanted, strict=True)]
    return {
        "valid": round(sum(map(_is_slots, texts)) / len(texts), 4),
        "right": round(sum(score == 1.0 for score in f1) / len(f1), 4),
        "slot f1": round(sum(f1) / len(f1), 4),
    }


def _is_slots(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and value.keys() <= SLOTS


def _rows(split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def _tiny(folder: Path, train: Sequence[Conversation]) -> Path:
    from groundtune.testing.tiny import make_tiny_model, teach

    make_tiny_model(folder, [turn.content for one in train for turn in one.messages[1:]])
    teach(folder, [one.messages for one in train[:40]], steps=10)
    return folder


def _report(step: Step) -> None:
    if step.done % 20 == 0:
        dev = "" if step.dev_loss is None else f", dev {step.dev_loss:.3f}"
        loss = "" if step.train_loss is None else f"loss {step.train_loss:.3f}"
        print(f"{step.done}/{step.total} {loss}{dev}, {step.seconds:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
