"""How the project's own labels set up its search."""

from __future__ import annotations

from groundtune.project.workspace import Workspace, fingerprint

ENOUGH_LABELS = 40
"""Dev queries with evidence from which on the weight of the hybrid search is learned (METHODS: 40 or more)."""


def learn_fusion(workspace: Workspace) -> None:
    """Learn on dev how much meaning and how much words count in the hybrid search, where there are labels enough.

    The same labels over the same knowledge are learned from once.
    """
    if workspace.draws_on_examples or workspace.settings.knowledge.search != "hybrid":
        return
    labelled = [(query.question, {e.doc for e in query.evidence}) for query in workspace.split.dev if query.evidence]
    if len(labelled) < ENOUGH_LABELS:
        return
    learned = workspace.home / "knowledge" / "fusion-learned-from"
    key = fingerprint([(question, sorted(documents)) for question, documents in labelled], workspace.knowledge.version)
    if learned.is_file() and learned.read_text(encoding="utf-8") == key:
        return
    workspace.knowledge.learn_alpha(labelled)
    learned.write_text(key, encoding="utf-8")
