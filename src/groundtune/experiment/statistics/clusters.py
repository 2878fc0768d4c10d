"""Clusters as numbers, and how much they say."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEW_CLUSTERS", "TOO_FEW_CLUSTERS", "Floats", "Ints", "cluster_sums", "design_effect", "number_clusters"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEW_CLUSTERS = 20
"""Below this many independent units the reader is told that they are few."""

TOO_FEW_CLUSTERS = 10
"""Below this many independent units no statement of significance is made."""


def number_clusters(clusters: Sequence[Hashable] | None, n: int) -> Ints:
    """Cluster numbers 0 … G-1 in order of appearance, shape (n,); without clusters each query is its own.

    Raises:
        ValueError: when there is not one cluster for each of the ``n`` values.
    """
    if clusters is None:
        return np.arange(n, dtype=np.int64)
    if len(clusters) != n:
        raise ValueError(f"{n} values need {n} clusters, one each; given {len(clusters)}")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.int64)


def cluster_sums(values: Floats, numbers: Ints) -> Floats:
    """Sum of the values in each cluster: shape (n,) gives (G,), shape (n, k) gives (G, k)."""
    count = int(numbers.max()) + 1 if numbers.size else 0
    sums = np.zeros((count, *values.shape[1:]), dtype=np.float64)
    np.add.at(sums, numbers, values)
    return sums


def design_effect(numbers: Ints, *, icc: float = 0.2) -> float:
    """How much clusters inflate the variance of a mean: 1 + (m - 1) * ICC, at least 1 (Kish 1965).

    m is the size of the cluster that a random query is in (sum of squared sizes over n), which is the plain size
    where all are equal. ``icc`` 0.2 is a default for queries of one document, to be replaced by an estimate.
    """
    if not numbers.size:
        return 1.0
    sizes = np.bincount(numbers).astype(np.float64)
    return float(1 + ((sizes**2).sum() / sizes.sum() - 1) * icc)
