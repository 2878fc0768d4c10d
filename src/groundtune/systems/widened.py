"""Retrieve small, give big: any retriever of the project's documents, with the sections around what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundtune.records import Hit, Query
from groundtune.systems.retrievers import Retriever, Versioned

if TYPE_CHECKING:
    from groundtune.knowledge.sections import Sections

__all__ = ["WidenedRetriever"]


@dataclass(frozen=True, slots=True)
class WidenedRetriever:
    """Gives the model more than what was found: the sections around it, see `Sections`."""

    found: Retriever
    sections: Sections

    def retrieve(self, query: Query) -> list[Hit]:
        """The passages that were found for the query with the text around them, best first."""
        return self.sections.around(self.found.retrieve(query), frozenset(query.groups))

    @property
    def version(self) -> str | None:
        """Name of the knowledge version that is searched now."""
        return self.found.version if isinstance(self.found, Versioned) else None
