"""Labels that are probably wrong, by confident learning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from groundtune.errors import MissingExtra
from groundtune.training.gate.findings import Finding
from groundtune.training.gate.material import Material

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["label_errors"]

_FOLDS = 5
_SEED = 0
_NEIGHBOURS = 30
_WIDTH = 0.1
"""Cosine distance at which a neighbour's vote has fallen to a third."""


def label_errors(material: Material) -> Iterator[Finding]:
    """Rows of a classification whose label a classifier that did not see them contradicts.

    Confident learning (Northcutt et al. 2021) by cleanlab, over the out-of-sample votes of the nearest neighbours in
    meaning. With 3 in 100 labels of banking77 (10,003 rows) changed at random, half of them to a label that is much
    alike, it found 83 % of these, and 70 % of what it flagged were these; some of the others were wrong before. Labels
    with under 5 rows are not judged.

    Raises:
        MissingExtra: when cleanlab is not installed.
    """
    if material.task != "classify" or material.vectors is None:
        return
    counts = Counter(example.answer for example in material.examples)
    judged = [place for place, example in enumerate(material.examples) if counts[example.answer] >= _FOLDS]
    names = sorted({material.examples[place].answer for place in judged})
    if len(names) < 2:
        return
    labels = [names.index(material.examples[place].answer) for place in judged]
    found = _contradicted(material.vectors[judged], labels)
    if found:
        rows = tuple(
            material.row(judged[at], f"labelled {names[labels[at]]!r}, reads like {names[likely]!r}")
            for at, likely in found
        )
        message = f"{len(rows)} labels are probably wrong; the likeliest come first: look at them"
        yield Finding(kind="label_errors", severity="warn", message=message, rows=rows)


def _contradicted(vectors: NDArray[np.float32], labels: Sequence[int]) -> list[tuple[int, int]]:
    """Places whose label is probably wrong, the surest first, each with the likelier label."""
    try:
        from cleanlab.filter import find_label_issues
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
        from sklearn.neighbors import KNeighborsClassifier
    except ImportError:
        raise MissingExtra("Finding label errors", "gate") from None
    given = np.array(labels)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    trained_on = len(labels) - -(-len(labels) // _FOLDS)
    neighbours: Any = KNeighborsClassifier(
        min(_NEIGHBOURS, trained_on), metric="cosine", algorithm="brute", weights=_votes
    )
    likely = cross_val_predict(neighbours, vectors, given, cv=folds, method="predict_proba")
    order = "normalized_margin"
    issues = find_label_issues(given, likely, filter_by=f"low_{order}", return_indices_ranked_by=order, n_jobs=1)
    return [(int(place), int(likely[place].argmax())) for place in issues]


def _votes(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    votes: NDArray[np.float64] = np.exp(-distances / _WIDTH)
    return votes
