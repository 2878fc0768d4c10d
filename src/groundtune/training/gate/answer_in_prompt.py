"""Rows whose prompt gives the reply away: they teach to copy what a real question will not hold."""

from __future__ import annotations

from collections.abc import Iterator

from groundtune.training.gate.findings import Finding
from groundtune.training.gate.material import Material
from groundtune.training.gate.wording import words

__all__ = ["answer_in_prompt"]

_SHORTEST = 4
"""Shorter replies ("yes", a name) stand in honest questions too."""
_LONGEST_QUESTION = 150
"""A longer prompt brings passages along, and to answer in their words is the task."""


def answer_in_prompt(material: Material) -> Iterator[Finding]:
    """Rows of answer and write whose reply, 4 words or more, stands in a prompt without passages.

    The slots of extract are meant to stand in the prompt, and a label may name what the message says.
    """
    if material.task not in ("answer", "write"):
        return
    rows = []
    for place, example in enumerate(material.examples):
        reply = words(example.answer)
        prompt = [word for turn in example.messages[:-1] for word in words(turn.content)]
        if len(reply) < _SHORTEST or len(prompt) > _LONGEST_QUESTION:
            continue
        if f" {' '.join(reply)} " in f" {' '.join(prompt)} ":
            rows.append(material.row(place, "the prompt holds the reply word for word"))
    if rows:
        message = f"the prompt gives the reply away in {len(rows)} rows"
        yield Finding(kind="answer_in_prompt", severity="warn", message=message, rows=tuple(rows))
