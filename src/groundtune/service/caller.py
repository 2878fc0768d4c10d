"""Who is asking: a request's access groups, and an answerer that never leaves them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from groundtune.records import Answer, Document, Hit
from groundtune.service.answerer import Answerer

__all__ = ["Backend", "ForCaller"]


@dataclass(frozen=True, slots=True)
class ForCaller:
    """An answerer as one caller has it: every route goes through it, so that none can forget whom it serves."""

    answerer: Answerer
    groups: tuple[str, ...] = ()

    @property
    def default(self) -> str:
        """See `Answerer`."""
        return self.answerer.default

    def systems(self) -> Sequence[str]:
        """See `Answerer`."""
        return self.answerer.systems()

    def ask(self, question: str, system: str | None = None) -> Answer:
        """See `Answerer`."""
        return self.answerer.ask(question, system, self.groups)

    def stream(self, question: str, system: str | None = None) -> Generator[str | Answer, None, None]:
        """See `Answerer`."""
        return self.answerer.stream(question, system, self.groups)

    def search(self, question: str, k: int) -> tuple[Sequence[Hit], Mapping[str, float]]:
        """See `Answerer`."""
        return self.answerer.search(question, k, self.groups)

    def document(self, document_id: str) -> Document | None:
        """See `Answerer`."""
        return self.answerer.document(document_id, self.groups)


def _caller(request: Request) -> ForCaller:
    """The application's answerer for the groups in the trusted header; for nobody's where none is trusted."""
    header: str | None = request.app.state.groups_header
    given = ",".join(request.headers.getlist(header)) if header else ""
    groups = tuple(dict.fromkeys(group for part in given.split(",") if (group := part.strip())))
    return ForCaller(request.app.state.answerer, groups)


Backend = Annotated[ForCaller, Depends(_caller)]
