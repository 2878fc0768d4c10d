"""Does the exported model say what the trained one says?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from groundtune.errors import ModelError
from groundtune.training.card import GateResult

__all__ = ["ParityCase", "parity"]

Input = TypeVar("Input")

_NAMED = 3
_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityCase(Generic[Input]):
    """Two forms of one model, and what to ask both.

    Attributes:
        inputs: Prompts, conversations or texts, as both functions take them.
        trained: Reply of the model as it left training.
        exported: Reply of the artefact that will be served: merged, converted, quantised.
        tolerance: Share of the inputs in [0, 1) on which the texts may differ; 0 for a lossless export.
    """

    inputs: Sequence[Input]
    trained: Callable[[Input], str]
    exported: Callable[[Input], str]
    tolerance: float = 0.0


def parity(case: ParityCase[Input]) -> GateResult:
    """Compare the texts, one by one; only white space around them is forgiven."""
    said = [(item, _said(case.trained, item), _said(case.exported, item)) for item in case.inputs]
    if not said:
        return GateResult(name="parity", passed=None, note="there was nothing to ask both")
    differing = [(item, one, other) for item, one, other in said if one != other or one is None]
    share = len(differing) / len(said)
    passed = share <= case.tolerance
    note = f"{len(said) - len(differing)} of {len(said)} replies are the same"
    shown = "; ".join(f"{_short(one)} became {_short(other)}" for _, one, other in differing[:_NAMED])
    advice = "" if passed else ". Export again, in the precision that it was trained in"
    return GateResult(
        name="parity",
        passed=passed,
        value=1.0 - share,
        margin=1.0 - case.tolerance,
        note=f"{note}: {shown}{advice}" if differing else note,
    )


def _said(reply: Callable[[Input], str], item: Input) -> str | None:
    try:
        return reply(item).strip()
    except ModelError:
        return None


def _short(text: str | None) -> str:
    if text is None:
        return "a failed reply"
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
