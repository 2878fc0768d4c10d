"""What stays the same in every prompt of a project: the template of all four systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundtune.records import Demonstration, Passage, Prompt, Task

TEMPLATE_VERSION = "2"
"""Raised whenever prompts are put together differently; stored with each run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """Instruction, few-shot examples and output form, shared by the four systems.

    Attributes:
        datamark: As in `Prompt`.
    """

    task: Task
    instruction: str = ""
    examples: tuple[Demonstration, ...] = ()
    labels: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    datamark: bool = False

    def fill(self, question: str, passages: Sequence[Passage] = ()) -> Prompt:
        """The prompt for one question, with or without retrieved passages."""
        return Prompt(
            task=self.task,
            instruction=self.instruction,
            question=question,
            examples=self.examples,
            passages=tuple(passages),
            labels=self.labels,
            schema=self.schema,
            datamark=self.datamark,
            version=TEMPLATE_VERSION,
        )
