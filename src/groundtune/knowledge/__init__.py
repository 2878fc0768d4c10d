"""Documents in, a searchable index out: cut, embed, store, and find the passages for a question."""

from __future__ import annotations

from groundtune.knowledge.access import AccessRules
from groundtune.knowledge.filters import EVERYONE, Filter
from groundtune.knowledge.knowledge_base import KnowledgeBase, OpenStore
from groundtune.knowledge.passages import MAX_TOKENS
from groundtune.knowledge.search_plan import Mode, SearchPlan
from groundtune.knowledge.sync import Progress, SyncReport

__all__ = [
    "EVERYONE",
    "MAX_TOKENS",
    "AccessRules",
    "Filter",
    "KnowledgeBase",
    "Mode",
    "OpenStore",
    "Progress",
    "SearchPlan",
    "SyncReport",
]
