"""The shipped reader on the test articles of squad2-dev, which it has not seen, against simpler readers.

Usage: python bench/reader.py [--every N]; needs squad2-dev below GROUNDTUNE_DATA (default ../shared/data).
Prints one JSON object. Two settings: each question's own paragraph is given, or the five paragraphs of the test
articles that are nearest to the question. F1 is SQuAD's, the best over the accepted answers, over answerable questions,
and counts the answer that is given when abstaining is forbidden. About three minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groundtune.experiment.scorers import exact_match, token_f1
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.read import Reader
from groundtune.models.embedded.sentences import sentences
from groundtune.models.embedded.shipped import READER_FILE, shipped_reader
from groundtune.models.embedded.weights import base_weights
from groundtune.training.calibrate import auroc

DATA = Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")) / "squad2-dev"
RETRIEVED = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A question with the passages that it is read over; the answers and where they stand, empty when it has none."""

    question: str
    passages: list[str]
    answers: list[str]
    places: list[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Given:
    """What a reader gave: the text, its passage and place, and the probability that there is no answer, if it tells."""

    text: str
    passage: str
    start: int
    end: int
    not_here: float | None


Read = Callable[[Case], Given]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="take every Nth question")
    every = parser.parse_args().every
    base = base_weights()
    embedding = EmbeddedEmbedding.of(base)
    reader = shipped_reader(base).reader(base)
    own = load()[::every]
    retrieved = retrieve(own, embedding)
    readers: dict[str, Read] = {
        "reader": lambda case: shipped(reader, case),
        "untuned encoder: nearest sentence": lambda case: nearest_sentence(embedding, case),
        "first sentence of the top passage": first_sentence,
    }
    settings = {"own paragraph": own, f"{RETRIEVED} retrieved": retrieved}
    figures = {
        setting: {name: measure(read, cases) for name, read in readers.items()} for setting, cases in settings.items()
    }
    print(json.dumps({"megabytes": round(READER_FILE.stat().st_size / 1e6, 2), **figures}, indent=1))


def load() -> list[Case]:
    """The questions of the test articles, each with its own paragraph."""
    documents = {row["id"]: row["text"] for row in _rows("documents.jsonl")}
    return [
        Case(
            question=row["question"],
            passages=[documents[row["source_doc"]]],
            answers=row["answers"],
            places=[(documents[place["doc"]], place["start"], place["end"]) for place in row["evidence"]],
        )
        for row in _rows("queries.jsonl")
        if row["split"] == "test"
    ]


def retrieve(cases: Sequence[Case], embedding: EmbeddedEmbedding) -> list[Case]:
    """The same questions over the paragraphs nearest to them."""
    passages = sorted({case.passages[0] for case in load()})
    cosines = embedding.embed([case.question for case in cases]) @ embedding.embed(passages).T
    nearest = np.argsort(-cosines, axis=1)[:, :RETRIEVED]
    return [
        Case(case.question, [passages[i] for i in best], case.answers, case.places)
        for case, best in zip(cases, nearest, strict=True)
    ]


def shipped(reader: Reader, case: Case) -> Given:
    """The shipped reader."""
    found = reader.read(case.question, case.passages)
    assert found is not None
    return Given(found.text, case.passages[found.passage], found.start, found.end, found.not_here)


def nearest_sentence(embedding: EmbeddedEmbedding, case: Case) -> Given:
    """The sentence whose embedding is nearest to the question's."""
    places = [(passage, *span) for passage in case.passages for span in sentences(passage)]
    vectors = embedding.embed([case.question, *(passage[start:end] for passage, start, end in places)])
    cosines = vectors[1:] @ vectors[0]
    passage, start, end = places[int(cosines.argmax())]
    return Given(passage[start:end], passage, start, end, 1.0 - float(cosines.max()))


def first_sentence(case: Case) -> Given:
    """The first sentence of the first passage."""
    start, end = sentences(case.passages[0])[0]
    return Given(case.passages[0][start:end], case.passages[0], start, end, None)


def measure(read: Read, cases: Sequence[Case]) -> dict[str, Any]:
    """Figures of one reader over cases."""
    given, milliseconds = [], []
    for case in cases:
        began = time.perf_counter()
        given.append(read(case))
        milliseconds.append(1e3 * (time.perf_counter() - began))
    pairs = list(zip(cases, given, strict=True))
    answerable = [(case, one) for case, one in pairs if case.answers]
    figures: dict[str, Any] = {
        "questions": len(cases),
        "answerable": len(answerable),
        "f1": _mean([_f1(case, one) for case, one in answerable]),
        "exact": _mean([max(exact_match(one.text, answer) for answer in case.answers) for case, one in answerable]),
        "sentence": _mean([_in_sentence(case, one) for case, one in answerable]),
        "milliseconds_p50": round(float(np.median(milliseconds)), 1),
    }
    if given[0].not_here is not None:
        figures |= _abstaining(pairs)
    return figures


def _abstaining(pairs: Sequence[tuple[Case, Given]]) -> dict[str, float]:
    """What the probability of "not here" is worth; abstains at 0.5."""
    missing = [not case.answers for case, _ in pairs]
    chances = [float(one.not_here or 0.0) for _, one in pairs]
    abstained = [chance >= 0.5 for chance in chances]
    scores = [float(no) if quiet else 0.0 if no else _f1(case, one)
              for no, quiet, (case, one) in zip(missing, abstained, pairs, strict=True)]  # fmt: skip
    return {
        "auroc": round(auroc(chances, missing), 4),
        "brier": _mean([(chance - no) ** 2 for chance, no in zip(chances, missing, strict=True)]),
        "no_answer_accuracy": _mean([quiet for quiet, no in zip(abstained, missing, strict=True) if no]),
        "has_answer_f1_abstaining": _mean([score for score, no in zip(scores, missing, strict=True) if not no]),
        "overall_f1_abstaining": _mean(scores),
    }


def _in_sentence(case: Case, one: Given) -> bool:
    """Whether the answer given stands in a sentence that holds an accepted one."""
    spans = [span for span in sentences(one.passage) if span[0] < one.end and span[1] > one.start]
    return any(
        passage == one.passage and start < span[1] and end > span[0]
        for passage, start, end in case.places
        for span in spans
    )


def _f1(case: Case, one: Given) -> float:
    return max(token_f1(one.text, answer) for answer in case.answers)


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)


def _rows(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
