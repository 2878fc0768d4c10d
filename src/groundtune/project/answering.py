"""The systems of a project, ready to answer questions from several threads: what `ask` and the service use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from groundtune.errors import ProjectError
from groundtune.project.measuring import load_models, retriever
from groundtune.project.workspace import Workspace
from groundtune.records import SYSTEM_IDS, Answer, Demonstration, Document, Hit, Query
from groundtune.storage.ledger import RunRecord
from groundtune.systems import Parts, PromptTemplate, System, build_systems

LIKELY = 0.5
"""Before anything was calibrated on the project's queries, it answers when it is more likely right than not."""


class ProjectAnswerer:
    """Answers with the systems of the project's last finished run, as they were measured.

    Before the first run there are the systems that need no tuned weights, without few-shot examples.
    """

    def __init__(self, workspace: Workspace, system: str | None = None) -> None:
        """Prepare to answer.

        Args:
            workspace: The project.
            system: The one that answers when none is named; None for the verdict's.

        Raises:
            ProjectError: when there is no such system.
        """
        self._workspace = workspace
        self._wanted = system
        if system is not None and system not in self.systems():
            raise ProjectError(f"There is no system {system!r} to ask; there are: {', '.join(self.systems())}.")

    @property
    def default(self) -> str:
        """The operator's choice, else the verdict's system, else ``rag``."""
        result = (self._run.result if self._run else None) or {}
        chosen = self._wanted or (result.get("verdict") or {}).get("system")
        return chosen if chosen in self._systems else "rag"

    def systems(self) -> Sequence[str]:
        """The systems that can be named, simplest first."""
        return [name for name in SYSTEM_IDS if name in self._systems]

    def ask(self, question: str, system: str | None = None, groups: Sequence[str] = ()) -> Answer:
        """Answer one question.

        Raises:
            ProjectError: when the system is unknown, or the documents have not been indexed yet.
        """
        del groups  # This version indexes no access groups beyond "everyone"; see docs/decisions/0005-access-groups.md.
        name = system or self.default
        if name not in self._systems:
            raise ProjectError(f"There is no system {name!r} to ask; there are: {', '.join(self.systems())}.")
        chosen = self._systems[name]
        if chosen.retriever and self._workspace.knowledge.count() == 0:
            folder = self._workspace.folder
            raise ProjectError(f"Nothing is indexed yet, and {name} retrieves. Run: groundtune sync --project {folder}")
        return chosen.answer(Query(id="ask", question=question))

    def search(self, question: str, k: int) -> tuple[Sequence[Hit], Mapping[str, float]]:
        """The best passages, and the milliseconds of the stages."""
        return self._workspace.knowledge.search_timed(question, k, self._workspace.settings.knowledge.search)

    def document(self, document_id: str) -> Document | None:
        """The document as it is indexed now."""
        return self._workspace.knowledge.document(document_id)

    @cached_property
    def _run(self) -> RunRecord | None:
        finished = [run for run in self._workspace.ledger.runs("experiment") if run.finished_at]
        return max(finished, key=lambda run: run.finished_at or "", default=None)

    @cached_property
    def _systems(self) -> dict[str, System]:
        record = self._run.record if self._run else {}
        choices = record.get("choices") or {"examples": [], "answer_from": dict.fromkeys(SYSTEM_IDS, LIKELY)}
        checkpoint = record.get("checkpoint")
        folder = self._workspace.home / "models" / checkpoint if checkpoint else None
        base, tuned = load_models(self._workspace, folder if folder and folder.is_dir() else None)
        settings = self._workspace.settings.project
        examples = self._workspace.examples(skip_bad=True) if settings.task == "classify" else []
        template = PromptTemplate(
            task=settings.task,
            instruction=settings.instruction,
            examples=tuple(Demonstration(**example) for example in choices["examples"]),
            labels=self._workspace.labels(examples),
            schema=self._workspace.schema,
        )
        parts = Parts(
            base=base,
            tuned=tuned,
            template=template,
            retriever=retriever(self._workspace),
            answer_from=choices["answer_from"],
        )
        return build_systems(parts)
