"""Choose on held-out questions how the reader weighs its numbers, and fit its probability of "not here"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from groundtune.models.embedded.calibration import Calibration
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.read import Finding, Reader
from groundtune.training.calibrate import fit_not_here
from groundtune.training.rows import ReadingRow, word_f1

_EVIDENCE = (0.0, 0.25, 0.5, 1.0, 2.0)
_RANK = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_ORDER = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
_RETRIEVED = 5

Case = tuple[str, list[str]]
Found = list[list[tuple[int, Finding]]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A calibration, with the held-out word F1 over a question's own passage and over retrieved ones."""

    calibration: Calibration
    f1_alone: float
    f1_among: float


def choose(reader: Reader, rows: Sequence[ReadingRow], embedding: EmbeddedEmbedding) -> Chosen:
    """Choose the sentence's weight on single passages, the ranking on retrieved ones, and fit "not here" on both."""
    alone: list[Case] = [(row.question, [row.passage]) for row in rows]
    among = _retrieved(rows, embedding)
    scored = []
    for evidence in _EVIDENCE:
        reader.calibration = replace(reader.calibration, evidence=evidence)
        scored.append((_f1(rows, alone, _best(reader, reader.findings(alone))), -evidence))
    reader.calibration = replace(reader.calibration, evidence=-max(scored)[1])
    found = _in_parts(reader, among)
    ranked = []
    for rank, order in product(_RANK, _ORDER):
        reader.calibration = replace(reader.calibration, rank=rank, order=order)
        ranked.append((_f1(rows, among, _best(reader, found)), -rank, -order))
    reader.calibration = replace(reader.calibration, rank=-max(ranked)[1], order=-max(ranked)[2])
    calibration = _fitted(reader, rows, _in_parts(reader, alone), (among, found))
    return Chosen(calibration, max(scored)[0], max(ranked)[0])


def _fitted(
    reader: Reader, rows: Sequence[ReadingRow], own: Found, retrieved: tuple[Sequence[Case], Found]
) -> Calibration:
    """Fit "not here" on each row's own passage and on the retrieved ones, which may lack it."""
    findings: list[Finding] = []
    missing: list[bool] = []
    absent = [row.span is None for row in rows]
    lost = [no or row.passage not in case[1] for no, row, case in zip(absent, rows, retrieved[0], strict=True)]
    for found, labels in ((own, absent), (retrieved[1], lost)):
        for best, label in zip(_best(reader, found), labels, strict=True):
            if best is not None:
                findings.append(best[1])
                missing.append(label)
    return fit_not_here(reader.calibration, findings, missing)


def _in_parts(reader: Reader, cases: Sequence[Case], part: int = 64) -> Found:
    return [found for low in range(0, len(cases), part) for found in reader.findings(cases[low : low + part])]


def _best(reader: Reader, found: Found) -> list[tuple[int, Finding] | None]:
    weigh = reader.calibration.ranking
    return [max(case, key=lambda item: weigh(item[1].answer, item[1].span, item[0]), default=None) for case in found]


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


def _retrieved(rows: Sequence[ReadingRow], embedding: EmbeddedEmbedding) -> list[Case]:
    """Each question with the passages nearest to it, best first; its own may be among them."""
    passages = sorted({row.passage for row in rows})
    cosines = embedding.embed([row.question for row in rows]) @ embedding.embed(passages).T
    nearest = np.argsort(-cosines, axis=1)[:, :_RETRIEVED]
    return [(row.question, [passages[i] for i in best]) for row, best in zip(rows, nearest, strict=True)]
