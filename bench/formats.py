"""Whether files that are hard to read end as they should, and how fast each format is read.

    python bench/formats.py [--data DIR] [--seconds 3]

``DIR/awkward-docs`` holds files with a manifest of what should become of each: all of them are synced, and what was
indexed is compared. The collection's sample in tests/data is used where the folder is missing. Then the files of each
format are converted over and over in one worker process for a few seconds. The table goes to the terminal, one JSON
object to the output.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from groundtune.knowledge import KnowledgeBase
from groundtune.records import Document
from groundtune.sources import Conversion, SourceFile, discover
from groundtune.testing.awkward import Outcome, outcomes_of
from groundtune.testing.embedding import HashedWords

SAMPLE = Path(__file__).parent.parent / "tests" / "data" / "awkward"


def main() -> None:
    """Compare, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")))
    parser.add_argument("--seconds", type=float, default=3, help="how long each format is read")
    options = parser.parse_args()
    collection = options.data / "awkward-docs"
    collection = collection if collection.is_dir() else SAMPLE
    with tempfile.TemporaryDirectory() as folder:
        outcomes = list(outcomes_of(collection, KnowledgeBase(Path(folder), HashedWords())))
        opened = list(outcomes_of(collection, KnowledgeBase(Path(folder), HashedWords()), with_passwords=True))
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.right, outcome.file)):
        mark = "right" if outcome.right else "WRONG"
        told = " ".join([*outcome.missing, outcome.reason])
        print(f"{mark}  {outcome.file:46} {outcome.wanted:10} {outcome.given:10} {told}", file=sys.stderr)
    print(json.dumps({"bench": "formats", "rows": list(rows(outcomes, opened, collection, options.seconds))}, indent=1))


def rows(
    outcomes: Sequence[Outcome], opened: Sequence[Outcome], collection: Path, seconds: float
) -> Iterator[dict[str, Any]]:
    """The figures."""
    count = len(outcomes)
    yield {"name": "files", "value": count, "target": None}
    yield {"name": "files that end as their manifest says", "value": sum(o.right for o in outcomes), "target": count}
    yield {"name": "the same, passwords given", "value": sum(o.right for o in opened), "target": count}
    yield {
        "name": "files indexed as empty or lost without a word",
        "value": sum(o.silent for o in outcomes),
        "target": 0,
    }
    yield {"name": "files with a string that was not found", "value": sum(bool(o.missing) for o in opened), "target": 0}
    for form, speed, size in speeds(collection, seconds):
        yield {"name": f"{form}: documents per second ({size:.0f} kB each)", "value": speed, "target": None}


def speeds(collection: Path, seconds: float) -> Iterator[tuple[str, float, float]]:
    """Format, documents per second in one worker, and the mean size of its files that can be read."""
    found = discover(["files"], collection, collection / ".none", refresh=False).files
    by_format: dict[str, list[SourceFile]] = defaultdict(list)
    with Conversion() as conversion:
        for file in found:
            if any(isinstance(result, Document) for result in conversion.start(file)()):
                by_format[file.format].append(file)
        for form, files in sorted(by_format.items()):
            done, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds:
                done += sum(1 for file in files for _ in conversion.start(file)())
            size = sum(file.path.stat().st_size for file in files) / len(files) / 1000
            yield form, done / (time.perf_counter() - began), size


if __name__ == "__main__":
    main()
