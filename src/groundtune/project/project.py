"""The Python API: a project, and the verbs that take it from files to a verdict."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from groundtune.errors import NotConfirmed, ProjectError
from groundtune.project.results import CheckReport, Decision, Found, TuneReport
from groundtune.project.workspace import Workspace
from groundtune.settings import FILE_NAME

if TYPE_CHECKING:
    from groundtune.advice.answers import Answers
    from groundtune.advice.forecast import Forecast
    from groundtune.diagnosis.records import Diagnosis
    from groundtune.experiment.retrieval.results import RetrievalResult, SweepResult
    from groundtune.knowledge import Filter, SyncReport
    from groundtune.project.answering import ProjectAnswerer
    from groundtune.project.generators import Confirm
    from groundtune.project.measuring import Measuring, Progress
    from groundtune.records import Answer, Example
    from groundtune.training.learning_curve import LearningCurve

What = Literal["generator", "embedding", "reranker", "all"]


class Project:
    """A project folder. ``Project.open("my-project").decide()`` is the whole job; each verb works by itself too."""

    def __init__(self, workspace: Workspace, progress: Progress, confirm: Confirm) -> None:
        self._workspace = workspace
        self._progress = progress
        self._confirm = confirm

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        progress: Progress | None = None,
        budget_usd: float | None = None,
        confirm: Confirm | None = None,
    ) -> Project:
        """Open a project; nothing is loaded before it is needed.

        Args:
            folder: Holds groundtune.toml.
            progress: Called with (stage, done, total) during long work.
            budget_usd: What calls to paid models may cost in all, in US dollars; never exceeded.
            confirm: Shown what a tuning is about to send, pay or promise; without it the answer is no.

        Raises:
            ProjectError: when the folder is no project, or the budget no positive amount.
            SettingsError: when its settings are wrong; names every fault.
        """
        workspace = Workspace(Path(folder))
        if budget_usd is not None:
            from groundtune.models.budget import Budget

            workspace.budget = Budget(budget_usd)
        return cls(workspace, progress or _silent, confirm or _refuse)

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

    def advise(self, answers: Answers | None = None) -> Forecast:
        """A forecast before anything is measured, kept so that the report can score it after `decide`.

        Args:
            answers: To the questionnaire; they win over what the project itself shows.

        Raises:
            AnswersError: when answers contradict each other, or what the project shows.
        """
        from groundtune.advice.answers import Answers
        from groundtune.project.advising import advise_project

        return advise_project(self._workspace, answers or Answers())

    def shown_answers(self) -> dict[str, tuple[Any, str]]:
        """What the project already answers of the questionnaire: by question, the answer and where it shows."""
        from groundtune.project.advising import shown_by

        return shown_by(self._workspace)

    def check(self, *, skip_bad: bool = False, fix: bool = False) -> CheckReport:
        """Gates on documents, examples and queries, and what the query set can show.

        Args:
            skip_bad: Broken example rows do not close the gate.
            fix: Write a cleaned copy of the examples next to them, where there is anything to clean.
        """
        from groundtune.project.checking import check_project

        return check_project(self._workspace, skip_bad=skip_bad, fix=fix)

    def sync(self) -> SyncReport:
        """Make the knowledge base equal to the documents; without documents, to the examples."""
        from groundtune.project.indexing import sync_sources

        return sync_sources(self._workspace, self._progress)

    def watch(
        self, *, stop: threading.Event | None = None, waiting: Callable[[str], None] | None = None
    ) -> Iterator[SyncReport]:
        """Sync now and after each change of a document, until ``stop`` is set or the iteration is left.

        Args:
            stop: Ends it.
            waiting: Told why a sync has to wait for another one.

        Returns:
            The report of each sync that found something to do, the first one always.

        Raises:
            ProjectError: when there is no local document to watch.
        """
        from groundtune.project.indexing import watch_sources

        return watch_sources(self._workspace, self._progress, waiting or (lambda _: None), stop)

    @property
    def groups_header(self) -> str | None:
        """The request header that the service trusts to name the caller's groups; None: no caller has any."""
        return self._workspace.settings.knowledge.groups_header or None

    def search(self, query: str, k: int = 5, *, within: Filter | None = None, at: str | None = None) -> Found:
        """The passages nearest to a query.

        Args:
            query: In plain words.
            k: How many.
            within: The caller's access groups and what else narrows the search; None: what everyone may see.
            at: Name of a kept knowledge version; None: the newest.

        Raises:
            ProjectError: when there is no such version.
        """
        from groundtune.knowledge import EVERYONE

        workspace = self._workspace
        within = within or EVERYONE
        hits, milliseconds = workspace.knowledge.search_timed(query, k, workspace.plan, within=within, at=at)
        return Found(hits=tuple(hits), milliseconds=milliseconds)

    def ask(self, question: str, system: str | None = None, *, groups: Sequence[str] = ()) -> Answer:
        """One answer with citations, or an abstention with its reason.

        Args:
            question: In plain words.
            system: One of the four; None for the verdict's, or ``rag`` before there is one.
            groups: The caller's access groups; without any it sees what everyone may see.
        """
        return self.answerer(system).ask(question, system, groups)

    def tune(self, what: What = "generator", *, force: bool = False, skip_bad: bool = False) -> list[TuneReport]:
        """Tune weights on the examples, behind the gate; an interrupted training goes on, a finished one is reused.

        Raises:
            GateClosed: when there are too few examples, rows are broken, or examples leak into the queries.
            MissingExtra: when the training libraries are not installed.
        """
        from groundtune.project.searching import learn_fusion
        from groundtune.project.tuning import Wish, tune_project

        self._refuse_leaks(self._workspace.examples(skip_bad=skip_bad))
        self.sync()
        with self._workspace.exclusive():
            learn_fusion(self._workspace)
            wish = Wish(force=force, skip_bad=skip_bad, confirm=self._confirm)
            return tune_project(self._workspace, what, wish, self._progress)

    def cancel_tuning(self) -> list[str | None]:
        """End the training at a provider that is under way for this project, from any process; it may still be charged
        for what it has trained.

        Returns:
            The id of each job that was ended; None for one that had not begun.

        Raises:
            ProjectError: when none is under way.
            ModelError: when the provider refuses.
        """
        from groundtune.project.generators import cancel_hosted

        return cancel_hosted(self._workspace)

    def learning_curve(self, target: float | None = None, *, skip_bad: bool = False) -> LearningCurve:
        """Train on growing shares of the examples, and say how many more the target takes (a range), or that it is out
        of reach.

        Args:
            target: Score in [0, 1] of the deciding scorer; None draws the curve alone.
            skip_bad: Go on with the good rows.

        Raises:
            GateClosed: when there are too few examples or dev queries, or each training would be paid for.
        """
        from groundtune.project.curve import measure_curve

        examples = self._workspace.examples(skip_bad=skip_bad)
        self._refuse_leaks(examples)
        self.sync()
        with self._workspace.exclusive():
            return measure_curve(self._workspace, examples, target, self._progress)

    def experiment(self, *, skip_bad: bool = False, load_seconds: float | None = None) -> Decision:
        """The 2x2 on the test queries with the newest tuned weights, and the verdict.

        Args:
            skip_bad: Go on with the good rows of the examples.
            load_seconds: Afterwards let queries arrive at each system for so long, as in the busiest hour.

        Raises:
            ProjectError: when nothing has been tuned yet, or a load run is asked for and the volume is not set.
            GateClosed: when examples leak into the queries, or no query would arrive in the seconds of the load run.
        """
        from groundtune.project.deciding import judged, measuring_now
        from groundtune.project.loading import measure_load
        from groundtune.project.searching import learn_fusion

        examples = self._workspace.examples(skip_bad=skip_bad)
        self._refuse_leaks(examples)
        if self.sync().passages == 0:
            raise ProjectError(f"{self.folder}: the knowledge base is empty; add documents or examples, then sync.")
        with self._workspace.exclusive():
            learn_fusion(self._workspace)
            measuring = measuring_now(self._workspace, examples, self._progress)
            decision = judged(self._workspace, measuring)
            if load_seconds is not None:
                measure_load(self._workspace, measuring, load_seconds, self._progress)
                decision = judged(self._workspace, measuring)
            return decision

    def measure_retrieval(self) -> RetrievalResult:
        """What each search finds for the test queries that name their evidence; nothing is generated.

        Raises:
            ProjectError: when there are no documents to search.
            MissingExtra: when the library of the measures is not installed.
        """
        from groundtune.project.retrieving import measure_retrieval
        from groundtune.project.searching import learn_fusion

        self.sync()
        with self._workspace.exclusive():
            learn_fusion(self._workspace)
            return measure_retrieval(self._workspace, self._progress)

    def sweep_retrieval(self) -> SweepResult:
        """The best settings of the search, found on dev and measured once on test; nothing is written to the settings.

        Raises:
            ProjectError: when dev or test has no query that names its evidence.
            MissingExtra: when the library of the measures is not installed.
        """
        from groundtune.project.searching import learn_fusion
        from groundtune.project.sweeping import sweep_retrieval

        self.sync()
        with self._workspace.exclusive():
            learn_fusion(self._workspace)
            return sweep_retrieval(self._workspace, self._progress)

    def diagnose(self, run: str | None = None) -> Diagnosis:
        """The cause of each failure of a run (the last one), and what better retrieval or reading would return."""
        from groundtune.project.deciding import diagnosed, last_decision, measuring_of

        decision = last_decision(self._workspace, run, self._progress)
        with self._workspace.exclusive():
            measuring = measuring_of(self._workspace, decision, self._progress)
            return diagnosed(self._workspace, measuring, decision, self._progress)

    def decide(self, *, force: bool = False, skip_bad: bool = False) -> Decision:
        """Everything needed, in order, to a verdict: check, sync, tune, experiment, diagnose, report.

        Nothing is tuned where the settings name a model that is tuned already, or where nobody confirms what a provider
        would charge: then the tuned systems are left out, and a note says so.
        """
        from groundtune.project.deciding import judged, measuring_now

        notes = self._tuned_for_decision(force=force, skip_bad=skip_bad)
        examples = self._workspace.examples(skip_bad=skip_bad)
        with self._workspace.exclusive():
            measuring = measuring_now(self._workspace, examples, self._progress)
            return self._reported(measuring, judged(self._workspace, measuring, notes))

    def report(self, run: str | None = None) -> Path:
        """Write the self-contained HTML report of a run (the last one) and return its path."""
        from groundtune.project.deciding import last_decision, measuring_of

        decision = last_decision(self._workspace, run, self._progress)
        measuring = measuring_of(self._workspace, decision, self._progress)
        with self._workspace.exclusive():
            return self._reported(measuring, decision).report or Path()

    def runs(self, run: str | None = None) -> list[dict[str, Any]]:
        """The experiments of the project, newest first, or one of them with everything that is stored of it."""
        from groundtune.project.listing import list_runs

        return list_runs(self._workspace, run)

    def models(self, model: str | None = None) -> list[dict[str, Any]]:
        """The tuned models of the project, newest first, or one of them with everything that is stored of it."""
        from groundtune.project.listing import list_models

        return list_models(self._workspace, model)

    def promote(self, model: str, *, force: bool = False) -> dict[str, Any]:
        """Put a tuned model to use.

        Raises:
            GateClosed: when it failed its gates; ``force`` takes it all the same.
            ProjectError: when there is no such model.
        """
        from groundtune.project.listing import promote_model

        return promote_model(self._workspace, model, self._progress, force=force)

    def roll_back(self, role: str = "generator") -> dict[str, Any]:
        """Return a role (``generator``, ``embedding``, ``reranker``) to the model that it used before."""
        from groundtune.project.listing import roll_back_model

        return roll_back_model(self._workspace, role, self._progress)

    def compare_models(self, first: str, second: str) -> dict[str, Any]:
        """How two tuned models differ: data, recipe, metrics, gates."""
        from groundtune.project.listing import compare_models

        return compare_models(self._workspace, first, second)

    def answerer(self, system: str | None = None) -> ProjectAnswerer:
        """What the service serves: the systems of the last run, ready to answer from several threads."""
        from groundtune.project.answering import ProjectAnswerer

        return ProjectAnswerer(self._workspace, system)

    # -- between the verbs

    def _tuned_for_decision(self, *, force: bool, skip_bad: bool) -> tuple[str, ...]:
        if self._workspace.settings.model.tuned:
            self.experiment(skip_bad=skip_bad)
            return ()
        try:
            reports = self.tune("generator", force=force, skip_bad=skip_bad)
        except NotConfirmed:
            self.experiment(skip_bad=skip_bad)
            return ("Tuning was not confirmed, so tuned and tuned_rag were not measured.",)
        return tuple(warning for report in reports for warning in report.warnings)

    def _reported(self, measuring: Measuring, decision: Decision) -> Decision:
        from groundtune.project.deciding import diagnosed
        from groundtune.project.reporting import write_report

        diagnosis = diagnosed(self._workspace, measuring, decision, self._progress)
        return write_report(self._workspace, measuring, decision, diagnosis)

    def _refuse_leaks(self, examples: Sequence[Example]) -> None:
        from groundtune.experiment.leakage import find_leaks, refuse_leaks

        refuse_leaks(find_leaks(examples, self._workspace.queries))


def _refuse(shown: str) -> bool:
    """Nobody is there to say yes."""
    return False


def _silent(stage: str, done: int, total: int) -> None:
    """No progress is shown."""
