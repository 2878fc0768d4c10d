"""What a project's search draws on, brought into the index of the embedding that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from groundtune.knowledge import SyncReport
    from groundtune.project.measuring import Progress
    from groundtune.project.workspace import Workspace
    from groundtune.sources import Conversion

__all__ = ["index_sources"]


def index_sources(
    workspace: Workspace,
    progress: Progress,
    *,
    stage: str | None = None,
    changed: Collection[str] | None = None,
    conversion: Conversion | None = None,
) -> SyncReport:
    """Make the knowledge base equal to the documents; without documents, to the examples.

    Args:
        workspace: The project.
        progress: Called with (stage, done, total).
        stage: What to call the work; None: by what is indexed.
        changed: Which files may have changed, as of `KnowledgeBase.sync`.
        conversion: What converts them, as there.

    Raises:
        ProjectError: when a source does not exist.
        Busy: when another sync is running.
        StorageError: when the disk refuses; what was stored before is kept.
    """
    stage = stage or ("Indexing examples" if workspace.draws_on_examples else "Indexing documents")

    def tell(done: int, total: int | None, unit: str) -> None:
        progress(stage if unit == "documents" else f"{stage} ({unit})", done, total or 0)

    if workspace.draws_on_examples:
        return workspace.knowledge.sync_examples(workspace.examples(skip_bad=True), progress=tell)
    from groundtune.project.sources import source_rules

    settings = workspace.settings.knowledge
    return workspace.knowledge.sync(
        settings.sources,
        workspace.folder,
        rules=source_rules(settings),
        progress=tell,
        changed=changed,
        conversion=conversion,
    )
