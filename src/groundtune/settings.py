"""groundtune.toml: the only settings file of a project, validated whole before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from groundtune.errors import ProjectError, SettingsError
from groundtune.records import Task
from groundtune.tomlfile import parse_toml

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

    provider: Literal["embedded", "transformers", "openai"] = Field(
        "embedded",
        description="embedded: all-MiniLM-L6-v2 on this machine; transformers: any model of sentence-transformers; "
        "openai: any compatible endpoint.",
    )
    name: str = Field("", description="transformers: path or name on the hub; openai: name of the embedding model.")
    base_url: str = Field("", description="openai: the endpoint; empty: OpenAI's.")
    key: str = Field("OPENAI_API_KEY", description="openai: environment variable that holds the key.")
    checkpoint: str = Field(
        "", description="Id of a tuned embedding model; empty: the one in use (`groundtune models`); base: none."
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.provider != "embedded" and not self.name:
            raise ValueError(f"provider {self.provider} needs name: the embedding model")
        return self


class RerankerSettings(_Section):
    """Which model reads the found passages again and orders them."""

    provider: Literal["auto", "off", "embedded", "transformers", "http"] = Field(
        "auto",
        description="auto: the tuned one, where one is in use; embedded: also untuned; transformers: a cross-encoder; "
        "http: an endpoint.",
    )
    name: str = Field("", description="transformers: path of a cross-encoder; http: name of the model.")
    base_url: str = Field("", description="http: the whole address, such as https://api.jina.ai/v1/rerank.")
    form: Literal["cohere", "tei"] = Field("cohere", description="http: cohere (Jina too) | tei: how it is asked.")
    key: str = Field("", description="http: environment variable that holds the key; empty: none is sent.")
    depth: int = Field(30, ge=1, le=200, description="Passages that it reads.")
    weight: float | None = Field(
        None, gt=0, le=1, description="Share of its score beside the ranking's; empty: 1; embedded: as tuned, or 0.1."
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.provider == "transformers" and not self.name:
            raise ValueError("provider transformers needs name: the folder of a cross-encoder")
        if self.provider == "http" and not self.base_url:
            raise ValueError("provider http needs base_url: the address that ranks")
        return self


class PriceSettings(_Section):
    """Your own prices in US dollars for a million tokens; they win over the price list."""

    input: float = Field(ge=0, description="Input tokens.")
    output: float = Field(ge=0, description="Output tokens, reasoning included.")
    cached_input: float | None = Field(None, ge=0, description="Input tokens from the server's cache; empty: as input.")


class ModelSettings(_Section):
    """Which model answers."""

    provider: Provider = Field("embedded", description="embedded | openai | transformers.")
    name: str = Field("", description="A model name, or a path to local weights; embedded: a folder with the weights.")
    base_url: str = Field("", description="openai: the endpoint; empty: OpenAI's. Azure: …/openai/v1.")
    key: str = Field("OPENAI_API_KEY", description="openai: environment variable that holds the key.")
    tuned: str = Field("", description="A model that is tuned already (name, or path of weights or adapter), if any.")
    temperature: float = Field(0.0, ge=0, le=2, description="0 writes what is likeliest.")
    max_output_tokens: int = Field(512, ge=1, description="Longest answer, in tokens.")
    context_window: int | None = Field(None, ge=256, description="Most tokens that the model reads and writes.")
    structured: Literal["auto", "schema", "json", "prompt"] = Field(
        "auto", description="How a JSON Schema is asked for: enforced by the server, as JSON, or in words; auto tries."
    )
    concurrency: int = Field(4, ge=1, le=256, description="Most questions that are answered at the same time.")
    timeout_seconds: float = Field(60, gt=0, description="Longest wait for one call.")
    total_timeout_seconds: float = Field(300, gt=0, description="Longest wait for one answer, retries included.")
    datamark: bool = Field(False, description="Mark every word of retrieved text as data, against hidden instructions.")
    prices: PriceSettings | None = Field(None, description="Your own prices; empty: the price list of genai-prices.")
    embedding: EmbeddingSettings = Field(EmbeddingSettings(), description="The embedding model.")
    reranker: RerankerSettings = Field(RerankerSettings(), description="The reranker.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.provider != "embedded" and not self.name:
            raise ValueError(f"provider {self.provider} needs name: the model to answer with")
        return self


class DatabaseSettings(_Section):
    """A database whose rows are documents: name it ``sql:NAME`` among the sources."""

    url: str = Field(min_length=1, description="Environment variable that holds SQLAlchemy's address, with password.")
    query: str = Field(min_length=1, description="One SELECT; columns without a role become metadata.")
    id: str = Field("id", description="Column with what tells rows apart.")
    text: str = Field("text", description="Column with the text.")
    title: str = Field("", description="Column with the title; empty: none.")
    source: str = Field("", description="Where a row opens: https://example.org/tickets/{id}; empty: sql:NAME#id.")


class KnowledgeSettings(_Section):
    """What retrieval draws on."""

    sources: tuple[str, ...] = Field(("docs/",), description="Folders, files, globs, addresses or sql:NAME to index.")
    passwords: tuple[str, ...] = Field((), description="Environment variables with the passwords of encrypted files.")
    ocr_language: str = Field("eng", description="Language of scanned pages, as tesseract names it; eng+deu for two.")
    convert_seconds: float = Field(120, gt=0, description="Longest time that reading one file may take.")
    convert_megabytes: int = Field(2048, ge=256, description="Most memory that reading one file may take.")
    private_addresses: bool = Field(False, description="Web sources may lie in private networks or on this machine.")
    web_pages: int = Field(1000, ge=1, description="Most pages of one sitemap.")
    sql: dict[str, DatabaseSettings] = Field({}, description="Databases whose rows are documents, by name.")
    groups: dict[str, tuple[str, ...]] = Field(
        {}, description="Who may read which documents: glob of document ids = groups; the last that matches decides."
    )
    groups_header: str = Field(
        "", description="serve: request header in which a proxy that you trust names the caller's groups, by commas."
    )
    store: Literal["embedded", "postgres"] = Field("embedded", description="Where passages and vectors are kept.")
    postgres: str = Field(
        "DATABASE_URL", description="postgres: environment variable that holds postgresql://user:password@host/name."
    )
    keep_versions: int = Field(10, ge=1, le=1000, description="Versions of the knowledge that can be searched again.")
    passages: int = Field(5, ge=1, le=50, description="How many passages the model is given.")
    context_tokens: int | None = Field(
        None,
        ge=0,
        le=100_000,
        description="Passages grow to the sections around them up to so many tokens in all; 0: as found; "
        "empty: 1,500 for a model that writes, 0 for the embedded one.",
    )
    passage_tokens: int = Field(200, ge=32, le=250, description="Longest passage, in tokens of the embedding model.")
    search: Literal["hybrid", "dense", "lexical"] = Field("hybrid", description="How passages are found.")
    rewrite: bool = Field(False, description="openai, transformers: the model words each question anew for the search.")
    collapse: float = Field(
        1.0, ge=0, le=1, description="Passages as near as this cosine are given once; 1: same words only; 0: all given."
    )
    per_document: int = Field(0, ge=0, description="Most passages of one document; 0: no limit.")
    mmr: float = Field(1.0, ge=0, le=1, description="λ of maximal marginal relevance: below 1 less alike; 1: off.")
    fetch_k: int = Field(20, ge=1, le=200, description="mmr: candidates that it chooses from.")
    retriever: str = Field(
        "", description="Your own retriever in place of the knowledge base: module:name of a callable."
    )


class TrainingSettings(_Section):
    """What tuning learns from."""

    examples: str = Field("examples.jsonl", description="Training conversations in the OpenAI chat format.")
    seed: int = Field(13, ge=0, description="Seed of every random choice of the training.")
    method: Literal["lora", "qlora", "full"] = Field(
        "lora", description="transformers: adapter, adapter on 4-bit weights (needs a GPU), or all weights."
    )
    rank: int = Field(16, ge=1, le=512, description="transformers: rank of the adapter.")
    epochs: int = Field(3, ge=1, le=100, description="transformers, openai: most passes over the examples.")
    learning_rate: float = Field(2e-4, gt=0, le=1, description="transformers: peak learning rate.")
    batch_size: int = Field(16, ge=1, description="transformers: conversations in one step.")
    max_tokens: int = Field(2048, ge=64, description="transformers: longest conversation; longer ones are left out.")
    without_evidence: float = Field(
        0.2, ge=0, le=1, description="Share of rows with passages but no evidence, which teach to abstain."
    )
    price_usd_per_million: float | None = Field(
        None, ge=0, description="openai: what the provider charges for a million trained tokens; empty: not known."
    )
    teacher: str = Field("", description="Name of a stronger model (openai) that answers the training questions.")
    teacher_base_url: str = Field("", description="Endpoint of the teacher; empty: OpenAI's.")
    teacher_key: str = Field("OPENAI_API_KEY", description="Environment variable that holds the teacher's key.")


class ExperimentSettings(_Section):
    """How the four systems are compared."""

    queries: str = Field("queries.jsonl", description="Labelled queries, never used for training.")
    primary: str = Field("auto", description="Scorer that decides; auto takes the task's usual one.")
    minimum_gain: float = Field(
        0.03, ge=0, le=0.5, description="Below this two systems count as equal (the equivalence zone)."
    )
    groups: tuple[str, ...] = Field((), description="Access groups of who asks the queries; empty: a stranger.")
    examples_in_prompt: int = Field(
        8, ge=0, le=50, description="Few-shot examples in every prompt; classify: at least one a label."
    )
    further_arms: tuple[Literal["long_context", "optimised_prompt"], ...] = Field(
        (), description="Also measured: the whole corpus in the prompt; an instruction optimised on dev (needs DSPy)."
    )
    optimise_calls: int = Field(200, ge=24, description="optimised_prompt: most calls to the model.")
    seed: int = Field(7, ge=0, description="Seed of the split and of every resampling.")


class ArmSettings(_Section):
    """A system of your own, measured beside the four: an endpoint in OpenAI's form, or a Python callable."""

    callable: str = Field("", description="module:name of a function: question -> text, or (text, passages).")
    base_url: str = Field("", description="Endpoint in OpenAI's form; give this or callable.")
    model: str = Field("", description="Name of the model at the endpoint.")
    key: str = Field("", description="Environment variable that holds the endpoint's key; empty: none is sent.")
    prices: PriceSettings | None = Field(None, description="What its tokens cost; empty: the price list.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.callable) == bool(self.base_url):
            raise ValueError("give either callable or base_url")
        return self


class Constraints(_Section):
    """What the answer must satisfy, each optional; None asks for nothing."""

    latency_p95_ms: float | None = Field(None, gt=0, description="95 % of answers must come within this time.")
    citations: bool = Field(False, description="Every answer must cite its source.")
    knowledge_changes: Change | None = Field(None, description="never | yearly | monthly | weekly | daily | live.")
    queries_per_month: int | None = Field(None, ge=0, le=10**12, description="Expected volume.")
    budget_usd_per_month: float | None = Field(None, ge=0, description="Most that running it may cost.")
    offline: bool = Field(False, description="Nothing may leave this machine.")
    max_wrong_rate: float | None = Field(None, ge=0, le=1, description="Largest share of wrong answers.")


class EconomicsSettings(_Section):
    """Your own numbers for costs and load, in US dollars; what is empty is assumed (docs/economics.md says what)."""

    hosting_usd_per_hour: float | None = Field(
        None, ge=0, description="What a machine that answers costs in an hour; empty: not known."
    )
    spare_machines: float | None = Field(None, ge=0, description="Machines that run for safety.")
    utilisation: float | None = Field(
        None, gt=0, le=1, description="Part of its capacity that a machine is used, nights included."
    )
    batch_share: float | None = Field(
        None, ge=0, le=1, description="Share of queries that may wait for hours at the batch price."
    )
    store_usd_per_month: float | None = Field(None, ge=0, description="What the vector store costs.")
    search_usd_per_query: float | None = Field(None, ge=0, description="What embedding and reranking a query costs.")
    index_usd: float | None = Field(None, ge=0, description="What embedding all documents costs.")
    tuned_hosting_usd_per_month: float | None = Field(
        None, ge=0, description="What a provider charges for keeping tuned weights ready."
    )
    base_model_changes_per_year: float | None = Field(
        None, ge=0, le=366, description="How often a new base model is taken up."
    )
    team_usd_per_hour: float | None = Field(None, ge=0, description="An hour of those who build it.")
    label_usd_per_hour: float | None = Field(None, ge=0, description="An hour of those who write or check answers.")
    checked_per_month: float | None = Field(None, ge=0, description="Answers that somebody checks in a month.")
    wrong_usd: float | None = Field(None, ge=0, description="What a wrong answer costs you.")
    abstained_usd: float | None = Field(None, ge=0, description="What it costs when a person has to answer instead.")
    peak_factor: float | None = Field(
        None, ge=1, le=730, description="Queries of the busiest hour to those of a mean hour."
    )


class Settings(_Section):
    """A whole groundtune.toml."""

    project: ProjectSettings
    model: ModelSettings = Field(ModelSettings())
    knowledge: KnowledgeSettings = Field(KnowledgeSettings())
    training: TrainingSettings = Field(TrainingSettings())
    experiment: ExperimentSettings = Field(ExperimentSettings())
    constraints: Constraints = Field(Constraints())
    economics: EconomicsSettings = Field(EconomicsSettings())
    arms: dict[str, ArmSettings] = Field({}, description="Systems of your own to measure beside the four, by name.")


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
    return parse_toml(text, Settings, path=path, wrong=SettingsError)


def settings_json(settings: Settings) -> dict[str, Any]:
    """The settings as JSON-ready values, as a run stores them."""
    return settings.model_dump(mode="json", by_alias=True)
