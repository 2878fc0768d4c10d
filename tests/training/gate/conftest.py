"""Examples in one line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from groundtune.records import Example, Message, Task
from groundtune.training.gate import Against, Finding
from groundtune.training.gate.examine import Gate
from groundtune.training.gate.material import Material


def example(number: int, question: str, answer: str = "yes", *, system: str = "") -> Example:
    turns = [Message(role="user", content=question), Message(role="assistant", content=answer)]
    return Example(
        id=f"e{number}", messages=tuple([Message(role="system", content=system)] * bool(system)) + tuple(turns)
    )


def material(
    *rows: tuple[str, str] | str, task: Task = "answer", against: Against | None = None, system: str = ""
) -> Material:
    examples = [
        example(number, *((row,) if isinstance(row, str) else row), system=system) for number, row in enumerate(rows)
    ]
    return Material(examples, task, against or Against())


def found(gate: Gate, given: Material) -> list[Finding]:
    return list(gate(given))


def named(finding: Finding) -> list[str]:
    return [row.id for row in finding.rows]


def by_first_letter(texts: Sequence[str]) -> NDArray[np.float32]:
    """A direction for each first letter: texts that begin alike mean the same."""
    vectors = np.zeros((len(texts), 26), dtype=np.float32)
    for row, text in enumerate(texts):
        vectors[row, ord(text[0].lower()) - ord("a")] = 1
    return vectors
