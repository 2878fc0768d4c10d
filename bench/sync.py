"""Documents per second of a sync, beside the tutorial pipeline on the same pages, in turns.

    python bench/sync.py [--html DIR] [--pages 100] [--rounds 2] [--tutorial-python PYTHON] [--data DIR]

The pages are HTML: those of ``--html`` (Debian's python3.11-doc has 500), else those of aws-docs-qa rendered to HTML.
The tutorial pipeline is LangChain as its guide shows it: BSHTMLLoader, RecursiveCharacterTextSplitter 512/64, the same
model through HuggingFaceEmbeddings, Chroma. Imports and loading of the model are outside of both times. Each run is a
process of its own. Prints one JSON object with the median of the rounds.
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
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

DEBIAN = Path("/usr/share/doc/python3.11/html")
TUTORIAL = """
import glob, json, resource, sys, time
from pathlib import Path
from langchain_community.document_loaders import BSHTMLLoader
from langchain_text_splitters import RecursiveCharacterTextSplitter
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_chroma import Chroma
pages, store, weights = sys.argv[1:]
model = HuggingFaceEmbeddings(model_name=weights)
began = time.perf_counter()
files = sorted(glob.glob(pages + "/*.html"))
parser = {"open_encoding": "utf-8", "bs_kwargs": {"features": "html.parser"}}
loaded = [document for file in files for document in BSHTMLLoader(file, **parser).load()]
pieces = RecursiveCharacterTextSplitter(chunk_size=512, chunk_overlap=64).split_documents(loaded)
database = Chroma(persist_directory=store, embedding_function=model)
for first in range(0, len(pieces), 5000):
    database.add_documents(pieces[first : first + 5000])
print(json.dumps({"documents": len(files), "passages": len(pieces), "seconds": time.perf_counter() - began,
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""
OURS = """
import json, resource, sys, time
from pathlib import Path
import html_to_markdown, lancedb
from groundtune.knowledge import KnowledgeBase
from groundtune.models.embedded.embed import EmbeddedEmbedding
pages, store, _ = sys.argv[1:]
embedding = EmbeddedEmbedding.load()
embedding.embed(["warm"])
began = time.perf_counter()
report = KnowledgeBase(Path(store), embedding).sync(["."], Path(pages))
print(json.dumps({"documents": report.added + report.unchanged, "passages": report.passages,
                  "seconds": time.perf_counter() - began,
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def main() -> None:
    """Measure in turns and print the medians."""
    arguments = parsed()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        pages = work / "pages"
        count = lay_out(arguments, pages)
        print(f"{count} pages", file=sys.stderr)
        ours, again, tutorial = [], [], []
        for turn in range(arguments.rounds):
            ours.append(run(sys.executable, OURS, pages, work / f"ours-{turn}"))
            # Files that are seconds old are hashed: wait until a look at their time is enough, as in real use.
            time.sleep(2.5)
            run(sys.executable, OURS, pages, work / f"ours-{turn}")
            again.append(run(sys.executable, OURS, pages, work / f"ours-{turn}"))
            if arguments.tutorial_python:
                tutorial.append(run(arguments.tutorial_python, TUTORIAL, pages, work / f"tutorial-{turn}"))
    print(json.dumps({"bench": "sync", "rows": list(rows(ours, again, tutorial))}, indent=1))


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")))
    parser.add_argument("--html", type=Path, default=DEBIAN if DEBIAN.is_dir() else None)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tutorial-python", default=None, help="a Python with the packages of the bench group")
    return parser.parse_args()


def lay_out(arguments: argparse.Namespace, folder: Path) -> int:
    """Copy the pages, spread evenly over the collection, into one folder."""
    folder.mkdir(parents=True)
    if arguments.html is None:
        return render(arguments.data / "aws-docs-qa" / "documents.jsonl.gz", folder, arguments.pages)
    found = sorted(arguments.html.rglob("*.html"))
    step = max(1, len(found) // arguments.pages)
    chosen = found[::step][: arguments.pages]
    for number, path in enumerate(chosen):
        shutil.copy(path, folder / f"{number:04}-{path.name}")
    return len(chosen)


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


def run(python: str, program: str, pages: Path, store: Path) -> dict[str, Any]:
    """One process; its last line is its result."""
    from groundtune.models.embedded.weights import base_weights

    weights = str(base_weights(None).folder)
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "ANONYMIZED_TELEMETRY": "False",
        "TOKENIZERS_PARALLELISM": "true",
    }
    command = [python, "-c", program, str(pages), str(store), weights]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{python} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{Path(python).parent.parent.name} {result}", file=sys.stderr)
    return result


def rows(
    ours: list[dict[str, Any]], again: list[dict[str, Any]], tutorial: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Figures beside their targets."""

    def middle(results: list[dict[str, Any]], name: str) -> float:
        return median(result[name] for result in results)

    speed = median(result["documents"] / result["seconds"] for result in ours)
    yield {"name": "sync, documents per second", "value": speed, "target": None}
    yield {"name": "sync, passages", "value": middle(ours, "passages"), "target": None}
    yield {"name": "sync, peak MB", "value": middle(ours, "peak_mb"), "target": 700, "lower_is_better": True}
    share = middle(again, "seconds") / middle(ours, "seconds")
    yield {"name": "repeated sync, share of the first", "value": share, "target": 0.01, "lower_is_better": True}
    if tutorial:
        other = median(result["documents"] / result["seconds"] for result in tutorial)
        yield {"name": "tutorial pipeline, documents per second", "value": other, "target": None}
        yield {"name": "tutorial pipeline, peak MB", "value": middle(tutorial, "peak_mb"), "target": None}
        yield {"name": "sync against the tutorial pipeline, times", "value": speed / other, "target": 5.0}


if __name__ == "__main__":
    main()
