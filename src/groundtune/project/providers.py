"""The models that the settings name, ready to answer: base, tuned, and those of further arms."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtune.errors import ProjectError
from groundtune.records import SYSTEM_IDS
from groundtune.settings import ArmSettings, ModelSettings

if TYPE_CHECKING:
    from groundtune.models import Chat, EmbeddingModel, Model
    from groundtune.models.openai.endpoint import Endpoint
    from groundtune.models.prices import NoPrice, Price
    from groundtune.project.workspace import Workspace
    from groundtune.training.registry import Checkpoint

__all__ = [
    "arm_chat",
    "base_chat",
    "base_model",
    "embedding_model",
    "endpoint_of",
    "is_local",
    "local_name",
    "own_checkpoint",
    "prices",
    "teacher_chat",
    "tuned_at",
    "tuned_model",
]

_KINDS = {"embedded": ("reader", "chooser"), "transformers": ("generator",), "openai": ("hosted",)}
"""Which tuned models belong to a provider."""

MERGED = "merged"
"""Where a tuned generator's whole weights are, below its checkpoint."""


def base_model(workspace: Workspace) -> Model:
    """The model as it comes."""
    from groundtune.models.chat import ChatModel

    if workspace.settings.model.provider == "embedded":
        return _embedded(workspace, None)
    return ChatModel(base_chat(workspace))


def tuned_model(workspace: Workspace, checkpoint: Checkpoint | None) -> Model | None:
    """The same model with tuned weights: the project's own checkpoint, else the one that the settings name."""
    from groundtune.models.chat import ChatModel

    settings = workspace.settings.model
    if settings.provider == "embedded":
        return _embedded(workspace, checkpoint.folder) if checkpoint else None
    own = (checkpoint.card.served_as or str(checkpoint.folder / MERGED)) if checkpoint else None
    served = own or settings.tuned
    return ChatModel(_chat(workspace, served)) if served else None


def tuned_at(workspace: Workspace, folder: Path) -> Model:
    """Tuned weights in a folder, as a recipe left them there."""
    from groundtune.models.chat import ChatModel

    if workspace.settings.model.provider == "embedded":
        return _embedded(workspace, folder)
    return ChatModel(_chat(workspace, str(folder / MERGED)))


def own_checkpoint(workspace: Workspace) -> Checkpoint | None:
    """The project's own tuned generator, as far as it was made from the model that the settings name."""
    from groundtune.training.registry import promoted

    settings = workspace.settings.model
    found = promoted(workspace.home / "models", "generator")
    if found is None or found.card.kind not in _KINDS[settings.provider]:
        return None
    return found if settings.provider == "embedded" or found.card.base_name == settings.name else None


def base_chat(workspace: Workspace) -> Chat:
    """The base model as a chat.

    Raises:
        ProjectError: when the project answers with the embedded model, which cannot converse.
    """
    if workspace.settings.model.provider == "embedded":
        raise ProjectError(
            'This needs a model that writes, and [model] provider = "embedded" quotes and chooses. Name an openai or a '
            "transformers model."
        )
    return _chat(workspace, workspace.settings.model.name)


def teacher_chat(workspace: Workspace) -> Chat | None:
    """The stronger model that answers training questions; None where the settings name none."""
    training = workspace.settings.training
    if not training.teacher:
        return None
    settings = workspace.settings.model.model_copy(
        update={
            "provider": "openai",
            "name": training.teacher,
            "base_url": training.teacher_base_url,
            "key": training.teacher_key,
            "prices": None,
        }
    )
    return _wrapped(workspace, _openai(settings, training.teacher), settings, training.teacher)


def arm_chat(workspace: Workspace, name: str, arm: ArmSettings) -> Chat:
    """The chat of a further arm behind an endpoint; it answers as its owner set it up."""
    settings = workspace.settings.model.model_copy(
        update={
            "provider": "openai",
            "name": arm.model or name,
            "base_url": arm.base_url,
            "key": arm.key,
            "prices": arm.prices,
        }
    )
    return _wrapped(workspace, _openai(settings, settings.name), settings, settings.name)


def embedding_model(workspace: Workspace) -> EmbeddingModel:
    """The model that turns text into vectors, where the settings name another than the embedded one.

    Raises:
        MissingExtra: when it needs a part that is not installed.
        WeightsError: when its weights are missing or damaged.
    """
    from groundtune.models.openai.embedding import OpenAIEmbedding
    from groundtune.models.openai.endpoint import Endpoint

    settings = workspace.settings.model.embedding
    if settings.provider == "transformers":
        from groundtune.models.transformers.embedding import SentenceEmbedding

        return SentenceEmbedding.load(local_name(workspace, settings.name))
    endpoint = Endpoint(base_url=settings.base_url, key=settings.key)
    return OpenAIEmbedding(settings.name, endpoint)


def prices(workspace: Workspace, tuned: Checkpoint | None) -> Mapping[str, Price | NoPrice]:
    """What a token costs, or why nobody knows, by system."""
    from groundtune.models.prices import find_price

    settings = workspace.settings.model
    if settings.provider == "embedded":
        return {}
    tuned_name = (tuned.card.served_as if tuned else None) or settings.tuned or settings.name
    return {name: find_price(settings, tuned_name if "tuned" in name else None) for name in SYSTEM_IDS}


def is_local(workspace: Workspace) -> bool:
    """Whether every model of the four systems and of their search runs on this machine."""
    settings = workspace.settings.model
    answers_here = settings.provider != "openai" or endpoint_of(settings).is_local
    embedding = settings.embedding
    embeds_here = embedding.provider != "openai" or endpoint_of(settings, embedding.base_url, embedding.key).is_local
    reranker = settings.reranker
    reranks_here = reranker.provider != "http" or endpoint_of(settings, reranker.base_url, reranker.key).is_local
    return answers_here and embeds_here and reranks_here


def _embedded(workspace: Workspace, checkpoint: Path | None) -> Model:
    from groundtune.models.embedded.model import EmbeddedModel

    return EmbeddedModel.load(workspace.weights, checkpoint, embedding=workspace.encoder)


def _chat(workspace: Workspace, name: str) -> Chat:
    settings = workspace.settings.model
    make = partial(_openai, settings) if settings.provider == "openai" else partial(_transformers, workspace)
    return _wrapped(workspace, make(name), settings, name)


def _wrapped(workspace: Workspace, chat: Chat, settings: ModelSettings, name: str) -> Chat:
    """Asked once for each conversation, and only as far as the budget goes."""
    from groundtune.models.budget import BudgetedChat
    from groundtune.models.cached import CachedChat
    from groundtune.models.prices import find_price

    # On the user's own machine nobody charges, unless the settings say what a token costs there.
    free = settings.provider != "openai" or (settings.prices is None and endpoint_of(settings).is_local)
    if workspace.budget is not None and not free:
        price = find_price(settings, name)
        chat = BudgetedChat(chat, price, workspace.budget, max_output_tokens=settings.max_output_tokens)
    return CachedChat(chat, workspace.completions)


def _openai(settings: ModelSettings, name: str) -> Chat:
    from groundtune.models.openai.chat import OpenAIChat
    from groundtune.models.openai.sending import Patience

    return OpenAIChat(
        name,
        endpoint_of(settings),
        temperature=settings.temperature,
        max_output_tokens=settings.max_output_tokens,
        context_window=settings.context_window,
        structured=settings.structured,
        patience=Patience(settings.total_timeout_seconds, settings.concurrency),
    )


def endpoint_of(settings: ModelSettings, base_url: str | None = None, key: str | None = None) -> Endpoint:
    """Where the settings' models are, or another address with its key."""
    from groundtune.models.openai.endpoint import Endpoint

    return Endpoint(
        base_url=settings.base_url if base_url is None else base_url,
        key=settings.key if key is None else key,
        timeout_seconds=settings.timeout_seconds,
    )


def _transformers(workspace: Workspace, name: str) -> Chat:
    from groundtune.models.transformers import TransformersChat

    settings = workspace.settings.model
    options: dict[str, Any] = {
        "temperature": settings.temperature,
        "max_output_tokens": settings.max_output_tokens,
        "context_window": settings.context_window,
    }
    place = local_name(workspace, name)
    if (Path(place) / "adapter_config.json").is_file():
        return TransformersChat.load(local_name(workspace, settings.name), adapter=place, **options)
    return TransformersChat.load(place, **options)


def local_name(workspace: Workspace, name: str) -> str:
    """A name as a path below the project, where there is one; else as it is, a path or a name on the hub."""
    inside = workspace.folder / name
    return str(inside) if inside.is_dir() else str(Path(name).expanduser())
