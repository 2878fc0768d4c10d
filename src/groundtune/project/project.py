"""The Python API: a project, and the verbs that take it from files to a verdict."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from groundtune.errors import ProjectError
from groundtune.project.results import CheckReport, Decision, Found, TuneReport
from groundtune.project.workspace import Workspace
from groundtune.settings import FILE_NAME

if TYPE_CHECKING:
    from groundtune.diagnosis.records import Diagnosis
    from groundtune.knowledge import SyncReport
    from groundtune.project.answering import ProjectAnswerer
    from groundtune.project.measuring import Measuring, Progress
    from groundtune.records import Answer, Example

What = Literal["generator", "embedding", "all"]


class Project:
    """A project folder. ``Project.open("my-project").decide()`` is the whole job; each verb works by itself too."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        self._workspace = workspace
        self._progress = progress

    @classmethod
    def open(cls, folder: str | Path, *, progress: Progress | None = None) -> Project:
        """Open a project; nothing is loaded before it is needed.

        Args:
            folder: Holds groundtune.toml.
            progress: Called with (stage, done, total) during long work.

        Raises:
            ProjectError: when the folder is no project.
            SettingsError: when its settings are wrong; names every fault.
        """
        return cls(Workspace(Path(folder)), progress or _silent)

    @staticmethod
    def init(folder: str | Path) -> list[Path]:
        """Make a new project with commented settings and sample rows; nothing that exists is overwritten.

        Raises:
            ProjectError: when the folder holds a project already.
        """
        target = Path(folder)
        if (target / FILE_NAME).exists():
            raise ProjectError(f"{target} holds a project already ({FILE_NAME}); choose another folder.")
        made = []
        with resources.as_file(resources.files("groundtune") / "samples" / "new-project") as source:
            for path in sorted(p for p in source.rglob("*") if p.is_file()):
                copy = target / path.relative_to(source)
                if not copy.exists():
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, copy)
                    made.append(copy)
        return made

    @property
    def name(self) -> str:
        """The name in the settings."""
        return self._workspace.settings.project.name

    @property
    def folder(self) -> Path:
        """The project folder."""
        return self._workspace.folder

    # -- verbs

    def check(self, *, skip_bad: bool = False) -> CheckReport:
        """Gates on documents, examples and queries, and what the query set can show."""
        from groundtune.project.checking import check_project

        return check_project(self._workspace, skip_bad=skip_bad)

    def sync(self) -> SyncReport:
        """Make the knowledge base equal to the documents; without documents, to the examples."""
        from groundtune.project.measuring import add_index_seconds

        workspace = self._workspace
        unit_stage = "Indexing examples" if workspace.draws_on_examples else "Indexing documents"

        def progress(done: int, total: int | None, unit: str) -> None:
            self._progress(unit_stage if unit == "documents" else f"{unit_stage} ({unit})", done, total or 0)

        if workspace.draws_on_examples:
            report = workspace.knowledge.sync_examples(workspace.examples(skip_bad=True), progress=progress)
        else:
            sources = workspace.settings.knowledge.sources
            report = workspace.knowledge.sync(sources, workspace.folder, progress=progress)
        if report.added or report.changed or report.removed:
            add_index_seconds(workspace, report.seconds)
        return report

    def search(self, query: str, k: int = 5) -> Found:
        """The passages nearest to a query."""
        workspace = self._workspace
        hits, milliseconds = workspace.knowledge.search_timed(query, k, workspace.settings.knowledge.search)
        return Found(hits=tuple(hits), milliseconds=milliseconds)

    def ask(self, question: str, system: str | None = None) -> Answer:
        """One answer with citations, or an abstention with its reason.

        Args:
            question: In plain words.
            system: One of the four; None for the verdict's, or ``rag`` before there is one.
        """
        return self.answerer(system).ask(question, system)

    def tune(self, what: What = "generator", *, force: bool = False, skip_bad: bool = False) -> list[TuneReport]:
        """Tune weights on the examples, behind the gate; an interrupted training goes on, a finished one is reused.

        Raises:
            GateClosed: when there are too few examples, rows are broken, or examples leak into the queries.
            MissingExtra: when the training libraries are not installed.
        """
        from groundtune.project.tuning import tune_project

        self._refuse_leaks(self._workspace.examples(skip_bad=skip_bad))
        self.sync()
        with self._workspace.exclusive():
            return tune_project(self._workspace, what, force=force, skip_bad=skip_bad, progress=self._progress)

    def experiment(self, *, skip_bad: bool = False) -> Decision:
        """The 2x2 on the test queries with the newest tuned weights, and the verdict.

        Raises:
            ProjectError: when nothing has been tuned yet.
            GateClosed: when examples leak into the queries.
        """
        examples = self._workspace.examples(skip_bad=skip_bad)
        self._refuse_leaks(examples)
        if self.sync().passages == 0:
            raise ProjectError(f"{self.folder}: the knowledge base is empty; add documents or examples, then sync.")
        with self._workspace.exclusive():
            return self._measure(self._measuring(examples))

    def diagnose(self, run: str | None = None) -> Diagnosis:
        """The cause of each failure of a run (the last one), and what better retrieval or reading would return."""
        decision = self._last_decision(run)
        with self._workspace.exclusive():
            return self._diagnose(self._measuring_of(decision), decision)

    def decide(self, *, force: bool = False, skip_bad: bool = False) -> Decision:
        """Everything needed, in order, to a verdict: check, sync, tune, experiment, diagnose, report."""
        tuned = self.tune("generator", force=force, skip_bad=skip_bad)
        notes = tuple(warning for report in tuned for warning in report.warnings)
        examples = self._workspace.examples(skip_bad=skip_bad)
        with self._workspace.exclusive():
            measuring = self._measuring(examples)
            decision = self._measure(measuring, notes)
            return self._reported(measuring, decision, self._diagnose(measuring, decision))

    def report(self, run: str | None = None) -> Path:
        """Write the self-contained HTML report of a run (the last one) and return its path."""
        decision = self._last_decision(run)
        measuring = self._measuring_of(decision)
        with self._workspace.exclusive():
            return self._reported(measuring, decision, self._diagnose(measuring, decision)).report or Path()

    def runs(self, run: str | None = None) -> list[dict[str, Any]]:
        """The experiments of the project, newest first, or one of them with everything that is stored of it."""
        from groundtune.project.listing import list_runs

        return list_runs(self._workspace, run)

    def models(self, model: str | None = None) -> list[dict[str, Any]]:
        """The tuned models of the project, newest first, or one of them with everything that is stored of it."""
        from groundtune.project.listing import list_models

        return list_models(self._workspace, model)

    def answerer(self, system: str | None = None) -> ProjectAnswerer:
        """What the service serves: the systems of the last run, ready to answer from several threads."""
        from groundtune.project.answering import ProjectAnswerer

        return ProjectAnswerer(self._workspace, system)

    # -- between the verbs

    def _refuse_leaks(self, examples: Sequence[Example]) -> None:
        from groundtune.experiment.leakage import find_leaks, refuse_leaks

        refuse_leaks(find_leaks(examples, self._workspace.queries))

    def _measuring(self, examples: Sequence[Example]) -> Measuring:
        from groundtune.project.measuring import Measuring
        from groundtune.training.registry import promoted

        checkpoint = promoted(self._workspace.home / "models", "generator")
        if checkpoint is None:
            raise ProjectError(
                f"{self.folder} has no tuned model yet. Make one: groundtune tune --project {self.folder}  "
                "(or run the whole job: groundtune decide)"
            )
        return Measuring(self._workspace, examples, checkpoint, self._progress)

    def _measuring_of(self, decision: Decision) -> Measuring:
        measuring = self._measuring(self._workspace.examples(skip_bad=True))
        if measuring.run != decision.result.run:
            raise ProjectError(
                f"Run {decision.result.run} was made with other data, settings or weights than the project has now. "
                f"Measure anew: groundtune experiment --project {self.folder}"
            )
        return measuring

    def _measure(self, measuring: Measuring, notes: tuple[str, ...] = ()) -> Decision:
        from groundtune.verdict.decide import decide

        workspace = self._workspace
        result = measuring.measure()
        verdict = decide(
            result,
            workspace.settings.constraints,
            minimum_gain=workspace.settings.experiment.minimum_gain,
            local=True,
        )
        decision = Decision(
            project=self.name,
            result=result,
            verdict=verdict,
            retrieval="demonstrations" if workspace.draws_on_examples else "documents",
            notes=notes,
        )
        workspace.ledger.finish_run(result.run, decision.to_json())
        return decision

    def _diagnose(self, measuring: Measuring, decision: Decision) -> Diagnosis:
        from groundtune.diagnosis.diagnose import diagnose

        return diagnose(
            decision.result,
            measuring.with_gold(),
            self._workspace.ledger,
            scorer=measuring.scorer,
            progress=lambda done, total: self._progress("Answering from gold evidence", done, total),
        )

    def _reported(self, measuring: Measuring, decision: Decision, diagnosis: Diagnosis) -> Decision:
        from groundtune.project.reporting import write_report

        return write_report(self._workspace, measuring, decision, diagnosis)

    def _last_decision(self, run: str | None) -> Decision:
        examples = self._workspace.examples(skip_bad=True)
        measuring = self._measuring(examples)
        finished = [record.id for record in self._workspace.ledger.runs("experiment") if record.finished_at]
        if not finished or (run is not None and run not in finished):
            known = ", ".join(finished) or "none"
            raise ProjectError(
                f"No finished run{f' {run}' if run else ''} in {self.folder}; there are: {known}. "
                f"Make one: groundtune experiment --project {self.folder}"
            )
        if run is not None and run != measuring.run:
            raise ProjectError(
                f"Run {run} was made with other data, settings or weights than the project has now, so it cannot be "
                f"rebuilt. Its stored results: groundtune runs {run} --project {self.folder}"
            )
        with self._workspace.exclusive():
            return self._measure(measuring)


def _silent(stage: str, done: int, total: int) -> None:
    """No progress is shown."""
