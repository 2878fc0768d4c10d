from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from groundtune.errors import ProjectError, StorageError
from groundtune.records import Message
from groundtune.training.after import Look
from groundtune.training.generator import Conversation, LeftOut, Recipe, Tuned
from groundtune.training.generator.job import Job


def conversation(identity: str, text: str = "Ångström\u2028\n世界 😀") -> Conversation:
    turns = (Message(role="user", content=text), Message(role="assistant", content="yes"))
    return Conversation(id=identity, form="plain", messages=turns)


TRAIN, DEV = [conversation("a"), conversation("b")], [conversation("d")]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def prepare(base: Path, *, train: list[Conversation] = TRAIN, recipe: Recipe | None = None, processes: int = 1) -> Job:
    here = base.parent
    return Job.prepare(
        train,
        DEV,
        base=base,
        recipe=recipe or Recipe(),
        state=here / "state",
        out=here / "out",
        processes=processes,
    )


def test_another_process_reads_the_same_job(base: Path) -> None:
    job = prepare(base)
    other = Job.load(job.file)
    assert other == job
    assert other.conversations() == TRAIN
    assert other.dev() == DEV


def checkpoint(job: Job, step: int, state: str = "{}") -> Path:
    folder = job.checkpoints / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(state)
    return folder


def test_the_same_job_keeps_its_checkpoints(base: Path) -> None:
    last = checkpoint(prepare(base), 5)
    assert prepare(base).checkpoint() == last


@pytest.mark.parametrize("change", ["conversations", "recipe", "weights", "processes"])
def test_another_job_in_the_same_folder_begins_anew(base: Path, change: str) -> None:
    checkpoint(prepare(base), 5)
    if change == "weights":
        (base / "model.safetensors").write_bytes(b"others!")
    job = prepare(
        base,
        train=TRAIN[:1] if change == "conversations" else TRAIN,
        recipe=replace(Recipe(), seed=1) if change == "recipe" else None,
        processes=2 if change == "processes" else 1,
    )
    assert job.checkpoint() is None


def test_a_checkpoint_that_was_cut_off_is_passed_over(base: Path) -> None:
    job = prepare(base)
    whole = checkpoint(job, 9, json.dumps({"global_step": 9}))
    checkpoint(job, 10, '{"global_st')
    (job.checkpoints / "checkpoint-11").mkdir()
    assert job.checkpoint() == whole


def test_files_of_others_are_not_touched(base: Path) -> None:
    out = base.parent / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(ProjectError, match=r"thesis\.tex"):
        prepare(base)
    assert (out / "thesis.tex").read_text() == "mine"


def test_what_a_killed_run_left_is_made_anew(base: Path) -> None:
    job = prepare(base)
    (job.out / "merged").mkdir()
    (job.out / "merged" / "half").write_text("…")
    prepare(base)
    assert list(job.out.iterdir()) == []


def test_the_result_is_read_as_it_was_written(base: Path) -> None:
    job = prepare(base)
    tuned = Tuned(
        adapter=None,
        merged=job.out / "merged",
        looks=(Look(step=0, dev_loss=2.5), Look(step=3, train_loss=2.0, dev_loss=1.5)),
        kept=3,
        steps=4,
        planned=9,
        tokens=1000,
        seconds=1.5,
        conversations=2,
        left_out=(LeftOut(id="x", form="plain", reason="long"),),
    )
    job.finish(tuned)
    assert job.result() == tuned


def test_a_run_without_a_result_says_what_to_do(base: Path) -> None:
    with pytest.raises(StorageError, match="goes on where it stopped"):
        prepare(base).result()


def test_a_file_that_is_no_job_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text("{}")
    with pytest.raises(ProjectError, match="no training job"):
        Job.load(tmp_path / "job.json")
    with pytest.raises(ProjectError, match="no training job"):
        Job.load(tmp_path / "missing.json")
