"""Documents per second of a sync, beside two pipelines from the guides of their libraries on the same pages, in turns.

    python bench/sync.py [--html DIR] [--pages 250] [--rounds 1] [--rivals-python PYTHON] [--data DIR]

The pages are HTML: those of ``--html`` (Debian's python3.11-doc has 530), else those of aws-docs-qa rendered to HTML.
The rivals are LangChain's tutorial and LlamaIndex's starter, see bench/pipelines/, with the same model. Imports and
loading of the model are outside of all times. Each run is a process of its own. Prints one JSON object with the median
of the rounds, and the profile of a sync: the share of its time in the encoder, the operations per second there, and
what this machine reached right after with the encoder's largest products alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

DEBIAN = Path("/usr/share/doc/python3.11/html")
PIPELINES = Path(__file__).parent / "pipelines"
TARGETS = {"langchain_tutorial": 6.0, "llama_index_default": 4.0}
NAMES = {
    "langchain_tutorial": "the LangChain tutorial pipeline",
    "llama_index_default": "LlamaIndex's default pipeline",
}

Results = dict[str, list[dict[str, Any]]]


def main() -> None:
    """Measure in turns and print the medians."""
    arguments = parsed()
    results: Results = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        pages = work / "pages"
        count = lay_out(arguments, pages)
        print(f"{count} pages", file=sys.stderr)
        for turn in range(arguments.rounds):
            own = work / f"own-{turn}"
            results["first"].append(run(sys.executable, "groundtune_sync", pages, own))
            results["ceiling"].append(run(sys.executable, "matmul_ceiling", pages, own))
            # Files that are seconds old are hashed: wait until a look at their time is enough, as in real use.
            time.sleep(2.5)
            run(sys.executable, "groundtune_sync", pages, own)
            results["again"].append(run(sys.executable, "groundtune_sync", pages, own))
            for rival in TARGETS if arguments.rivals_python else ():
                results[rival].append(run(arguments.rivals_python, rival, pages, work / f"{rival}-{turn}"))
    print(json.dumps({"bench": "sync", "rows": list(rows(results))}, indent=1))


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")))
    parser.add_argument("--html", type=Path, default=DEBIAN if DEBIAN.is_dir() else None)
    parser.add_argument("--pages", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rivals-python", default=None, help="a Python with the packages of the bench group")
    return parser.parse_args()


def lay_out(arguments: argparse.Namespace, folder: Path) -> int:
    """Copy the pages, spread evenly over the collection, into one folder."""
    folder.mkdir(parents=True)
    if arguments.html is None:
        return render(arguments.data / "aws-docs-qa" / "documents.jsonl.gz", folder, arguments.pages)
    found = sorted(arguments.html.rglob("*.html"))
    wanted = min(arguments.pages, len(found))
    for number in range(wanted):
        path = found[number * len(found) // wanted]
        shutil.copy(path, folder / f"{number:04}-{path.name}")
    return wanted


def render(path: Path, folder: Path, wanted: int) -> int:
    """Markdown pages as HTML pages."""
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark").enable("table")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        documents = [json.loads(line) for line in file]
    chosen = documents[:: max(1, len(documents) // wanted)][:wanted]
    for number, document in enumerate(chosen):
        body = renderer.render(document["text"])
        page = f"<html><head><title>{document['title']}</title></head><body>{body}</body></html>"
        (folder / f"{number:04}.html").write_text(page, encoding="utf-8")
    return len(chosen)


def run(python: str, pipeline: str, pages: Path, store: Path) -> dict[str, Any]:
    """One process; its last line is its result."""
    from groundtune.models.embedded.weights import base_weights

    weights = str(base_weights(None).folder)
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "ANONYMIZED_TELEMETRY": "False",
        "TOKENIZERS_PARALLELISM": "true",
    }
    command = [python, str(PIPELINES / f"{pipeline}.py"), str(pages), str(store), weights]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{pipeline} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{pipeline} {result}", file=sys.stderr)
    return result


def rows(results: Results) -> Iterator[dict[str, Any]]:
    """Figures beside their targets."""

    def middle(name: str, figure: str, per: str | None = None) -> float:
        return median(result[figure] / (result[per] if per else 1) for result in results[name])

    speed = middle("first", "documents", "seconds")
    yield {"name": "sync, documents", "value": int(middle("first", "documents")), "target": None}
    yield {"name": "sync, documents per second", "value": speed, "target": None}
    yield {"name": "sync, passages", "value": int(middle("first", "passages")), "target": None}
    yield {"name": "sync, peak MB", "value": middle("first", "peak_mb"), "target": 700, "lower_is_better": True}
    share = middle("again", "seconds") / middle("first", "seconds")
    yield {"name": "repeated sync, share of the first", "value": share, "target": 0.005, "lower_is_better": True}
    for rival in (rival for rival in TARGETS if rival in results):
        other, name = middle(rival, "documents", "seconds"), NAMES[rival]
        yield {"name": f"{name}, documents per second", "value": other, "target": None}
        yield {"name": f"{name}, passages", "value": int(middle(rival, "passages")), "target": None}
        yield {"name": f"{name}, peak MB", "value": middle(rival, "peak_mb"), "target": None}
        yield {"name": f"sync against {name}, times", "value": speed / other, "target": TARGETS[rival]}
    yield from profile(middle("first", "embedding_seconds", "seconds"), results)


def profile(share: float, results: Results) -> Iterator[dict[str, Any]]:
    """Where the time of the first sync goes, and how near the encoder is to what the machine can do."""
    first = results["first"]
    tokens = median(result["tokens"] / result["embedding_seconds"] for result in first)
    reached = median(result["operations"] / result["embedding_seconds"] for result in first) / 1e9
    ceiling = median(result["operations_per_second"] for result in results["ceiling"]) / 1e9
    yield {"name": "profile: share of the time in the encoder", "value": share, "target": None}
    yield {
        "name": "profile: tokens embedded per document",
        "value": first[0]["tokens"] / first[0]["documents"],
        "target": None,
    }
    yield {"name": "profile: tokens per second in the encoder", "value": tokens, "target": None}
    yield {"name": "profile: GFLOP/s in the encoder, padding not counted", "value": reached, "target": None}
    yield {
        "name": "profile: GFLOP/s of its largest products alone, the same precision",
        "value": ceiling,
        "target": None,
    }
    yield {
        "name": "profile: documents per second if the encoder ran at that rate and all else cost nothing",
        "value": ceiling * 1e9 * first[0]["documents"] / first[0]["operations"],
        "target": None,
    }


if __name__ == "__main__":
    main()
