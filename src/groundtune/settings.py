"""groundtune.toml: the only settings file of a project, validated whole before anything runs."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from groundtune.errors import Fault, ProjectError, SettingsError
from groundtune.records import Task

FILE_NAME = "groundtune.toml"
FOLDER_NAME = ".groundtune"

Change = Literal["never", "yearly", "monthly", "weekly", "daily", "live"]
Provider = Literal["embedded", "openai", "transformers"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProjectSettings(_Section):
    """What the application does."""

    name: str = Field(min_length=1, description="Name of the project, shown in reports.")
    task: Task = Field("answer", description="answer | classify | extract | write: what the model is asked for.")
    instruction: str = Field("", description="What the model is told to do, the same for all four systems.")
    labels: tuple[str, ...] = Field((), description="classify: the closed set; empty reads it from the examples.")
    json_schema: str = Field(
        "", alias="schema", description="extract, write: a JSON Schema file that every reply must satisfy."
    )


class EmbeddingSettings(_Section):
    """Which model turns text into vectors."""

    provider: Literal["embedded"] = Field("embedded", description="embedded: all-MiniLM-L6-v2 on this machine.")
    checkpoint: str = Field("", description="Id of a tuned embedding checkpoint (`groundtune models`); empty: base.")


class ModelSettings(_Section):
    """Which model answers."""

    provider: Provider = Field("embedded", description="embedded | openai | transformers.")
    name: str = Field("", description="A model name, or a path to local weights; embedded: a folder with the weights.")
    base_url: str = Field("", description="OpenAI-compatible endpoint; the key comes from the environment only.")
    embedding: EmbeddingSettings = Field(EmbeddingSettings(), description="The embedding model.")


class KnowledgeSettings(_Section):
    """What retrieval draws on."""

    sources: tuple[str, ...] = Field(("docs/",), description="Folders, files, globs or documents.jsonl to index.")
    passages: int = Field(5, ge=1, le=50, description="How many passages the model is given.")
    passage_tokens: int = Field(200, ge=32, le=250, description="Longest passage, in tokens of the embedding model.")
    search: Literal["hybrid", "dense", "lexical"] = Field("hybrid", description="How passages are found.")


class TrainingSettings(_Section):
    """What tuning learns from."""

    examples: str = Field("examples.jsonl", description="Training conversations in the OpenAI chat format.")
    seed: int = Field(13, ge=0, description="Seed of every random choice of the training.")


class ExperimentSettings(_Section):
    """How the four systems are compared."""

    queries: str = Field("queries.jsonl", description="Labelled queries, never used for training.")
    primary: str = Field("auto", description="Scorer that decides; auto takes the task's usual one.")
    minimum_gain: float = Field(
        0.03, ge=0, le=0.5, description="Below this two systems count as equal (the equivalence zone)."
    )
    examples_in_prompt: int = Field(
        8, ge=0, le=50, description="Few-shot examples in every prompt; classify: at least one a label."
    )
    seed: int = Field(7, ge=0, description="Seed of the split and of every resampling.")


class Constraints(_Section):
    """What the answer must satisfy, each optional; None asks for nothing."""

    latency_p95_ms: float | None = Field(None, gt=0, description="95 % of answers must come within this time.")
    citations: bool = Field(False, description="Every answer must cite its source.")
    knowledge_changes: Change | None = Field(None, description="never | yearly | monthly | weekly | daily | live.")
    queries_per_month: int | None = Field(None, ge=0, description="Expected volume.")
    budget_usd_per_month: float | None = Field(None, ge=0, description="Most that running it may cost.")
    offline: bool = Field(False, description="Nothing may leave this machine.")
    max_wrong_rate: float | None = Field(None, ge=0, le=1, description="Largest share of wrong answers.")


class Settings(_Section):
    """A whole groundtune.toml."""

    project: ProjectSettings
    model: ModelSettings = Field(ModelSettings())
    knowledge: KnowledgeSettings = Field(KnowledgeSettings())
    training: TrainingSettings = Field(TrainingSettings())
    experiment: ExperimentSettings = Field(ExperimentSettings())
    constraints: Constraints = Field(Constraints())


def load_settings(folder: Path) -> Settings:
    """Read and validate ``folder/groundtune.toml``.

    Raises:
        ProjectError: when there is no such file.
        SettingsError: when anything in it is wrong; names every fault with its line and what is allowed.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ProjectError(
            f"No {FILE_NAME} in {folder}. "
            f"Make a project with: groundtune init {folder}  (or name one with --project DIR)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            f"{path} cannot be read: {error}. It must be a UTF-8 text file that you may read."
        ) from error
    return parse_settings(text, str(path))


def parse_settings(text: str, path: str = FILE_NAME) -> Settings:
    """Validate the text of a settings file; ``path`` only appears in messages."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        fault = Fault(int(line[1]) if line else None, f"not valid TOML: {error}")
        raise SettingsError(path, [fault], "Correct the line and run the command again.") from None
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        lines = _key_lines(text)
        faults = sorted((_fault(detail, lines) for detail in error.errors()), key=lambda fault: fault.line or 0)
        raise SettingsError(path, faults, "Correct these lines and run the command again.") from None


def _key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Where each table and key stands: ("model", "embedding", "provider") -> line, 1-based."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.\- ]+?)\s*\]", line):
            table = tuple(part.strip() for part in header[1].split("."))
            lines.setdefault(table, number)
        elif key := re.match(r"\s*([\w.\-]+)\s*=", line):
            lines.setdefault(table + tuple(key[1].split(".")), number)
    return lines


def _fault(detail: ErrorDetails, lines: dict[tuple[str, ...], int]) -> Fault:
    where = tuple(part for part in detail["loc"] if isinstance(part, str))
    line = next((lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in lines), None)
    return Fault(line, f"{'.'.join(where)}: {_reason(detail, where)}")


def _reason(detail: ErrorDetails, where: tuple[str, ...]) -> str:
    if detail["type"] == "extra_forbidden":
        return f"unknown key; allowed here: {', '.join(_allowed_keys(where[:-1]))}"
    if detail["type"] == "missing":
        return "missing, and required"
    given = json.dumps(detail["input"], default=str)
    return f"{detail['msg'].lower()}; given {given}{_described(where)}"


def _section(where: tuple[str, ...]) -> type[BaseModel] | None:
    model: type[BaseModel] = Settings
    for part in where:
        field = model.model_fields.get(part)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return None
        model = field.annotation
    return model


def _allowed_keys(where: tuple[str, ...]) -> list[str]:
    model = _section(where) or Settings
    return [field.alias or name for name, field in model.model_fields.items()]


def _described(where: tuple[str, ...]) -> str:
    model = _section(where[:-1])
    field = model.model_fields.get(where[-1]) if model and where else None
    return f" ({field.description})" if field and field.description else ""


def settings_json(settings: Settings) -> dict[str, Any]:
    """The settings as JSON-ready values, as a run stores them."""
    return settings.model_dump(mode="json", by_alias=True)
