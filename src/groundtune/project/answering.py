"""The systems of a project, ready to answer questions from several threads: what `ask` and the service use."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from threading import Lock

from groundtune.errors import GroundtuneError, ProjectError
from groundtune.experiment.run import AnswersQueries
from groundtune.experiment.scorers import primary_scorer
from groundtune.knowledge import Filter
from groundtune.project.further import FurtherArms
from groundtune.project.measuring import make_retriever
from groundtune.project.providers import base_model, own_checkpoint, tuned_model
from groundtune.project.workspace import Workspace
from groundtune.records import SYSTEM_IDS, Answer, Demonstration, Document, Hit, Query
from groundtune.storage.ledger import RunRecord
from groundtune.systems import Parts, PromptTemplate, System, build_systems
from groundtune.systems.sufficiency import Sufficiency
from groundtune.training.registry import checkpoints, stamp

LIKELY = 0.5
"""Before anything was calibrated on the project's queries, it answers when it is more likely right than not."""


class ProjectAnswerer:
    """Answers with the systems of the project's last finished run, as they were measured, those beside the four too.

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
        self._changing = Lock()
        self._stamp = self._models_stamp()
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
        return list(self._systems)

    def prepare(self) -> None:
        """Load the weights and the index now, so that the first question does not wait for them."""
        self.systems()
        with suppress(GroundtuneError):  # what is wrong with the index is told to whoever asks for it
            self._workspace.knowledge.search("first", 1, "lexical")

    def ask(self, question: str, system: str | None = None, groups: Sequence[str] = ()) -> Answer:
        """Answer one question.

        Raises:
            ProjectError: when the system is unknown, or the documents have not been indexed yet.
        """
        return self._chosen(system).answer(Query(id="ask", question=question, groups=tuple(groups)))

    def stream(
        self, question: str, system: str | None = None, groups: Sequence[str] = ()
    ) -> Generator[str | Answer, None, None]:
        """Answer one question piece by piece, then the whole answer.

        Raises:
            ProjectError: as of `ask`.
        """
        chosen = self._chosen(system)
        query = Query(id="ask", question=question, groups=tuple(groups))
        if isinstance(chosen, System):
            yield from chosen.stream(query)
            return
        answer = chosen.answer(query)
        if answer.text:
            yield answer.text
        yield answer

    def _models_stamp(self) -> tuple[int, int] | None:
        return stamp(self._workspace.home / "models")

    def _follow(self) -> Workspace:
        """The project with the search that is in use now: the index of an embedding that no longer is goes stale."""
        with self._changing:
            now = self._models_stamp()
            if now != self._stamp:
                self._workspace.look_again()
                self.__dict__.pop("_systems", None)
                self._stamp = now
        return self._workspace

    def _chosen(self, system: str | None) -> AnswersQueries:
        self._follow()
        name = system or self.default
        if name not in self._systems:
            raise ProjectError(f"There is no system {name!r} to ask; there are: {', '.join(self.systems())}.")
        chosen = self._systems[name]
        retrieves = isinstance(chosen, System) and chosen.retriever is not None
        if retrieves and self._workspace.knowledge.count() == 0:
            folder = self._workspace.folder
            raise ProjectError(f"Nothing is indexed yet, and {name} retrieves. Run: groundtune sync --project {folder}")
        return chosen

    def search(self, question: str, k: int, groups: Sequence[str] = ()) -> tuple[Sequence[Hit], Mapping[str, float]]:
        """The best passages that the caller may read, and the milliseconds of the stages."""
        within = Filter(groups=frozenset(groups))
        workspace = self._follow()
        return workspace.knowledge.search_timed(question, k, workspace.plan, within=within)

    def document(self, document_id: str, groups: Sequence[str] = ()) -> Document | None:
        """The document as it is indexed now, where the caller may read it."""
        return self._follow().knowledge.document(document_id, Filter(groups=frozenset(groups)))

    @cached_property
    def _run(self) -> RunRecord | None:
        finished = [run for run in self._workspace.ledger.runs("experiment") if run.finished_at]
        return max(finished, key=lambda run: run.finished_at or "", default=None)

    @cached_property
    def _systems(self) -> dict[str, AnswersQueries]:
        """The four, as far as there are weights for them, and those beside them that the run has measured."""
        four = self._four()
        measured = set(((self._run.result if self._run else None) or {}).get("systems", {}))
        if measured <= set(SYSTEM_IDS):
            return dict(four)
        settings = self._workspace.settings
        scorer = primary_scorer(settings.experiment.primary, settings.project.task)
        beside = FurtherArms(self._workspace, scorer, lambda *_: None).arms(four["prompt"])
        return {**four, **{name: arm for name, arm in beside.items() if name in measured}}

    def _four(self) -> dict[str, System]:
        record = self._run.record if self._run else {}
        choices = record.get("choices") or {"examples": [], "answer_from": dict.fromkeys(SYSTEM_IDS, LIKELY)}
        checkpoint = record.get("checkpoint")
        known = {found.id: found for found in checkpoints(self._workspace.home / "models")} if checkpoint else {}
        used = known.get(checkpoint or "") if self._run else own_checkpoint(self._workspace)
        base, tuned = base_model(self._workspace), tuned_model(self._workspace, used)
        settings = self._workspace.settings.project
        examples = self._workspace.examples(skip_bad=True) if settings.task == "classify" else []
        template = PromptTemplate(
            task=settings.task,
            instruction=settings.instruction,
            examples=tuple(Demonstration(**example) for example in choices["examples"]),
            labels=self._workspace.labels(examples),
            schema=self._workspace.schema,
            datamark=self._workspace.settings.model.datamark,
        )
        parts = Parts(
            base=base,
            tuned=tuned,
            template=template,
            retriever=make_retriever(self._workspace),
            answer_from=choices["answer_from"],
            sufficiency={name: Sufficiency.from_json(model) for name, model in choices.get("sufficiency", {}).items()},
        )
        return build_systems(parts)
