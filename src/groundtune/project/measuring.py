"""From the parts of a project to a measured comparison: choices on dev, then the 2x2 on test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from groundtune import __version__
from groundtune.experiment.calibrate import Calibration, calibrate
from groundtune.experiment.run import AnswersQueries, Measured, answer_all, run_experiment
from groundtune.experiment.scorers import Scorer, primary_scorer, score_answer
from groundtune.knowledge import Filter
from groundtune.knowledge.embedding import token_source
from groundtune.knowledge.sections import Sections
from groundtune.project.further import FurtherArms
from groundtune.project.providers import base_model, prices, tuned_model
from groundtune.project.workspace import Workspace, file_hash, fingerprint
from groundtune.records import Answer, Demonstration, Example, Query
from groundtune.settings import settings_json
from groundtune.systems import (
    GoldEvidence,
    KnowledgeRetriever,
    Origins,
    Parts,
    PromptTemplate,
    Retriever,
    System,
    build_systems,
    candidate_sets,
    choose_set,
    load_retriever,
    with_evidence,
)
from groundtune.systems.prompt import TEMPLATE_VERSION
from groundtune.systems.sufficiency import Sufficiency
from groundtune.systems.widened import WidenedRetriever

if TYPE_CHECKING:
    from groundtune.experiment.results import ExperimentResult
    from groundtune.models import Model
    from groundtune.training.registry import Checkpoint

MOST_FEW_SHOT_ANSWERS = 200
"""Answers that the choice of few-shot examples may take of a model that costs money or time."""

CONTEXT_TOKENS = 1500
"""Tokens of context that a writing model is given unless the project says otherwise."""

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total); total 0 where nobody knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What dev decided: the few-shot examples, and how sure each system must be to answer."""

    examples: tuple[Demonstration, ...]
    calibrations: Mapping[str, Calibration]
    seconds: float | None

    @property
    def answer_from(self) -> dict[str, float]:
        """Least confidence to answer with, by system."""
        return {name: calibration.answer_from for name, calibration in self.calibrations.items()}

    @property
    def sufficiency(self) -> dict[str, Sufficiency]:
        """What the confidence is made with, by system; left out where it is the model's own."""
        return {name: found.sufficiency for name, found in self.calibrations.items() if found.sufficiency}

    def to_json(self) -> dict[str, Any]:
        """As a run stores it."""
        return {
            "examples": [asdict(e) for e in self.examples],
            "answer_from": self.answer_from,
            "sufficiency": {name: model.to_json() for name, model in self.sufficiency.items()},
        }


class Measuring:
    """One comparison of one project: fixed data, weights and knowledge."""

    def __init__(
        self, workspace: Workspace, examples: Sequence[Example], tuned: Checkpoint | None, progress: Progress
    ) -> None:
        self._workspace = workspace
        self._examples = list(examples)
        self._tuned = tuned
        self._progress = progress

    @cached_property
    def scorer(self) -> Scorer:
        """What decides."""
        settings = self._workspace.settings
        return primary_scorer(settings.experiment.primary, settings.project.task)

    @cached_property
    def run(self) -> str:
        """Names the comparison: the same data, weights, knowledge, settings and choices give the same one again."""
        return fingerprint(self.record, self.choices.to_json())

    @cached_property
    def record(self) -> dict[str, Any]:
        """What is needed to rebuild the run."""
        workspace = self._workspace
        settings = settings_json(workspace.settings)
        # Constraints and the equivalence zone only weigh what was measured, but for one: it sets the thresholds.
        settings["constraints"] = {"max_wrong_rate": settings["constraints"]["max_wrong_rate"]}
        settings["experiment"]["minimum_gain"] = None
        settings.pop("economics")
        return {
            "groundtune": __version__,
            "template": TEMPLATE_VERSION,
            "scorer": f"{self.scorer.name}/{self.scorer.version}",
            "settings": settings,
            "queries": file_hash(workspace.queries_path),
            "examples": file_hash(workspace.examples_path),
            "knowledge": workspace.knowledge.version,
            "fusion": workspace.knowledge.alpha,
            "embedding": workspace.embedding.name,
            "models": {"base": self.models[0].name, "tuned": self.models[1].name if self.models[1] else None},
            "retriever": getattr(self.retriever, "name", None),
            "reranker": workspace.plan.reranker.name if workspace.plan.reranker else None,
            "further": self.further.record,
            "checkpoint": self._tuned.id if self._tuned else None,
        }

    @cached_property
    def models(self) -> tuple[Model, Model | None]:
        """The model as it comes, and with tuned weights."""
        return base_model(self._workspace), tuned_model(self._workspace, self._tuned)

    @cached_property
    def retriever(self) -> Retriever:
        """What both retrieval cells search."""
        return make_retriever(self._workspace)

    @cached_property
    def further(self) -> FurtherArms:
        """What is measured beside the four."""
        return FurtherArms(self._workspace, self.scorer, self._progress)

    def systems(self, choices: Choices) -> dict[str, System]:
        """The cells of the 2x2."""
        return build_systems(self._parts(choices.examples, choices))

    @cached_property
    def arms(self) -> Mapping[str, AnswersQueries]:
        """The cells of the 2x2, then the further arms."""
        four = self.systems(self.choices)
        return {**four, **self.further.arms(four["prompt"])}

    def _parts(self, examples: tuple[Demonstration, ...], choices: Choices | None = None) -> Parts:
        workspace = self._workspace
        base, tuned = self.models
        template = PromptTemplate(
            task=workspace.settings.project.task,
            instruction=workspace.settings.project.instruction,
            examples=examples,
            labels=workspace.labels(self._examples),
            schema=workspace.schema,
            datamark=workspace.settings.model.datamark,
        )
        return Parts(
            base=base,
            tuned=tuned,
            template=template,
            retriever=self.retriever,
            answer_from=choices.answer_from if choices else {},
            sufficiency=choices.sufficiency if choices else {},
        )

    def parts_with(self, tuned: Model) -> Parts:
        """The parts of the four with these tuned weights, before anything is chosen on dev."""
        return replace(self._parts(()), tuned=tuned)

    @cached_property
    def choices(self) -> Choices:
        """Made on dev; every dev answer is kept, so that an interrupted run goes on and a repeated one is free."""
        run = f"{fingerprint(self.record)}-dev"
        self._workspace.ledger.start_run(run, kind="dev", record=self.record)
        examples = self._few_shot(run)
        systems = build_systems(self._parts(examples))
        dev = self._workspace.split.dev
        answers = self._answer(systems, dev, run, "Calibrating on dev")
        limit = self._workspace.settings.constraints.max_wrong_rate
        # Somebody has to handle a message, so a label is always given unless wrong ones are limited.
        abstains = self._workspace.settings.project.task != "classify" or limit is not None
        calibrations = {
            name: calibrate(
                [answers[name, query.id] for query in dev],
                dev,
                self.scorer,
                clusters=self._workspace.split.clusters,
                max_wrong_rate=limit,
            )
            for name in systems
            if abstains
        }
        spent = [a.milliseconds["total"] for a in self._workspace.ledger.answers(run).values() if a.milliseconds]
        return Choices(examples=examples, calibrations=calibrations, seconds=sum(spent) / 1e3 if spent else None)

    def _few_shot(self, run: str) -> tuple[Demonstration, ...]:
        settings = self._workspace.settings
        sets = candidate_sets(
            self._examples, settings.project.task, settings.experiment.examples_in_prompt, settings.experiment.seed
        )
        if len(sets) == 1:
            return sets[0]
        candidates = {
            f"prompt#{n}": replace(build_systems(self._parts(chosen))["prompt"], id=f"prompt#{n}")
            for n, chosen in enumerate(sets)
        }

        def scores(n: int, queries: Sequence[Query]) -> list[float]:
            name = f"prompt#{n}"
            answers = self._answer({name: candidates[name]}, queries, run, "Choosing few-shot examples")
            return [self.score(answers[name, query.id], query) or 0.0 for query in queries]

        dev = self._workspace.split.dev
        # The embedded model answers for nothing, so every set answers every query there.
        free = self._workspace.settings.model.provider == "embedded"
        most = len(sets) * len(dev) * len(sets) if free else MOST_FEW_SHOT_ANSWERS
        return sets[choose_set(len(sets), dev, scores, most_answers=most, seed=settings.experiment.seed)]

    def plain_answers(self) -> dict[tuple[str, str], Answer]:
        """What the four say on dev without few-shot examples, by (system, query id)."""
        run = f"{fingerprint(self.record)}-plain"
        self._workspace.ledger.start_run(run, kind="dev", record=self.record)
        return self._answer(build_systems(self._parts(())), self._workspace.split.dev, run, "Answering dev queries")

    def score(self, answer: Answer, query: Query) -> float | None:
        """What the deciding scorer makes of an answer."""
        return score_answer(self.scorer, answer, query).value

    def _answer(
        self, systems: Mapping[Any, System], queries: Sequence[Query], run: str, stage: str
    ) -> dict[tuple[str, str], Answer]:
        if not queries:
            return {}
        ledger = self._workspace.ledger
        return answer_all(
            systems,
            queries,
            ledger,
            run,
            concurrency=self.concurrency,
            progress=lambda done, total: self._progress(stage, done, total),
        )

    @property
    def concurrency(self) -> int:
        """Most questions under way; the embedded model uses all cores for one."""
        settings = self._workspace.settings.model
        return 1 if settings.provider == "embedded" else settings.concurrency

    def measure(self) -> ExperimentResult:
        """The comparison on the test queries, from the ledger where it holds the answers already."""
        workspace = self._workspace
        choices = self.choices
        workspace.ledger.start_run(self.run, kind="experiment", record=self.record | {"choices": choices.to_json()})
        result = run_experiment(
            self.arms,
            workspace.split.test,
            workspace.ledger,
            self.run,
            scorer=self.scorer,
            clusters=workspace.split.clusters,
            seed=workspace.settings.experiment.seed,
            measured=Measured(seconds_to_build=self._build_seconds(choices), prices=prices(workspace, self._tuned)),
            concurrency=self.concurrency,
            progress=lambda done, total: self._progress("Answering the test queries", done, total),
        )
        return replace(result, calibrations=choices.calibrations)

    def with_gold(self) -> dict[str, System]:
        """The retrieval cells over gold evidence: what perfect retrieval would give them."""
        workspace = self._workspace
        gold = GoldEvidence(workspace.knowledge, workspace.settings.knowledge.passages)
        systems = self.systems(self.choices)
        return {f"{name}+gold": with_evidence(systems[name], gold) for name in ("rag", "tuned_rag") if name in systems}

    def _build_seconds(self, choices: Choices) -> dict[str, float | None]:
        indexing = index_seconds(self._workspace)
        tuning = self._tuned.seconds if self._tuned else None
        both = indexing + tuning if indexing is not None and tuning is not None else None
        return {"prompt": choices.seconds, "rag": indexing, "tuned": tuning, "tuned_rag": both}


def make_retriever(workspace: Workspace) -> Retriever:
    """The one retriever of both retrieval cells: the knowledge base, or the user's own."""
    settings = workspace.settings.knowledge
    if settings.retriever:
        origins = Origins(workspace.knowledge)
        return load_retriever(settings.retriever, workspace.folder, passages=settings.passages, origins=origins)
    found = KnowledgeRetriever(workspace.knowledge, settings.passages, workspace.plan)
    budget = _context_tokens(workspace)
    if not budget or workspace.draws_on_examples:
        return found
    tokens = token_source(workspace.embedding)
    sections = Sections(
        lambda id_, groups: workspace.knowledge.document(id_, Filter(groups=groups)),
        lambda text: len(tokens.encode(text).ids),
        budget,
    )
    return WidenedRetriever(found, sections)


def _context_tokens(workspace: Workspace) -> int:
    """The budget of the context; the embedded reader finds more in short passages, see docs/decisions/0028."""
    given = workspace.settings.knowledge.context_tokens
    if given is not None:
        return given
    return 0 if workspace.settings.model.provider == "embedded" else CONTEXT_TOKENS


def index_seconds(workspace: Workspace) -> float | None:
    """What all syncs that changed the knowledge base took together, None before the first."""
    import json

    path = workspace.home / "build-seconds.json"
    return float(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def add_index_seconds(workspace: Workspace, seconds: float) -> None:
    """Remember what a sync took."""
    path = workspace.home / "build-seconds.json"
    path.write_text(f"{(index_seconds(workspace) or 0.0) + seconds:.3f}", encoding="utf-8")
