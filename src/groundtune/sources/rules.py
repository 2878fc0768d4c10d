"""How sources are read: what a project's settings say beside the list of its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from groundtune.sources.converted import Reader
from groundtune.sources.workers import Limits

__all__ = ["DEFAULT_RULES", "Database", "Rules", "Web"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What may be fetched.

    Attributes:
        private: Addresses of private networks and of this machine may be reached.
        most_pages: Most pages of one sitemap.
        seconds: Longest wait for one page.
    """

    private: bool = False
    most_pages: int = 1000
    seconds: float = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A query whose rows are documents.

    Attributes:
        url: SQLAlchemy's, with its password; never shown.
        query: One SELECT; columns without a role become metadata.
        id: Column with what tells rows apart.
        text: Column with the text.
        title: Column with the title; "" where there is none.
        source: Where a row can be opened, with columns in braces as ``https://example.org/ticket/{id}``; "" for none.
    """

    url: str = field(repr=False)
    query: str
    id: str = "id"
    text: str = "text"
    title: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits and permissions of one project.

    Attributes:
        reader: What the converters are told.
        limits: What one file may take.
        web: What may be fetched.
        sql: The databases by the name that ``sql:NAME`` uses.
    """

    reader: Reader = field(default_factory=Reader)
    limits: Limits = field(default_factory=Limits)
    web: Web = field(default_factory=Web)
    sql: Mapping[str, Database] = field(default_factory=dict)


DEFAULT_RULES = Rules()
"""What holds where nothing is said."""
