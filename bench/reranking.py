"""The untuned embedded reranker on real questions: how much of its score the ranking bears.

    python bench/reranking.py [--data DIR] [--work DIR]

Prints one JSON object. Candidates are the 20 best of the default hybrid search; nDCG@10 over documents, on every third
dev query of SciFact and on all of aws-docs-qa. ``--work`` keeps the indexes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import ir_measures
from ir_measures import nDCG
from retrieval import Qrels, jsonl, labelled, synced

from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.passages import embedded_text
from groundtune.knowledge.reranking import mixed
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.rerank import ReaderReranker
from groundtune.models.embedded.weights import base_weights

SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
CANDIDATES = 20


def main() -> None:
    """Measure both data sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")))
    parser.add_argument("--work", type=Path, default=None)
    arguments = parser.parse_args()
    data, base = arguments.data.resolve(), base_weights()
    embedding, reranker = EmbeddedEmbedding.of(base), ReaderReranker.load(base)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        scifact = synced(KnowledgeBase(work / "scifact", embedding), ["documents.jsonl"], data / "scifact")
        questions, qrels = labelled(data / "scifact", "dev")
        figures = {"scifact dev": by_share(scifact, dict(list(questions.items())[::3]), qrels, reranker)}
        aws = synced(KnowledgeBase(work / "aws", embedding), ["documents.jsonl.gz"], data / "aws-docs-qa")
        rows = list(jsonl(data / "aws-docs-qa" / "queries.jsonl"))
        asked = {row["id"]: row["question"] for row in rows}
        relevant = {row["id"]: {evidence["doc"]: 1 for evidence in row["evidence"]} for row in rows}
        figures["aws-docs-qa"] = by_share(aws, asked, relevant, reranker)
    print(json.dumps({"bench": "reranking", "nDCG@10 by share of the reader": figures}, indent=1))


def by_share(
    knowledge: KnowledgeBase, questions: Mapping[str, str], qrels: Qrels, reranker: ReaderReranker
) -> dict[str, float]:
    """Share of the reranker's score -> nDCG@10."""
    runs: dict[float, dict[str, dict[str, float]]] = {share: {} for share in SHARES}
    for id_, question in questions.items():
        hits = knowledge.search(question, CANDIDATES)
        found = reranker.score(question, [embedded_text(hit.passage) for hit in hits])
        for share in SHARES:
            scores: dict[str, float] = {}
            for hit, score in zip(hits, mixed(found, [hit.score for hit in hits], share), strict=True):
                scores[hit.passage.document] = max(score, scores.get(hit.passage.document, 0.0))
            runs[share][id_] = scores
    asked = {id_: qrels[id_] for id_ in questions}
    return {str(share): ir_measures.calc_aggregate([nDCG @ 10], asked, run)[nDCG @ 10] for share, run in runs.items()}


if __name__ == "__main__":
    main()
