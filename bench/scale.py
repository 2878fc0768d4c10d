"""The knowledge base at size: how fast, how exact, how large, and how soon a changed document is searchable.

    python bench/scale.py [--data DIR] [--passages 100000] [--work DIR] [--queries 200] [--direct]

The texts are those of aws-docs-qa, repeated with a number in each. The vectors are synthetic: a real one of 1,024
passages plus noise of 0.6 times its length, of length one again; questions and changed documents are embedded for real.
Up to 200,000 passages go through a whole sync of files; more, or with --direct, are written into the store at once. The
index is built in one process and asked in another, which is held to one core, and in a third on all cores.
Prints one JSON object of rows; ``milliseconds`` is the profile.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from synthetic import A_DOCUMENT, Synthetic, base_vectors, questions_of, rows_of, texts_of, write_files

from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.filters import EVERYONE
from groundtune.knowledge.lance.approximate import nearest
from groundtune.knowledge.lance.narrowing import candidates_needed
from groundtune.knowledge.lance.sampling import RECALL, like_questions
from groundtune.project.watching import follow

_STEPS = ("build", "ask", "ask-on-all-cores", "change")
_FROM_FILES = 200_000
_PROFILED = 60
_TARGETS = {"p50_ms": 10, "p99_ms": 30, "recall_at_10": 0.98, "changed_to_searchable_ms": 200}
_TARGETS_LARGE = {"p50_ms": 20, "recall_at_10": 0.97, "rss_mb": 2048}


def build(texts: Sequence[str], work: Path, passages: int, *, direct: bool) -> dict[str, Any]:
    """Fill a knowledge base; seconds of it all and of the upkeep alone, and its size on the disk."""
    synthetic = Synthetic(base_vectors(texts, work))
    knowledge = KnowledgeBase(work / "knowledge", synthetic)
    began = time.perf_counter()
    if not direct:
        write_files(texts, work / "docs", passages)
        knowledge.sync(["docs"], work)
        written = None
    else:
        store = knowledge._store
        store.begin()
        for rows in rows_of(texts, synthetic, passages):
            store.write(rows, [])
        store.publish("bench", passages // A_DOCUMENT)
        written = time.perf_counter() - began
        store.finish(1)
    seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in (work / "knowledge").rglob("*") if path.is_file())
    current = knowledge._store._publications.current
    tuning = None if current is None or current.tuning is None else vars_of(current.tuning)
    return {
        "passages": knowledge.count(),
        "documents": None if current is None else current.documents,
        "build_s": round(seconds, 1),
        "index_s": None if written is None else round(seconds - written, 1),
        "disk_mb": round(size / 2**20),
        "peak_rss_mb": _memory("VmHWM"),
        "tuning": tuning,
    }


def vars_of(record: Any) -> dict[str, Any]:
    """The fields of a record with slots."""
    return {name: getattr(record, name) for name in record.__slots__}


def ask(data: Path, work: Path, queries: int) -> dict[str, Any]:
    """Latency of hybrid search with the query's embedding on one core, its profile, and the recall of the vectors.

    No question is asked twice: what one has found is remembered.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    synthetic = Synthetic(np.asarray(np.load(work / "base.npy"), np.float32))
    knowledge = KnowledgeBase(work / "knowledge", synthetic)
    questions = questions_of(data, queries + 2 * _PROFILED)
    synthetic.embed(questions[-1:])
    began = time.perf_counter()
    knowledge.search(questions[-1])
    opened = time.perf_counter() - began
    p50, p99 = latency(knowledge, warm=questions[queries + _PROFILED :], questions=questions[:queries])
    return {
        "first_answer_s": round(opened, 2),
        "p50_ms": p50,
        "p99_ms": p99,
        "rss_mb": _memory("VmRSS"),
        "milliseconds": profile(knowledge, synthetic, questions[queries : queries + _PROFILED]),
        "recall_at_10": recall(knowledge, synthetic, questions[:100]),
        "candidates_needed": needed(knowledge, synthetic, questions[:100]),
    }


def ask_on_all_cores(data: Path, work: Path, queries: int) -> dict[str, float]:
    """Latency of the same searches where every core may be used."""
    synthetic = Synthetic(np.asarray(np.load(work / "base.npy"), np.float32))
    questions = questions_of(data, queries + _PROFILED)
    knowledge = KnowledgeBase(work / "knowledge", synthetic)
    p50, p99 = latency(knowledge, warm=questions[queries:], questions=questions[:queries])
    return {"p50_ms_on_all_cores": p50, "p99_ms_on_all_cores": p99}


def latency(knowledge: KnowledgeBase, *, warm: Sequence[str], questions: Sequence[str]) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds of a search, the embedding of the question included."""
    for question in warm:
        knowledge.search(question)
    totals = [knowledge.search_timed(question)[1]["total"] for question in questions]
    return round(float(np.percentile(totals, 50)), 2), round(float(np.percentile(totals, 99)), 2)


def profile(knowledge: KnowledgeBase, synthetic: Synthetic, questions: Sequence[str]) -> dict[str, float]:
    """Median milliseconds of each part, one after the other; a search does the first two at once."""
    snapshot = knowledge._store.snapshot()
    assert snapshot is not None
    parts: dict[str, list[float]] = {"embed": [], "lexical": [], "dense": [], "cosines": [], "passages": []}
    for question in questions:
        vector = _timed(parts["embed"], lambda question=question: synthetic.embed([question])[0])
        lexical = _timed(parts["lexical"], lambda question=question: snapshot.lexical(question, 100, EVERYONE))
        dense = _timed(parts["dense"], lambda vector=vector: snapshot.dense(vector, 100, EVERYONE))
        rest = [id_ for id_ in lexical if id_ not in dense]
        _timed(parts["cosines"], lambda rest=rest, vector=vector: snapshot.cosines(rest, vector))
        _timed(parts["passages"], lambda dense=dense: snapshot.passages(list(dense)[:5]))
    return {name: round(float(np.median(values)), 2) for name, values in parts.items()}


def _timed(times: list[float], work: Any) -> Any:
    began = time.perf_counter()
    result = work()
    times.append(1e3 * (time.perf_counter() - began))
    return result


def recall(knowledge: KnowledgeBase, synthetic: Synthetic, questions: Sequence[str]) -> float:
    """Share of the exact ten nearest of real questions that the search finds."""
    snapshot = knowledge._store.snapshot()
    assert snapshot is not None
    found = 0
    for vector in synthetic.embed(questions):
        exact = nearest(snapshot._table, vector, 10, tuning=None)["id"].to_pylist()
        found += len(set(exact) & set(list(snapshot.dense(vector, 100, EVERYONE))[:10]))
    return round(found / (10 * len(questions)), 4)


def needed(knowledge: KnowledgeBase, synthetic: Synthetic, questions: Sequence[str]) -> dict[str, int]:
    """Candidates that hold 0.985 of the nearest: of real questions, and of the samples that a search is tuned with."""
    snapshot = knowledge._store.snapshot()
    assert snapshot is not None
    asked = {"questions": synthetic.embed(questions), "samples": like_questions(snapshot._table, 128)}
    return {
        name: int(np.quantile(candidates_needed(snapshot._table, vectors), RECALL)) for name, vectors in asked.items()
    }


def change(work: Path, rounds: int = 9) -> dict[str, Any]:
    """Milliseconds from a changed file, under `sync --watch`, to a search that finds the change, and to the end of the
    sync with its upkeep; and of a sync without any change by a knowledge base that was just opened."""
    synthetic = Synthetic(np.asarray(np.load(work / "base.npy"), np.float32))
    knowledge = KnowledgeBase(work / "knowledge", synthetic)
    knowledge.search("warm")
    knowledge.sync(["docs"], work)
    unchanged: list[float] = []
    for _ in range(3):
        _timed(unchanged, lambda: KnowledgeBase(work / "knowledge", synthetic).sync(["docs"], work))
    found, whole = [], []
    reports = follow(["docs"], work, lambda changed: knowledge.sync(["docs"], work, changed=changed), lambda _: None)
    next(reports)
    with closing(_Reader(work)) as reader:
        for number in range(rounds):
            word = f"heron{time.time_ns()}"  # another one in each run: a file that is what it was starts no sync
            reader.look_for(word)
            text = f"# Heron\n\nThe codeword of round {number} is {word}.\n"
            began = time.perf_counter()
            (work / "docs" / f"{number}.md").write_text(text, encoding="utf-8")
            next(reports)
            whole.append(1e3 * (time.perf_counter() - began))
            found.append(1e3 * (reader.found_at() - began))
    return {
        "changed_to_searchable_ms": round(float(np.median(found)), 1),
        "changed_to_upkeep_done_ms": round(float(np.median(whole)), 1),
        "unchanged_sync_ms": round(float(np.median(unchanged)), 1),
    }


class _Reader:
    """Another process, which searches for a word every ten milliseconds until it is found."""

    def __init__(self, work: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._words, theirs = context.Pipe()
        self._process = context.Process(target=_read, args=(work, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def look_for(self, word: str) -> None:
        """Return once it searches for this word."""
        self._words.send(word)
        self._words.recv()

    def found_at(self) -> float:
        """When the last word was found, by the performance counter, which all processes share; NaN: never."""
        return float(self._words.recv())

    def close(self) -> None:
        """End the process."""
        self._words.close()
        self._process.join()


def _read(work: Path, words: Connection) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    synthetic = Synthetic(np.asarray(np.load(work / "base.npy"), np.float32))
    knowledge = KnowledgeBase(work / "knowledge", synthetic)
    while True:
        try:
            word = words.recv()
        except EOFError:
            return
        knowledge.search(word, 3, "lexical")
        words.send(word)
        words.send(_found_at(knowledge, word))


def _found_at(knowledge: KnowledgeBase, word: str) -> float:
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        if any(word in hit.passage.text for hit in knowledge.search(word, 3, "lexical")):
            return time.perf_counter()
        time.sleep(0.01)
    return float("nan")


def _memory(name: str) -> int:
    with Path("/proc/self/status").open(encoding="ascii") as lines:
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(name))


def _step(arguments: argparse.Namespace, work: Path) -> dict[str, Any]:
    if arguments.step == "build":
        return build(texts_of(arguments.data), work, arguments.passages, direct=_direct(arguments))
    if arguments.step == "change":
        return change(work)
    asking = ask if arguments.step == "ask" else ask_on_all_cores
    return asking(arguments.data, work, arguments.queries)


def _direct(arguments: argparse.Namespace) -> bool:
    return bool(arguments.direct or arguments.passages > _FROM_FILES)


def main() -> None:
    """Run the steps, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")))
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--work", type=Path, help="kept where it is named")
    parser.add_argument("--direct", action="store_true", help="write into the store, without files")
    parser.add_argument("--step", choices=_STEPS)
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(_step(arguments, arguments.work)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        found: dict[str, Any] = {}
        for step in _STEPS:
            if step == "change" and _direct(arguments):
                continue
            command = [sys.executable, __file__, "--step", step, "--data", str(arguments.data), "--work", str(work)]
            command += ["--passages", str(arguments.passages), "--queries", str(arguments.queries)]
            command += ["--direct"] if arguments.direct else []
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found |= json.loads(done.stdout.splitlines()[-1])
            print(f"{step}: {done.stdout.splitlines()[-1]}", file=sys.stderr)
        print(json.dumps({"bench": "scale", "rows": list(rows(found, large=_direct(arguments)))}, indent=1))


def rows(found: dict[str, Any], *, large: bool, within: str = "") -> Iterator[dict[str, Any]]:
    """Every figure, with its target where it has one: those of some 100,000 passages, or of a million."""
    for key, value in found.items():
        if isinstance(value, dict):
            yield from rows(value, large=large, within=f"{within}{key}: ".replace("_", " "))
        else:
            target = (_TARGETS_LARGE if large else _TARGETS).get(key) if not within else None
            yield {"name": f"{within}{key}".replace("_", " "), "value": value, "target": target}


if __name__ == "__main__":
    main()
