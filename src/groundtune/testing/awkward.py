"""Checks a collection of files that are hard to read against the manifest that says what should become of each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from groundtune.knowledge import KnowledgeBase
from groundtune.sources import Failure, Reader, Rules

__all__ = ["Outcome", "outcomes_of"]

Status = Literal["ok", "image_only", "encrypted", "empty", "damaged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file.

    Attributes:
        wanted: The manifest's status.
        given: ``ok``, or the kind of the failure that was reported.
        reason: Of the failure; "" where there is none.
        missing: Strings that must be found, and are not in the document or not in its passages.
        silent: True when there is neither a document nor a failure.
    """

    file: str
    wanted: Status
    given: str
    reason: str
    missing: tuple[str, ...]
    silent: bool

    @property
    def right(self) -> bool:
        """Whether it is as the manifest wants it."""
        return self.given == self.wanted and not self.missing and not self.silent


def outcomes_of(collection: Path, knowledge: KnowledgeBase, *, with_passwords: bool = False) -> Iterator[Outcome]:
    """Sync the files of a collection and compare what became of them.

    A file whose password is given must be ``ok``, and so must pictures of text where tesseract is installed.

    Args:
        collection: Holds ``manifest.jsonl`` and ``files/``.
        knowledge: Where they are indexed.
        with_passwords: Give the manifest's passwords.
    """
    rows = [json.loads(line) for line in (collection / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    passwords = tuple(row["password"] for row in rows if row["password"]) if with_passwords else ()
    report = knowledge.sync(["files"], collection, rules=Rules(reader=Reader(passwords=passwords)))
    failures = {failure.source: failure for failure in report.failed}
    for row in rows:
        opens = with_passwords and row["password"]
        seen = row["status"] == "image_only" and shutil.which("tesseract") is not None
        wanted: Status = "ok" if opens or seen else row["status"]
        yield _outcome(row, wanted, failures.get(row["file"]), knowledge)


def _outcome(row: Mapping[str, Any], wanted: Status, failure: Failure | None, knowledge: KnowledgeBase) -> Outcome:
    name = Path(row["file"]).name
    document = knowledge.document(name)
    passages = " ".join(passage.text for passage in knowledge.passages_of(name))
    texts = [_collapsed(document.text if document else ""), _collapsed(passages)]
    sought = row["must_contain"] if wanted != "encrypted" else []
    return Outcome(
        file=name,
        wanted=wanted,
        given=failure.kind if failure else "ok",
        reason=failure.reason if failure else "",
        missing=tuple(string for string in sought if any(_collapsed(string) not in text for text in texts)),
        silent=document is None and failure is None,
    )


def _collapsed(text: str) -> str:
    return " ".join(text.split())
