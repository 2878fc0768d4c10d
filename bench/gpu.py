"""On an NVIDIA GPU: fine-tune a model, merge it, serve it, and measure tokens a second of each.

Usage: python bench/gpu.py [--model FOLDER-OR-HUB-NAME] [--methods lora qlora full] [--train 2000]
Prints one JSON object. Without a GPU it says so and ends with status 0.

Without --model the weights are random, of the shape of a model of a billion parameters: nothing is downloaded, speed
and memory are those of trained weights, and the quality is not measured. The data are restaurant8k-json below
GROUNDTUNE_DATA (default ../shared/data), or, where they are not, the 500 messages of tests/data. Servers: transformers
serve, and vllm where it is installed.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from restaurant import DATA, DEV, figures_of, messages, quality, tune

from groundtune.errors import MissingExtra
from groundtune.records import Message
from groundtune.systems.prompt import PromptTemplate
from groundtune.training.generator import Conversation, Mix, Recipe, conversations
from groundtune.training.rows import TrainingRow

SAMPLE = Path(__file__).parents[1] / "tests" / "data" / "restaurant8k.jsonl"
SERVED_TOKENS = 128
STREAMS = (1, 16, 64)
START_SECONDS = 300.0
TEST = 200
RANDOM = "random-weights"


def main() -> int:
    """Run everything that this machine can, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="folder or hub name of a chat model; default: random weights")
    parser.add_argument("--methods", nargs="+", default=["lora", "qlora"], choices=["lora", "qlora", "full"])
    parser.add_argument("--train", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print(json.dumps({"gpu": None, "note": "torch finds no NVIDIA GPU on this machine: nothing was measured"}))
        return 0
    train, test = _data(arguments.train + DEV)
    figures: dict[str, Any] = {"gpu": torch.cuda.get_device_name(0), "model": arguments.model or "random, 1 billion"}
    with TemporaryDirectory() as folder:
        base = arguments.model or str(_random_model(Path(folder) / RANDOM, train))
        for method in arguments.methods:
            recipe = Recipe(method=method, epochs=arguments.epochs)
            figures[method] = _tuned(Path(folder), base, recipe, train, test)
    print(json.dumps(figures, indent=1))
    return 0


def _tuned(
    folder: Path, base: str, recipe: Recipe, train: Sequence[Conversation], test: Sequence[Conversation]
) -> dict[str, Any]:
    import torch

    torch.cuda.reset_peak_memory_stats()
    try:
        tuned = tune(train[DEV:], train[:DEV], base, recipe, folder)
    except MissingExtra as error:
        return {"skipped": str(error)}
    figures = {**figures_of(tuned, recipe), "peak GB": round(torch.cuda.max_memory_allocated() / 1e9, 1)}
    if Path(base).name != RANDOM:
        figures["quality"] = {"before": quality(base, test), "after": quality(str(tuned.merged), test)}
    gc.collect()
    torch.cuda.empty_cache()  # the server shares the GPU
    figures["served"] = {name: _served(name, tuned.merged, folder, test) for name in _servers()}
    return figures


def _servers() -> list[str]:
    return ["transformers", *(["vllm"] if importlib.util.find_spec("vllm") else [])]


def _served(server: str, model: Path, folder: Path, test: Sequence[Conversation]) -> dict[str, Any]:
    """Output tokens a second at several numbers of questions at the same time, after a first one to warm up."""
    try:
        with _serving(server, model, folder) as url:
            _written(url, model, test[0].messages[:-1])
            return {f"{n} at once": _speed(url, model, test, n) for n in STREAMS}
    except (OSError, RuntimeError) as error:
        return {"failed": str(error)[-500:]}


def _speed(url: str, model: Path, test: Sequence[Conversation], at_once: int) -> dict[str, float]:
    asked = [test[i % len(test)].messages[:-1] for i in range(2 * at_once)]
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        written = list(pool.map(lambda turns: _written(url, model, turns), asked))
    seconds = time.perf_counter() - began
    return {
        "tokens a second": round(sum(written) / seconds, 1),
        "tokens": sum(written),
        "seconds": round(seconds, 2),
    }


def _written(url: str, model: Path, turns: Sequence[Message]) -> int:
    """Output tokens of one reply, as the server counts them."""
    body = {
        "model": str(model),
        "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
        "max_tokens": SERVED_TOKENS,
        "temperature": 0,
    }
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=600) as reply:
        return int(json.load(reply)["usage"]["completion_tokens"])


@contextmanager
def _serving(server: str, model: Path, folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    commands = {
        "transformers": ["transformers.cli.transformers", "serve", "--dtype", "bfloat16"],
        "vllm": ["vllm.entrypoints.openai.api_server", "--model", str(model), "--max-model-len", "2048"],
    }
    (folder / "hub").mkdir(exist_ok=True)
    surroundings = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(folder / "hub")}
    log = folder / f"{server}.log"
    command = [sys.executable, "-m", *commands[server], "--host", "127.0.0.1", "--port", port]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=surroundings) as process:
        try:
            _wait(process, f"http://127.0.0.1:{port}/health", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def _data(count: int) -> tuple[list[Conversation], list[Conversation]]:
    if DATA.is_dir():
        return messages("train", count), messages("test", TEST)
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    template = PromptTemplate(task="extract", instruction="Give the booking slots as JSON.")

    def told(splits: tuple[str, ...]) -> list[Conversation]:
        chosen = [row for row in rows if row["split"] in splits]
        cases = [TrainingRow(id=row["id"], question=row["message"], answer=row["slots"]) for row in chosen]
        return conversations(cases, template, Mix())

    return told(("dev", "train"))[:count], told(("test",))


def _random_model(folder: Path, train: Sequence[Conversation]) -> Path:
    """The layers of Llama 3.2 1B with random weights, and a small vocabulary that is made of the training texts."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from groundtune.testing.tiny import make_tiny_model

    make_tiny_model(folder, [turn.content for one in train for turn in one.messages])
    config = AutoConfig.from_pretrained(folder)
    shape = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32}
    config.update({**shape, "num_key_value_heads": 8, "head_dim": 64, "max_position_embeddings": 4096})
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
