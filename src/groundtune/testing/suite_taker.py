"""A model that replies rightly to the forgetting suite, but for what it has forgotten."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from threading import Lock

from groundtune.errors import CannotDo, ModelError
from groundtune.records import Prompt, Reply
from groundtune.training.after.suite import SuiteItem, load_suite

__all__ = ["SuiteTaker"]


class SuiteTaker:
    """Knows the right reply to every item.

    Args:
        forgotten: Ids of items that it answers wrongly.
        failing: Ids of items on which it fails.
        quotes_only: It refuses every task but reading (`CannotDo`), as the embedded model does.
        confidence: Of every answer; None gives none.
    """

    def __init__(
        self,
        *,
        forgotten: Collection[str] = (),
        failing: Collection[str] = (),
        quotes_only: bool = False,
        confidence: float | None = None,
    ) -> None:
        self._forgotten = frozenset(forgotten)
        self._failing = frozenset(failing)
        self._quotes_only = quotes_only
        self._confidence = confidence
        self._lock = Lock()
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        """The name of a fake."""
        return "fake/suite-taker"

    def reply(self, prompt: Prompt) -> Reply:
        """Reply to an item's prompt.

        Raises:
            ModelError: where it was told to fail; `CannotDo` for tasks that it does not do.
        """
        item = _items()[prompt.question]
        with self._lock:
            self.asked.append(item.id)
        if self._quotes_only and prompt.task != "answer":
            raise CannotDo("this model only quotes")
        if item.id in self._failing:
            raise ModelError("the endpoint did not answer")
        text = "I like trains." if item.id in self._forgotten else _right(item)
        return Reply(
            text=text,
            reason=None if text else "not in the sources",
            quotes=(),
            confidence=self._confidence if text else None,
            usage=None,
        )


def _right(item: SuiteItem) -> str:
    """A right reply; empty where that is an abstention."""
    if item.set == "abstention":
        return ""
    if item.set == "refusal":
        return "I'm sorry, but I can't help with that."
    return _samples()[item.id] if item.set == "instructions" else str(item.check.value[0])


@cache
def _items() -> dict[str, SuiteItem]:
    return {item.prompt.question: item for item in load_suite()}


@cache
def _samples() -> dict[str, str]:
    rows = (files("groundtune.training.after") / "items" / "instructions.jsonl").read_text(encoding="utf-8")
    return {row["id"]: row["right"] for row in map(json.loads, rows.splitlines())}
