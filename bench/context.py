"""What the sections around passages do to the embedded reader: the sample product-docs at several budgets.

Usage: python bench/context.py. Prints one JSON object. Asked are the sample's training questions, which the base
weights have not seen, so that its queries stay untouched. About three minutes on two cores.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

from groundtune.experiment.scorers import is_right, primary_scorer, score_answer
from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.sections import Sections
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.model import EmbeddedModel
from groundtune.records import Query
from groundtune.systems import KnowledgeRetriever, PromptTemplate, System
from groundtune.systems.widened import WidenedRetriever
from groundtune.training.examples import read_examples

SAMPLE = Path(__file__).parents[1] / "src" / "groundtune" / "samples" / "product-docs"
BUDGETS = (0, 1000, 1500, 3000)
PASSAGES = 5


def main() -> None:
    """Measure every budget and print."""
    embedding = EmbeddedEmbedding.load()
    model = EmbeddedModel.load(embedding=embedding)
    examples, _ = read_examples(SAMPLE / "examples.jsonl")
    queries = [Query(id=one.id, question=one.question, answers=(one.answer,)) for one in examples]
    with TemporaryDirectory() as folder:
        knowledge = KnowledgeBase(Path(folder), embedding)
        knowledge.sync(["docs/"], SAMPLE)
        found = KnowledgeRetriever(knowledge, PASSAGES)
        figures: dict[str, object] = {"questions": len(queries)}
        for budget in BUDGETS:
            sections = Sections(
                lambda id_, _: knowledge.document(id_), lambda text: len(embedding.tokens.encode(text).ids), budget
            )
            retriever = WidenedRetriever(found, sections) if budget else found
            system = System(id="rag", model=model, template=PromptTemplate(task="answer"), retriever=retriever)
            figures[f"context of {budget} tokens" if budget else "passages as found"] = measured(system, queries)
    print(json.dumps(figures, indent=1))


def measured(system: System, queries: list[Query]) -> dict[str, float]:
    """Mean F1, the share of right answers and the median milliseconds of one system."""
    scorer = primary_scorer("auto", "answer")
    answers = [system.answer(query) for query in queries]
    scores = [score_answer(scorer, answer, query) for answer, query in zip(answers, queries, strict=True)]
    right = [is_right(scorer, *row) for row in zip(scores, answers, queries, strict=True)]
    return {
        "f1": round(mean(score.value or 0.0 for score in scores), 4),
        "right": round(mean(map(bool, right)), 4),
        "milliseconds_p50": round(median(answer.milliseconds["total"] for answer in answers)),
    }


if __name__ == "__main__":
    main()
