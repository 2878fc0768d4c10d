"""How evenly the replies are spread: a model learns to say what it was shown most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from groundtune.training.gate.findings import Finding
from groundtune.training.gate.material import Material

__all__ = ["balance"]

_RATIO = 10
_SHARE = 0.5
_FEWEST = 10
_SHOWN = 5


def balance(material: Material) -> Iterator[Finding]:
    """Labels with 10 times the rows of others; one reply that makes up half of all rows."""
    counts = Counter(material.answers)
    if len(counts) < 2 or len(material.answers) < _FEWEST:
        return
    (most, many), (_, few) = counts.most_common()[0], counts.most_common()[-1]
    share = many / len(material.answers)
    if material.task == "classify" and many >= _RATIO * few:
        rare = sorted(label for label, count in counts.items() if many >= _RATIO * count)
        shown = ", ".join(f"{label!r} {counts[label]}" for label in rare[:_SHOWN])
        more = f" and {len(rare) - _SHOWN} more" if len(rare) > _SHOWN else ""
        message = f"the labels are uneven: {most!r} has {many} rows, {shown}{more}; add rows of the rare ones"
        yield Finding(kind="balance", severity="warn", message=message)
    elif share >= _SHARE:
        message = (
            f"the reply {most!r:.60} makes up {share:.0%} of the rows: a model that always says it looks that good"
        )
        yield Finding(kind="balance", severity="warn", message=message)
