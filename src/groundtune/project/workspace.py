"""What a project has: its files as read, its knowledge base, its ledger, and the lock that one run at a time holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtune.errors import Busy, GateClosed, ProjectError
from groundtune.models.reply_schema import reply_validator
from groundtune.project.results import lines
from groundtune.records import Example, Query
from groundtune.settings import FOLDER_NAME, Settings, load_settings

if TYPE_CHECKING:
    from groundtune.experiment.split import Split
    from groundtune.knowledge import KnowledgeBase, SearchPlan
    from groundtune.models import EmbeddingModel
    from groundtune.models.budget import Budget
    from groundtune.models.embedded.embed import EmbeddedEmbedding
    from groundtune.models.embedded.weights import BaseWeights
    from groundtune.storage.completions import CompletionStore
    from groundtune.storage.ledger import Ledger


class Workspace:
    """The parts of one project folder, each made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        """Read and check the settings, and the JSON Schema of the replies where they name one.

        Raises:
            ProjectError: when the folder is no project, or its schema cannot be used.
            SettingsError: when its settings are wrong.
        """
        self.folder = folder
        self.settings: Settings = load_settings(folder)
        self.schema = _reply_schema(folder, self.settings.project.json_schema)
        self.home = folder / FOLDER_NAME
        self.budget: Budget | None = None
        if self.settings.project.task == "write" and self.settings.model.provider == "embedded":
            raise ProjectError(
                'task = "write" needs a model that writes, and the embedded model quotes and chooses. Set [model] '
                'provider to "openai" or "transformers", or use the task answer, classify or extract.'
            )

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the project: one tuning or experiment at a time.

        Raises:
            Busy: when another process is at it.
        """
        from filelock import FileLock, Timeout

        self.home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(self.home / "run.lock"), timeout=0)
        try:
            with lock:
                yield
        except Timeout:
            raise Busy(
                f"Another run is at work in {self.folder}. One at a time is allowed: wait for it or stop it, then run "
                "the command again; what it finished is kept."
            ) from None

    @cached_property
    def ledger(self) -> Ledger:
        """Every run and answer."""
        from groundtune.storage.ledger import Ledger

        self.home.mkdir(parents=True, exist_ok=True)
        return Ledger.open(self.home / "ledger.sqlite")

    @cached_property
    def completions(self) -> CompletionStore:
        """What chat models have written: asked for once."""
        from groundtune.storage.completions import CompletionStore

        self.home.mkdir(parents=True, exist_ok=True)
        return CompletionStore.open(self.home / "completions.sqlite")

    @cached_property
    def weights(self) -> BaseWeights:
        """The base weights, checked."""
        from groundtune.models.embedded.weights import base_weights

        model = self.settings.model
        return base_weights(Path(model.name).expanduser() if model.name and model.provider == "embedded" else None)

    @cached_property
    def embedding(self) -> EmbeddingModel:
        """The embedding model: the embedded one, perhaps tuned, or the other one that the settings name."""
        from groundtune.models.embedded.embed import EmbeddedEmbedding
        from groundtune.project.providers import embedding_model

        if self.settings.model.embedding.provider != "embedded":
            return embedding_model(self)
        checkpoint = self._embedding_checkpoint()
        if checkpoint is None:
            return EmbeddedEmbedding.of(self.weights)
        folder = self.home / "models" / checkpoint
        if Path(checkpoint).name != checkpoint or not folder.is_dir():
            raise ProjectError(
                f"[model.embedding] checkpoint = {checkpoint!r}: there is no such tuned model. "
                "List them with: groundtune models"
            )
        return EmbeddedEmbedding.of(self.weights, folder)

    def _embedding_checkpoint(self) -> str | None:
        """The tuned embedding: the one that the settings name, else the one in use; None: base weights."""
        from groundtune.training.registry import promoted

        named = self.settings.model.embedding.checkpoint
        if named:
            return None if named == "base" else named
        found = promoted(self.home / "models", "embedding")
        return found.id if found else None

    def with_embedding(self, checkpoint: str) -> Workspace:
        """The same project with another embedded embedding: the id of a tuned one, or ``base``."""
        embedding = self.settings.model.embedding.model_copy(update={"checkpoint": checkpoint})
        model = self.settings.model.model_copy(update={"embedding": embedding})
        other = Workspace(self.folder)
        other.settings = self.settings.model_copy(update={"model": model})
        other.budget = self.budget
        other.__dict__["weights"] = self.weights
        return other

    def look_again(self) -> None:
        """Forget which tuned models are in use, after that has changed."""
        for part in ("embedding", "encoder", "knowledge", "plan"):
            self.__dict__.pop(part, None)

    @cached_property
    def encoder(self) -> EmbeddedEmbedding:
        """The embedded model's own encoder, with base weights; the knowledge base's where that is the same."""
        from groundtune.models.embedded.embed import EmbeddedEmbedding

        base = self.settings.model.embedding.provider == "embedded" and self._embedding_checkpoint() is None
        if base and isinstance(self.embedding, EmbeddedEmbedding):
            return self.embedding
        return EmbeddedEmbedding.of(self.weights)

    @cached_property
    def knowledge(self) -> KnowledgeBase:
        """The knowledge base, as it was last synced."""
        from groundtune.knowledge import AccessRules, KnowledgeBase
        from groundtune.project.postgres import postgres_opener

        settings = self.settings.knowledge
        return KnowledgeBase(
            self.home / "knowledge",
            self.embedding,
            max_tokens=settings.passage_tokens,
            keep_versions=settings.keep_versions,
            access=AccessRules(settings.groups),
            open_store=postgres_opener(self.settings) if settings.store == "postgres" else None,
        )

    @cached_property
    def plan(self) -> SearchPlan:
        """How the knowledge base is searched: every stage that the settings ask for."""
        from groundtune.project.searching import search_plan

        return search_plan(self)

    @property
    def draws_on_examples(self) -> bool:
        """Whether retrieval gives demonstrations, because the project has no documents."""
        return not self.settings.knowledge.sources

    @property
    def examples_path(self) -> Path:
        """Where the training examples are."""
        return self.folder / self.settings.training.examples

    @property
    def queries_path(self) -> Path:
        """Where the labelled queries are."""
        return self.folder / self.settings.experiment.queries

    @property
    def has_queries(self) -> bool:
        """Whether there is a file of queries with anything in it."""
        return self.queries_path.is_file() and bool(self.queries_path.read_bytes().strip())

    def examples(self, *, skip_bad: bool) -> list[Example]:
        """The good training examples.

        Raises:
            GateClosed: when rows are broken and ``skip_bad`` is not set; names each with its line.
        """
        from groundtune.training.examples import read_examples

        examples, faults = read_examples(self.examples_path)
        if faults and not skip_bad:
            raise GateClosed(
                f"{self.examples_path}: {len(faults)} of {len(faults) + len(examples)} rows cannot be used\n"
                f"{lines([str(fault) for fault in faults])}\n"
                "Correct them, or go on with the good rows: --skip-bad. The file is left as it is."
            )
        return examples

    @cached_property
    def queries(self) -> list[Query]:
        """The labelled queries; with a closed set, every answer is one of it."""
        from groundtune.experiment.queries import read_queries

        groups = self.settings.experiment.groups
        return [replace(query, groups=groups) for query in read_queries(self.queries_path)]

    @cached_property
    def split(self) -> Split:
        """Dev and test queries, by cluster."""
        from groundtune.experiment.split import split_queries

        return split_queries(self.queries, seed=self.settings.experiment.seed)

    def labels(self, examples: list[Example]) -> tuple[str, ...]:
        """The closed set of a classification, sorted: the settings' or the examples'."""
        if self.settings.project.task != "classify":
            return ()
        return self.settings.project.labels or tuple(sorted({example.answer for example in examples}))


def _reply_schema(folder: Path, name: str) -> Mapping[str, Any] | None:
    """The JSON Schema of the replies, where the settings name one: read with the settings, so that it is faulted with
    them and not in the middle of a run."""
    if not name:
        return None
    path = folder / name
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{path}: the JSON Schema of the replies cannot be read: {error}.") from error
    if not isinstance(schema, dict):
        raise ProjectError(f"{path}: a JSON Schema is an object; this is a {type(schema).__name__}.")
    reply_validator(schema)
    return schema


def fingerprint(*parts: Any) -> str:
    """A short name for everything that determines a result: equal parts, equal name."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(path: Path) -> str | None:
    """SHA-256 of a file's content, None when there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
