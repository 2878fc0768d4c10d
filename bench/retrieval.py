"""Retrieval quality against published and prototype figures, and its latency at 10,000 passages.

    python bench/retrieval.py [--data DIR] [--work DIR] [--only scifact|aws|latency]

Prints one JSON object: rows of name, value, target. Metrics are computed by ir-measures. ``--work`` keeps the indexes,
so that a second run embeds nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import ir_measures
from ir_measures import R, nDCG

from groundtune.knowledge import KnowledgeBase, Mode
from groundtune.knowledge.fusion import DEFAULT_ALPHA
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.records import Document

DEPTH = 100
AWS: tuple[tuple[str, Mode, float | None], ...] = (
    ("dense", "dense", None),
    ("BM25", "lexical", None),
    ("hybrid", "hybrid", DEFAULT_ALPHA),
    ("RRF", "hybrid", None),
)
Row = dict[str, Any]
Qrels = Mapping[str, Mapping[str, int]]


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")))
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--only", choices=["scifact", "aws", "latency"], default=None)
    arguments = parser.parse_args()
    parts = {"scifact": scifact, "aws": aws, "latency": latency}
    chosen = [arguments.only] if arguments.only else list(parts)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        embedding = EmbeddedEmbedding.load()
        rows = [row for name in chosen for row in parts[name](arguments.data.resolve(), work, embedding)]
    print(json.dumps({"bench": "retrieval", "rows": rows}, indent=1))


def scifact(data: Path, work: Path, embedding: EmbeddedEmbedding) -> Iterator[Row]:
    """nDCG@10 over documents, each ranked by its best passage; the mix is learned on the training queries only."""
    folder = data / "scifact"
    knowledge = synced(KnowledgeBase(work / "scifact", embedding), ["documents.jsonl"], folder)
    knowledge.alpha = None
    questions, qrels = labelled(folder, "dev")
    modes: list[tuple[str, Mode, float]] = [
        ("dense", "dense", 0.64),
        ("BM25", "lexical", 0.65),
        ("RRF", "hybrid", 0.685),
    ]
    for name, mode, target in modes:
        yield row(f"scifact dev nDCG@10, {name}", ranked(knowledge, questions, mode), qrels, nDCG @ 10, target)
    train, train_qrels = labelled(folder, "train")
    alpha = knowledge.learn_alpha([(train[id_], set(relevant)) for id_, relevant in train_qrels.items()])
    name = f"scifact dev nDCG@10, convex combination (alpha {alpha}, learned on train)"
    yield row(name, ranked(knowledge, questions, "hybrid"), qrels, nDCG @ 10, 0.71)


def aws(data: Path, work: Path, embedding: EmbeddedEmbedding) -> Iterator[Row]:
    """Recall of the gold page: among the first five pages, and among the pages of the first five passages.

    Hybrid is the default mix, whose weight comes from another data set; its target is to beat both of its parts.
    """
    folder = data / "aws-docs-qa"
    knowledge = synced(KnowledgeBase(work / "aws", embedding), ["documents.jsonl.gz"], folder)
    rows = list(jsonl(folder / "queries.jsonl"))
    questions = {query["id"]: query["question"] for query in rows}
    qrels = {query["id"]: {evidence["doc"]: 1 for evidence in query["evidence"]} for query in rows}
    for unit, depth in (("pages", DEPTH), ("passages", 5)):
        best = 0.0
        for name, mode, alpha in AWS:
            knowledge.alpha = alpha
            found = ranked(knowledge, questions, mode, depth)
            value = ir_measures.calc_aggregate([R @ 5], qrels, found)[R @ 5]
            target = best if name == "hybrid" else None
            best = max(best, value)
            yield {
                "name": f"aws-docs-qa recall@5 of the gold page over {unit}, {name}",
                "value": value,
                "target": target,
            }


def latency(data: Path, work: Path, embedding: EmbeddedEmbedding) -> Iterator[Row]:
    """Hybrid search with the embedding of the question, k = 5, one caller; the first 10,000 passages of scifact."""
    folder = data / "scifact"
    knowledge = KnowledgeBase(work / "latency", embedding)
    report = knowledge.sync_documents(first_passages(folder, embedding, 10_000), progress=shown)
    questions = list(labelled(folder, "dev")[0].values())
    for question in questions[:10]:
        knowledge.search(question)
    timed = [knowledge.search_timed(question)[1] for question in questions]
    for part in ("embed", "search", "total"):
        taken = sorted(times[part] for times in timed)
        name = f"search at {report.passages} passages, {part}"
        target = 8.0 if part == "total" else None
        yield {"name": f"{name}, p50 ms", "value": median(taken), "target": target, "lower_is_better": True}
        yield {"name": f"{name}, p95 ms", "value": taken[int(len(taken) * 0.95)], "target": None}


def first_passages(folder: Path, embedding: EmbeddedEmbedding, wanted: int) -> Iterator[Document]:
    """Documents until they make the wanted number of passages."""
    from groundtune.knowledge.passages import Splitter

    splitter, made = Splitter(embedding.tokens), 0
    for row_ in jsonl(folder / "documents.jsonl"):
        if made >= wanted:
            return
        made += len(splitter.split(row_["text"], row_["title"]))
        yield Document(id=row_["id"], title=row_["title"], text=row_["text"], source="documents.jsonl")


def synced(knowledge: KnowledgeBase, sources: Sequence[str], folder: Path) -> KnowledgeBase:
    """Bring the index up to date."""
    report = knowledge.sync(sources, folder, progress=shown)
    print(f"\n{folder.name}: {report.passages} passages, {report.seconds:.0f} s", file=sys.stderr)
    return knowledge


def shown(done: int, total: int | None, unit: str) -> None:
    """Progress on one line."""
    print(f"\r{done} of {total or '?'} {unit}", end="", file=sys.stderr, flush=True)


def labelled(folder: Path, split: str) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Questions with relevance judgements, and the judgements."""
    questions = {query["id"]: query["question"] for query in jsonl(folder / f"queries_{split}.jsonl")}
    qrels: dict[str, dict[str, int]] = {}
    with (folder / f"qrels_{split}.tsv").open(encoding="utf-8") as file:
        for judged in csv.DictReader(file, delimiter="\t"):
            if int(judged["score"]) > 0:
                qrels.setdefault(judged["query-id"], {})[judged["corpus-id"]] = int(judged["score"])
    return {id_: questions[id_] for id_ in qrels}, qrels


def ranked(
    knowledge: KnowledgeBase, questions: Mapping[str, str], mode: Mode, depth: int = DEPTH
) -> dict[str, dict[str, float]]:
    """A run: for each question its documents, scored by the rank of their best passage."""
    run: dict[str, dict[str, float]] = {}
    for id_, question in questions.items():
        scores: dict[str, float] = {}
        for hit in knowledge.search(question, depth, mode):
            scores.setdefault(hit.passage.document, 1.0 / hit.rank)
        run[id_] = scores
    return run


def row(name: str, run: Mapping[str, Mapping[str, float]], qrels: Qrels, measure: Any, target: float) -> Row:
    """One measured figure beside its target."""
    return {"name": name, "value": ir_measures.calc_aggregate([measure], qrels, run)[measure], "target": target}


def jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a file."""
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file)


if __name__ == "__main__":
    main()
