"""Weights are found in a folder or the hub's cache, and what is missing is said with every place that was tried."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest

from groundtune.errors import WeightsError
from groundtune.models.transformers.places import find_adapter, find_weights

REVISION = "a" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and a hub that nobody reaches."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    return folder


def cached(cache: Path, files: list[Path]) -> Path:
    """A snapshot of org/tiny with ``files``, laid out as the hub's library does."""
    repository = cache / "models--org--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(REVISION, encoding="utf-8")
    snapshot = repository / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    for file in files:
        shutil.copy(file, snapshot)
    return snapshot


def test_a_folder_is_its_own_place(untaught: Path) -> None:
    assert find_weights(str(untaught)) == untaught


def test_a_hub_name_is_found_in_the_cache_without_asking_the_hub(untaught: Path, cache: Path) -> None:
    snapshot = cached(cache, [path for path in untaught.iterdir() if path.is_file()])
    assert find_weights("org/tiny").resolve() == snapshot.resolve()


def test_weights_that_are_nowhere_name_the_folder_the_cache_and_the_hub(cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        find_weights("org/tiny")
    message = str(caught.value)
    assert str(Path("org/tiny").absolute()) in message
    assert str(cache / "models--org--tiny") in message
    assert "http://127.0.0.1:9: cannot be reached" in message
    assert "hf download org/tiny" in message


def test_a_snapshot_that_was_fetched_in_part_is_not_used(untaught: Path, cache: Path) -> None:
    cached(cache, [untaught / "config.json", untaught / "tokenizer.json"])
    with pytest.raises(WeightsError, match=r"no \*\.safetensors file") as caught:
        find_weights("org/tiny")
    assert "cannot be reached" in str(caught.value)


def test_offline_mode_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        find_weights("org/tiny")


class _Refusal(BaseHTTPRequestHandler):
    """A hub that refuses everything; the server's ``answer`` is the status and the hub's own error code."""

    answer: tuple[int, str]

    def do_GET(self) -> None:
        status, code = self.answer
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def refusing_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], None]]:
    server = HTTPServer(("127.0.0.1", 0), _Refusal)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def refuse(status: int, code: str) -> None:
        monkeypatch.setattr(_Refusal, "answer", (status, code), raising=False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")

    yield refuse
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "RepoNotFound", "no such model"),
        (403, "GatedRepo", "grant you access"),
        (418, "", "refused: .*418"),
    ],
)
def test_what_the_hub_says_is_passed_on(
    refusing_hub: Callable[[int, str], None], status: int, code: str, said: str
) -> None:
    refusing_hub(status, code)
    with pytest.raises(WeightsError, match=said):
        find_weights("org/tiny")


@pytest.mark.parametrize("name", ["", "/no/such/folder", "./model", "a/b/c", "org/na me", "../x", "a--b/c"])
def test_what_can_be_no_hub_name_is_refused(name: str, cache: Path) -> None:
    with pytest.raises(WeightsError):
        find_weights(name)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "no config.json"),
        (["model.gguf"], "llama.cpp or Ollama"),
        (["adapter_config.json"], "is an adapter"),
        (["config.json"], "no tokenizer"),
        (["config.json", "tokenizer.json"], "no \\*.safetensors"),
        (["config.json", "tokenizer.json", "pytorch_model.bin"], "pickled"),
        (["config.json", "tokenizer.json", "model.safetensors.index.json"], "index.json cannot be read"),
    ],
)
def test_a_folder_that_is_no_model_says_what_it_lacks(tmp_path: Path, files: list[str], said: str) -> None:
    for file in files:
        (tmp_path / file).touch()
    with pytest.raises(WeightsError, match=said):
        find_weights(str(tmp_path))


def test_a_lost_shard_is_named(tmp_path: Path) -> None:
    for file in ("config.json", "tokenizer.json", "model-1.safetensors"):
        (tmp_path / file).touch()
    index = '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    (tmp_path / "model.safetensors.index.json").write_text(index, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"lacks model-2\.safetensors"):
        find_weights(str(tmp_path))


def test_an_adapter_needs_its_safetensors(adapter: Path, tmp_path: Path) -> None:
    assert find_adapter(str(adapter)) == adapter
    shutil.copy(adapter / "adapter_config.json", tmp_path)
    (tmp_path / "adapter_model.bin").touch()
    with pytest.raises(WeightsError, match=r"no adapter_model\.safetensors"):
        find_adapter(str(tmp_path))
