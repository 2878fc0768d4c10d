"""Where weights are looked for: a folder, the local cache of the Hugging Face hub, and the hub itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from groundtune.errors import WeightsError

__all__ = ["find_adapter", "find_embedding", "find_weights"]

_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model"]
_NOT = ["*/*", "consolidated*"]  # other formats of the same weights, which would double the download
_NOT_EMBEDDING = ["onnx/*", "openvino/*"]  # an embedding model has folders for pooling and further layers

_PICKLED = "its weights are pickled (.bin), which can run code when read; only safetensors are. Convert them first."

_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json")


def find_weights(name: str) -> Path:
    """The folder with the weights called ``name``; fetched once from the hub where it is only there.

    Args:
        name: A folder (config.json and safetensors files), or a name on the hub such as ``Qwen/Qwen3-0.6B``.

    Raises:
        WeightsError: when they are nowhere, incomplete, or in a format that is not read; names where it looked.
    """
    return _find(name, "weights", _weights_fault)


def find_adapter(name: str) -> Path:
    """The folder with the adapter called ``name``, found as `find_weights` does.

    Raises:
        WeightsError: as in `find_weights`.
    """
    return _find(name, "adapter", _adapter_fault)


def find_embedding(name: str) -> Path:
    """The folder with the embedding model of sentence-transformers called ``name``, found as `find_weights` does.

    Raises:
        WeightsError: as in `find_weights`.
    """
    return _find(name, "embedding model", _embedding_fault, _NOT_EMBEDDING)


def _find(name: str, kind: str, fault_of: Callable[[Path], str | None], left_out: Sequence[str] = _NOT) -> Path:
    if not name:
        raise WeightsError(
            "No local weights are named. Give a folder or a name on the Hugging Face hub: "
            '[model] name = "…" in groundtune.toml.'
        )
    folder = Path(name).expanduser()
    if folder.is_dir():
        if fault := fault_of(folder):
            raise WeightsError(f"{folder} cannot be used as {kind}: {fault}")
        return folder
    if not _HUB_NAME.fullmatch(name):
        raise WeightsError(f"No {kind} {name!r}: there is no such folder as {folder.absolute()}.")
    return _from_hub(name, kind, fault_of, left_out)


def _from_hub(name: str, kind: str, fault_of: Callable[[Path], str | None], left_out: Sequence[str]) -> Path:
    """What the cache holds is used as it is: a newer release on the hub never changes a project by itself."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError

    places = [f"{Path(name).absolute()}: no such folder"]
    cache = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    for place, local_only in ((str(cache), True), (constants.ENDPOINT, False)):
        try:
            folder = Path(
                snapshot_download(
                    name, local_files_only=local_only, allow_patterns=_FILES, ignore_patterns=list(left_out)
                )
            )
        except (OSError, HFValidationError) as error:
            places.append(f"{place}: {'not there' if local_only else _unreachable(error)}")
            continue
        fault = fault_of(folder)
        if fault is None:
            return folder
        if not local_only and places[-1].endswith(fault):  # the library gives the cache again where it hears nothing
            fault = "cannot be reached from this machine, or has no more than the cache."
        places.append(f"{place}: {fault}")
    looked = "\n".join(f"  {place}" for place in places)
    raise WeightsError(
        f"The {kind} {name!r} could not be found. Looked in:\n{looked}\n"
        f"Name a folder that holds it, or fetch it once where the hub can be reached (hf download {name}) "
        "and copy the cache folder; HF_HUB_CACHE says where that is."
    )


def _unreachable(error: Exception) -> str:
    """The hub's answer in one line; its own messages are paragraphs about their Python API."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case GatedRepoError():
                return "its owner must grant you access first; then set HF_TOKEN in the environment"
            case RepositoryNotFoundError():
                return "no such model, or a private one (set HF_TOKEN in the environment)"
            case OfflineModeIsEnabled():
                return "not asked, because HF_HUB_OFFLINE is set"
            case HFValidationError():
                return "no name that a model there could have"
            case HfHubHTTPError():
                return f"it refused: {str(cause).splitlines()[0]}"
        cause = cause.__cause__ or cause.__context__
    return "cannot be reached from this machine"


def _weights_fault(folder: Path) -> str | None:
    """Why a folder is no complete set of weights; None when it is."""
    if not (folder / "config.json").is_file():
        return f"it has no config.json. {_what_it_is(folder)}".strip()
    if not any((folder / tokenizer).is_file() for tokenizer in _TOKENIZERS):
        return f"it has no tokenizer ({', '.join(_TOKENIZERS)})."
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return _shards_fault(index)
    if any(folder.glob("*.safetensors")):
        return None
    if any(folder.glob("pytorch_model*.bin")):
        return _PICKLED
    return "it has no *.safetensors file."


def _embedding_fault(folder: Path) -> str | None:
    if not (folder / "modules.json").is_file():
        return f"it has no modules.json, as every model of sentence-transformers has. {_what_it_is(folder)}".strip()
    # A layer after the first has weights in a folder of its own, and the library would read them in either form.
    if any(not pickled.with_name("model.safetensors").is_file() for pickled in folder.glob("*/pytorch_model.bin")):
        return _PICKLED
    return _weights_fault(folder)


def _what_it_is(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        return "It is an adapter: name the weights that it belongs to as well."
    if any(folder.glob("*.gguf")):
        return "It holds GGUF files: serve them with llama.cpp or Ollama and use the provider openai."
    return ""


def _shards_fault(index: Path) -> str | None:
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        return f"{index.name} cannot be read: {error!r}"
    missing = sorted(shard for shard in shards if not (index.parent / shard).is_file())
    return f"it lacks {', '.join(missing)}." if missing else None


def _adapter_fault(folder: Path) -> str | None:
    files = ("adapter_config.json", "adapter_model.safetensors")
    missing = [name for name in files if not (folder / name).is_file()]
    return f"it has no {' and no '.join(missing)}." if missing else None
