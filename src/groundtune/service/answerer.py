"""What the service needs from a project: its systems, their answers, and the documents behind them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol

from groundtune.records import Answer, Document, Hit


class Answerer(Protocol):
    """Answers questions with one of several systems.

    Every method may be called from several threads at once. ``groups`` are the caller's access groups: without any,
    only documents that everyone may read are seen.
    """

    @property
    def default(self) -> str:
        """The system that answers when none is named: the verdict's, or the one the operator chose."""
        ...

    def systems(self) -> Sequence[str]:
        """The systems that can be named, simplest first."""
        ...

    def ask(self, question: str, system: str | None = None, groups: Sequence[str] = ()) -> Answer:
        """Answer one question; an abstention carries its reason.

        Raises:
            GroundtuneError: when nothing can answer; its text is shown to the person who asked.
        """
        ...

    def stream(
        self, question: str, system: str | None = None, groups: Sequence[str] = ()
    ) -> Generator[str | Answer, None, None]:
        """Answer one question piece by piece; the last item is the whole answer, which alone has citations.

        The pieces make up its text; an abstention has none. Its steps may run in several threads, one after the other.
        Closing it ends the model's work.

        Raises:
            GroundtuneError: as of ``ask``, when it is first asked for an item.
        """
        ...

    def search(self, question: str, k: int, groups: Sequence[str] = ()) -> tuple[Sequence[Hit], Mapping[str, float]]:
        """The ``k`` best passages, best first, and the milliseconds of ``embed``, ``search`` and ``total``."""
        ...

    def document(self, document_id: str, groups: Sequence[str] = ()) -> Document | None:
        """The document with this id as it is indexed now, None when there is none for these groups."""
        ...
