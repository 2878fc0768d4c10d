"""Whether the examples are about what is asked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from groundtune.training.gate.findings import Finding
from groundtune.training.gate.material import Material

__all__ = ["coverage"]

_NEIGHBOUR = 0.75
_POOR = 0.25
_BLOCK = 1_000


def coverage(material: Material) -> Iterator[Finding]:
    """The share of evaluation queries that have an example nearby (cosine of 0.75 or more, METHODS 5.1)."""
    embed, queries = material.against.embed, material.against.queries
    if embed is None or not queries or material.vectors is None:
        return
    asked = embed(queries)
    near = sum(
        int(np.count_nonzero((asked[start : start + _BLOCK] @ material.vectors.T).max(axis=1) >= _NEIGHBOUR))
        for start in range(0, len(asked), _BLOCK)
    )
    share = near / len(asked)
    message = f"{share:.0%} of the queries have an example that is much like them"
    if share < _POOR:
        message += ": the examples are mostly about other things than what is asked"
    yield Finding(kind="coverage", severity="warn" if share < _POOR else "note", message=message)
