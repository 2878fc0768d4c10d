"""Does a system know that it does not know? Retrieval with the embedded reader, its own confidence and the fitted one.

Usage: python bench/abstention.py [--every N]; needs squad2-dev below GROUNDTUNE_DATA (default ../shared/data).
Prints one JSON object. squad2: questions on articles that the shipped reader has not seen, over all paragraphs; half
have no answer, and are written to look as if they had. product-docs: the sample's training questions over its pages,
once with the page of the answer and once without it. The fitted confidence is out of fold, with articles and pages
never torn. About five minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from groundtune.experiment.risk_coverage import risk_coverage
from groundtune.experiment.scorers import is_right, primary_scorer, score_answer
from groundtune.experiment.sufficient import confidence_auroc, fit_sufficiency, with_confidence
from groundtune.knowledge import KnowledgeBase
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.model import EmbeddedModel
from groundtune.records import Answer, Document, Hit, Query
from groundtune.systems import PromptTemplate, System
from groundtune.training.calibrate import auroc
from groundtune.training.examples import read_examples

DATA = Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")) / "squad2-dev"
SAMPLE = Path(__file__).parents[1] / "src" / "groundtune" / "samples" / "product-docs"
PASSAGES = 5
ALSO_UNSEEN = "Huguenot"
"""An article of the dev split that the shipped reader was not trained on."""

SCORER = primary_scorer("auto", "answer")


@dataclass(frozen=True, slots=True)
class Without:
    """Searches all documents but one."""

    knowledge: KnowledgeBase
    left_out: str | None

    def retrieve(self, query: Query) -> list[Hit]:
        """The best passages of the other documents."""
        kept = [id_ for id_ in self.knowledge.documents() if id_ != self.left_out]
        return self.knowledge.search(query.question, PASSAGES, documents=kept if self.left_out else None)


def main() -> None:
    """Measure both sets and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=4, help="squad2: take every Nth question")
    every = parser.parse_args().every
    embedding = EmbeddedEmbedding.load()
    model = EmbeddedModel.load(embedding=embedding)
    with TemporaryDirectory() as folder:
        squad = figures(*squad2(KnowledgeBase(Path(folder) / "squad", embedding), model, every))
        docs = figures(*product_docs(KnowledgeBase(Path(folder) / "docs", embedding), model))
    print(json.dumps({"squad2, unseen articles": squad, "product-docs, with and without the page": docs}, indent=1))


def squad2(
    knowledge: KnowledgeBase, model: EmbeddedModel, every: int
) -> tuple[list[Answer], list[Query], dict[str, str]]:
    """Answers to unseen questions, and the article of each."""
    documents = [json.loads(line) for line in (DATA / "documents.jsonl").open(encoding="utf-8")]
    knowledge.sync_documents(
        Document(id=row["id"], title=row["title"], text=row["text"], source="squad2") for row in documents
    )
    articles = {row["id"]: row["title"] for row in documents}
    rows = [json.loads(line) for line in (DATA / "queries.jsonl").open(encoding="utf-8")]
    rows = [row for row in rows if row["split"] == "test" or articles[row["source_doc"]] == ALSO_UNSEEN][::every]
    queries = [
        Query(id=row["id"], question=row["question"], answers=tuple(row["answers"]), answerable=row["answerable"])
        for row in rows
    ]
    system = asking(model, Without(knowledge, None))
    answers = [answered(system, query, number) for number, query in enumerate(queries)]
    return answers, queries, {row["id"]: articles[row["source_doc"]] for row in rows}


def product_docs(knowledge: KnowledgeBase, model: EmbeddedModel) -> tuple[list[Answer], list[Query], dict[str, str]]:
    """Answers to the sample's training questions, with and without the page of the answer, and that page."""
    knowledge.sync(["docs/"], SAMPLE)
    answers, queries, pages = [], [], {}
    for number, example in enumerate(read_examples(SAMPLE / "examples.jsonl")[0]):
        page = example.evidence[0].doc
        for left_out in (None, page):
            query = Query(
                id=f"{example.id} without {left_out}",
                question=example.question,
                answers=() if left_out else (example.answer,),
                answerable=left_out is None,
            )
            answers.append(answered(asking(model, Without(knowledge, left_out)), query, number))
            queries.append(query)
            pages[query.id] = page
    return answers, queries, pages


def asking(model: EmbeddedModel, retriever: Without) -> System:
    """A system that answers everything."""
    return System(id="rag", model=model, template=PromptTemplate(task="answer"), retriever=retriever)


def answered(system: System, query: Query, number: int) -> Answer:
    """One answer, with progress."""
    print(f"\r{number} answered", end="", file=sys.stderr, flush=True)
    return system.answer(query)


def figures(answers: Sequence[Answer], queries: Sequence[Query], clusters: dict[str, str]) -> dict[str, Any]:
    """The reader's own confidence beside the fitted one."""
    fitted = fit_sufficiency(answers, queries, SCORER, clusters)
    assert fitted is not None
    right = [is_right(SCORER, score_answer(SCORER, *row), *row) for row in zip(answers, queries, strict=True)]
    weights = {name: round(weight.weight, 2) for name, weight in fitted.model.weights.items()}
    return {
        "questions": len(queries),
        "answerable": sum(bool(query.answerable) for query in queries),
        "right": sum(map(bool, right)),
        "reader alone": judged(answers, queries),
        "with what was found": judged(with_confidence(answers, fitted.confidences), queries),
        "weights": weights,
    }


def judged(answers: Sequence[Answer], queries: Sequence[Query]) -> dict[str, float | None]:
    """How well a confidence tells right from wrong and answerable from not, and what abstaining by it buys."""
    sure = [answer.confidence or 0.0 for answer in answers]
    curve = risk_coverage(answers, queries, SCORER)
    of_right = confidence_auroc(answers, queries, SCORER)
    return {
        "auroc_right": of_right and round(of_right, 3),
        "auroc_answerable": round(auroc(sure, [bool(query.answerable) for query in queries]), 3),
        "area_under_risk_coverage": curve.aurc and round(curve.aurc, 3),
        "risk_answering_all": round(curve.points[-1].risk, 3),
        "risk_answering_a_fifth": round(next(p.risk for p in curve.points if p.coverage >= 0.2), 3),
        "coverage_at_half_wrong": round(curve.coverage_at(0.5), 3),
    }


if __name__ == "__main__":
    main()
