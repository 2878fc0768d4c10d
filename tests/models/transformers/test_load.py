"""Loading refuses what would run code, leave numbers to chance, or put an adapter on the wrong base."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from groundtune.errors import CannotDo, MissingExtra, WeightsError
from groundtune.models.transformers import TransformersChat, load_weights, record_base
from groundtune.testing.tiny import asked


@pytest.fixture
def copy(untaught: Path, tmp_path: Path) -> Path:
    """A model to damage."""
    return Path(shutil.copytree(untaught, tmp_path / "copy"))


def change(path: Path, **values: Any) -> None:
    row = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(row | values), encoding="utf-8")


def test_without_a_chat_template_it_is_no_chat_model(copy: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(CannotDo, match=r"no chat template.*instruct or chat version"):
        load_weights(str(copy))


def test_a_tensor_that_is_missing_is_not_made_up(copy: Path) -> None:
    path = copy / "model.safetensors"
    tensors = load_file(path)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"lack 1 of .*layers\.1\.mlp\.up_proj\.weight"):
        load_weights(str(copy))


def test_weights_that_are_cut_off_are_refused(copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(str(copy))


def test_code_in_the_folder_is_never_run(copy: Path) -> None:
    ran = copy / "ran"
    (copy / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w').close()\n", encoding="utf-8")
    change(
        copy / "config.json",
        model_type="own",
        architectures=["Own"],
        auto_map={"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.Own"},
    )
    with pytest.raises(WeightsError):
        load_weights(str(copy))
    assert not ran.exists()


def test_sampling_that_the_folder_suggests_is_not_used(taught: Path, tmp_path: Path) -> None:
    """A repetition penalty in generation_config.json would change what is likeliest."""
    folder = Path(shutil.copytree(taught, tmp_path / "suggesting"))
    change(
        folder / "generation_config.json", repetition_penalty=9.0, do_sample=True, temperature=3.0, min_new_tokens=50
    )
    chat = TransformersChat.load(str(folder), dtype="float32")
    assert chat.complete(asked("Do you have room for 11 of us?")).text == '{"people": "11"}'


def test_a_device_that_is_not_there_is_refused(untaught: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(CannotDo, match=r"there is: .*cpu"):
        load_weights(str(untaught), device="cuda")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_number_format_is_what_was_asked_for(untaught: Path, dtype: Any) -> None:
    weights = load_weights(str(untaught), dtype=dtype)
    assert {str(parameter.dtype) for parameter in weights.model.parameters()} == {f"torch.{dtype}"}
    assert dtype in weights.name


def test_an_adapter_merged_writes_what_it_writes_apart(taught: Path, adapter: Path) -> None:
    question = asked("Do you have room for 11 of us?")
    options: dict[str, Any] = {"dtype": "float32", "max_output_tokens": 40}
    base = TransformersChat.load(str(taught), **options).complete(question)
    merged = TransformersChat.load(str(taught), adapter=str(adapter), **options)
    apart = TransformersChat.load(str(taught), adapter=str(adapter), merge=False, **options)
    assert merged.complete(question).text == apart.complete(question).text != base.text
    assert not [name for name, _ in merged._weights.model.named_parameters() if "lora" in name]
    assert [name for name, _ in apart._weights.model.named_parameters() if "lora" in name]


def test_the_folder_of_an_adapter_brings_its_base_along(taught: Path, adapter: Path) -> None:
    assert load_weights(str(adapter)).name == load_weights(str(taught), adapter=str(adapter)).name


def test_an_adapter_is_refused_on_another_base(taught: Path, untaught: Path, adapter: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(adapter, tmp_path / "own"))
    record_base(own, taught)
    load_weights(str(taught), adapter=str(own))
    with pytest.raises(WeightsError, match="was trained on 'tiny'"):
        load_weights(str(untaught), adapter=str(own))


def test_an_adapter_that_lacks_numbers_is_refused(taught: Path, adapter: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(adapter, tmp_path / "broken"))
    tensors = load_file(broken / "adapter_model.safetensors")
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, broken / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match="does not fit its base"):
        load_weights(str(taught), adapter=str(broken))


def test_an_adapter_that_names_no_base_asks_for_it(adapter: Path, tmp_path: Path) -> None:
    orphan = Path(shutil.copytree(adapter, tmp_path / "orphan"))
    change(orphan / "adapter_config.json", base_model_name_or_path=None)
    with pytest.raises(WeightsError, match="does not say which base weights"):
        load_weights(str(orphan))


@pytest.mark.parametrize("library", ["torch", "transformers"])
def test_a_library_that_is_absent_names_its_extra(
    untaught: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=r"groundtune\[transformers\]"):
        load_weights(str(untaught))


def test_without_peft_an_adapter_names_its_extra(taught: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtra, match=r"groundtune\[transformers\]"):
        load_weights(str(taught), adapter=str(adapter))
