from __future__ import annotations

from pathlib import Path

import pytest

from groundtune.errors import CannotDo, GateClosed, ModelError
from groundtune.records import Message
from groundtune.training.generator import Conversation, Recipe, Step, fine_tune
from groundtune.training.generator.job import Job
from groundtune.training.generator.launch import main

RECIPE = Recipe(rank=4, learning_rate=3e-3, epochs=1, batch_size=5, max_tokens=256, seed=1)


@pytest.mark.slow
def test_several_processes_train_one_model(told: list[Conversation], tiny: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    two = fine_tune(
        told,
        told[:5],
        base=tiny,
        recipe=RECIPE,
        state=tmp_path / "state",
        out=tmp_path / "out",
        progress=steps.append,
        processes=2,
    )
    before, after = two.looks[0].dev_loss, two.looks[-1].dev_loss
    assert before is not None
    assert after is not None
    assert after < before
    assert steps[-1].done == two.steps
    assert two.merged.is_dir()


@pytest.mark.slow
def test_an_error_in_the_processes_is_the_error_of_the_call(tiny: Path, tmp_path: Path) -> None:
    long = Conversation(
        id="long",
        form="plain",
        messages=(Message(role="user", content="x " * 400), Message(role="assistant", content="y")),
    )
    with pytest.raises(GateClosed, match="at most 256"):
        fine_tune([long], [], base=tiny, recipe=RECIPE, state=tmp_path / "state", out=tmp_path / "out", processes=2)


def test_four_bits_without_a_gpu_are_refused_before_any_work(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(CannotDo, match='Take method = "lora"'):
        fine_tune(
            [],
            [],
            base=tmp_path / "nowhere",
            recipe=Recipe(method="qlora"),
            state=tmp_path / "state",
            out=tmp_path / "out",
        )
    assert not (tmp_path / "state").exists()


def test_the_module_needs_a_job() -> None:
    assert main([]) == 2


@pytest.mark.slow
def test_processes_that_die_leave_the_end_of_their_log(
    told: list[Conversation], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job.prepare(told, [], base=tiny, recipe=RECIPE, state=tmp_path / "state", out=tmp_path / "out")
    monkeypatch.setattr(
        "groundtune.training.generator.launch._command",
        lambda *_: ["/bin/sh", "-c", "echo '{\"done\": \"x\"}'; echo 'NCCL went away' >&2; exit 7"],
    )
    monkeypatch.setattr(Job, "prepare", lambda *_, **__: job)
    with pytest.raises(ModelError, match=r"status 7(.|\n)*NCCL went away"):
        fine_tune(told, [], base=tiny, recipe=RECIPE, state=job.state, out=job.out, processes=2)


def test_on_gpus_accelerate_is_what_starts_the_processes(tmp_path: Path) -> None:
    """Read by the launcher's own parser: an option that it does not know ends this test."""
    parser = pytest.importorskip("accelerate.commands.launch").launch_command_parser()
    from groundtune.training.generator.launch import _command

    job = Job(base=tmp_path, recipe=RECIPE, state=tmp_path, out=tmp_path, fingerprint="")
    command = _command(job, 4, 8)
    assert command[1:3] == ["-m", "accelerate.commands.launch"]
    read = parser.parse_args(command[3:])
    assert (read.num_processes, read.gpu_ids, read.multi_gpu, read.module) == (4, "0,1,2,3", True, True)
    assert (read.training_script, read.training_script_args) == (
        "groundtune.training.generator",
        [str(tmp_path / "job.json")],
    )
    alone = parser.parse_args(_command(job, 1, 8)[3:])
    assert (alone.num_processes, alone.gpu_ids, alone.multi_gpu) == (1, "0", False)
