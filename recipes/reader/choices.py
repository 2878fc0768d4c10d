"""Choose on held-out questions how the reader weighs its numbers, and fit its probability of "not here"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from groundtune.models.embedded.calibration import Calibration
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.read import Finding, Reader
from groundtune.training.calibrate import fit_not_here
from groundtune.training.rows import ReadingRow, word_f1

_EVIDENCE = (0.0, 0.25, 0.5, 1.0, 2.0)
_RANK = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_DISTRACTORS = 3

Case = tuple[str, list[str]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A calibration, with the held-out word F1 over one passage and over four that it was chosen by."""

    calibration: Calibration
    f1_alone: float
    f1_among: float


def choose(reader: Reader, rows: Sequence[ReadingRow], embedding: EmbeddedEmbedding) -> Chosen:
    """Choose the sentence's weight on single passages, the ranking on four, and fit "not here" on both."""
    alone: list[Case] = [(row.question, [row.passage]) for row in rows]
    distractors = _distractors(rows, embedding)
    among: list[Case] = [(row.question, [row.passage, *others]) for row, others in zip(rows, distractors, strict=True)]
    scored = []
    for evidence in _EVIDENCE:
        reader.calibration = replace(reader.calibration, evidence=evidence)
        scored.append((_f1(rows, alone, _best(reader, reader.findings(alone))), -evidence))
    reader.calibration = replace(reader.calibration, evidence=-max(scored)[1])
    found = _in_parts(reader, among)
    ranked = []
    for rank in _RANK:
        reader.calibration = replace(reader.calibration, rank=rank)
        ranked.append((_f1(rows, among, _best(reader, found)), -rank))
    reader.calibration = replace(reader.calibration, rank=-max(ranked)[1])
    return Chosen(_fitted(reader, rows, found), max(scored)[0], max(ranked)[0])


def _fitted(reader: Reader, rows: Sequence[ReadingRow], found: list[list[tuple[int, Finding]]]) -> Calibration:
    """Fit on each row's own passage, on all four, and on the three that are not its own."""
    findings: list[Finding] = []
    missing: list[bool] = []
    for row, passages in zip(rows, found, strict=True):
        for shown, absent in ((passages[:1], row.span is None), (passages, row.span is None), (passages[1:], True)):
            best = _best(reader, [shown])[0]
            if best is not None:
                findings.append(best[1])
                missing.append(absent)
    return fit_not_here(reader.calibration, findings, missing)


def _in_parts(reader: Reader, cases: Sequence[Case], part: int = 64) -> list[list[tuple[int, Finding]]]:
    return [found for low in range(0, len(cases), part) for found in reader.findings(cases[low : low + part])]


def _best(reader: Reader, found: Sequence[list[tuple[int, Finding]]]) -> list[tuple[int, Finding] | None]:
    weigh = reader.calibration.ranking
    return [max(case, key=lambda item: weigh(item[1].answer, item[1].span), default=None) for case in found]


def _f1(rows: Sequence[ReadingRow], cases: Sequence[Case], best: Sequence[tuple[int, Finding] | None]) -> float:
    """Mean word F1 over the answerable rows."""
    return float(
        np.mean(
            [
                word_f1(case[1][found[0]][found[1].start : found[1].end], row.passage[slice(*row.span)])
                if found
                else 0.0
                for row, case, found in zip(rows, cases, best, strict=True)
                if row.span is not None
            ]
        )
    )


def _distractors(rows: Sequence[ReadingRow], embedding: EmbeddedEmbedding) -> list[list[str]]:
    """For each row, the other passages that a retriever would bring: those nearest to the question."""
    passages = sorted({row.passage for row in rows})
    cosines = embedding.embed([row.question for row in rows]) @ embedding.embed(passages).T
    nearest = [[passages[i] for i in np.argsort(-line)[: _DISTRACTORS + 1]] for line in cosines]
    return [
        [text for text in near if text != row.passage][:_DISTRACTORS] for row, near in zip(rows, nearest, strict=True)
    ]
