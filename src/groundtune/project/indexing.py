"""What a project's search draws on, brought into the index of the embedding that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterator

    from groundtune.knowledge import SyncReport
    from groundtune.project.measuring import Progress
    from groundtune.project.workspace import Workspace
    from groundtune.sources import Conversion

__all__ = ["index_sources", "sync_sources", "watch_sources"]


def sync_sources(
    workspace: Workspace,
    progress: Progress,
    *,
    changed: Collection[str] | None = None,
    conversion: Conversion | None = None,
) -> SyncReport:
    """As `index_sources`, and note what it took: the time counts as that of building the systems with retrieval."""
    from groundtune.project.measuring import add_index_seconds

    report = index_sources(workspace, progress, changed=changed, conversion=conversion)
    if report.added or report.changed or report.removed:
        add_index_seconds(workspace, report.seconds)
    return report


def watch_sources(
    workspace: Workspace,
    progress: Progress,
    waiting: Callable[[str], None],
    stop: threading.Event | None = None,
) -> Iterator[SyncReport]:
    """Sync now and after each change of a document; see `groundtune.project.watching.follow`."""
    from groundtune.project.sources import source_rules
    from groundtune.project.watching import follow
    from groundtune.sources import Conversion

    settings = workspace.settings.knowledge

    def sync(changed: Collection[str] | None) -> SyncReport:
        return sync_sources(workspace, progress, changed=changed, conversion=conversion)

    # Its worker processes stay: to start one takes longer than to read most files.
    with Conversion(source_rules(settings)) as conversion:
        yield from follow(settings.sources, workspace.folder, sync, waiting, stop)


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
