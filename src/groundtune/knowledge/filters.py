"""Which passages a search may return: the caller's access groups, metadata, documents; applied inside the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

__all__ = ["EVERYONE", "Filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a caller may see and wants to see. The default is a caller without any group: deny by default.

    Attributes:
        documents: Only passages of these documents; None means of all.
        without: No passages of these documents.
        metadata: Only documents whose metadata have all these values.
        groups: The caller's groups. A document without groups is for everyone, one with groups only for callers who
            are in one of them.
    """

    documents: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()

    def admits(self, groups: Collection[str]) -> bool:
        """True when the caller may read a document with these groups."""
        return not groups or not self.groups.isdisjoint(groups)


EVERYONE = Filter()
"""A caller without groups: sees what everyone may see."""
