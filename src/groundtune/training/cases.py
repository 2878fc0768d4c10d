"""From examples to training rows: each with the passages that the project's own retriever finds for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from groundtune.records import Example, Passage, Query
from groundtune.training.rows import TrainingRow

__all__ = ["cases_of_examples", "cases_of_queries"]

Find = Callable[[Query], Sequence[Passage]]


def cases_of_examples(examples: Iterable[Example], retrieve: Find, gold: Find) -> Iterator[TrainingRow]:
    """Rows of the training examples.

    Args:
        examples: The examples.
        retrieve: The passages that a system with retrieval would be given.
        gold: The labelled evidence of a query.

    Yields:
        One row an example. An example that is itself a demonstration never sees itself.
    """
    for example in examples:
        query = Query(id=example.id, question=example.question, evidence=example.evidence)
        yield _case(query, example.answer, retrieve, gold)


def cases_of_queries(queries: Iterable[Query], retrieve: Find, gold: Find) -> Iterator[TrainingRow]:
    """Rows of labelled dev queries, for early stopping; those without an accepted answer are left out."""
    for query in queries:
        if query.answers:
            yield _case(query, query.answers[0], retrieve, gold)


def _case(query: Query, answer: str, retrieve: Find, gold: Find) -> TrainingRow:
    passages = tuple(passage for passage in retrieve(query) if passage.document != query.id)
    return TrainingRow(id=query.id, question=query.question, answer=answer, passages=passages, gold=tuple(gold(query)))
