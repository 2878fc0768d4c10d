"""Supervised fine-tuning with TRL and PEFT: one process of a training run."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from groundtune.errors import GateClosed, ModelError
from groundtune.training.generator.encoding import LeftOut, TokenRow, encode
from groundtune.training.generator.export import merge_adapter, save_adapter, save_model
from groundtune.training.generator.job import Job, Step, Tuned
from groundtune.training.generator.quiet import quiet_libraries
from groundtune.training.generator.recipe import Recipe
from groundtune.training.generator.weights import (
    Numbers,
    TrainingWeights,
    load_for_training,
    numbers_for,
    require_able,
)

__all__ = ["train"]

_WARMUP = 0.05
_DROPOUT = 0.05
_KEPT_STATES = 3
"""The best, the last, and one more: a kill while the last is being written leaves two."""


def train(job: Job, report: Callable[[Step], None]) -> None:
    """Run a job to its end, from its last checkpoint where there is one; the result is in ``job.out``.

    Args:
        job: What to train.
        report: Called after each step in the main process.

    Raises:
        GateClosed: when no conversation can be trained on.
        ModelError: when the loss diverged or the GPU's memory is too small.
        CannotDo: when this machine or model cannot be trained so; MissingExtra without the libraries.
        WeightsError: when the base weights are damaged.
        StorageError: when the disk refuses.
    """
    from groundtune.training.generator.following import Following

    require_able(job.recipe.method)
    following = Following(report, patience=job.recipe.patience)
    with quiet_libraries():
        trainer, data = _prepared(job, following)
        _run(trainer, job, following)
        if not trainer.is_world_process_zero():
            return  # it does not wait for the merge, which can take longer than processes wait for each other
        tuned = _saved(trainer, job, data)
        trainer.accelerator.free_memory()  # two copies of the weights may not fit side by side
        trainer.model = trainer.model_wrapped = None
        gc.collect()
        if tuned.adapter:
            merge_adapter(job.base, tuned.adapter, tuned.merged)
        job.finish(tuned)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """Rows to train on and to stop by, and what was left out of both."""

    train: Sequence[TokenRow]
    dev: Sequence[TokenRow]
    left_out: tuple[LeftOut, ...]


def _prepared(job: Job, following: Any) -> tuple[Any, _Data]:
    numbers = numbers_for(job.recipe.method)
    weights = load_for_training(job.base, job.recipe.method, numbers)
    data = _data(job, weights)
    return _trainer(job, weights, data, numbers, following), data


def _data(job: Job, weights: TrainingWeights) -> _Data:
    longest = min(job.recipe.max_tokens, weights.window or job.recipe.max_tokens)
    train, left = encode(job.conversations(), weights.tokenizer, ends=weights.ends, longest=longest)
    dev, left_dev = encode(job.dev(), weights.tokenizer, ends=weights.ends, longest=longest)
    if not train:
        raise GateClosed(
            f"None of the {len(left)} conversations can be trained on: {left[0].reason if left else 'there are none'}. "
            "Raise [training] max_tokens, or lower [knowledge] passages or [experiment] examples_in_prompt."
        )
    return _Data(train=train, dev=dev, left_out=(*left, *left_dev))


def _trainer(job: Job, weights: TrainingWeights, data: _Data, numbers: Numbers, following: Any) -> Any:
    from peft import LoraConfig, TaskType
    from transformers.trainer_callback import PrinterCallback

    from groundtune.training.generator.trainer import GeneratorTrainer

    recipe = job.recipe
    adapter = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=_DROPOUT,
        target_modules="all-linear",
        task_type=TaskType.CAUSAL_LM,
    )
    trainer = GeneratorTrainer(
        model=weights.model,
        args=_arguments(job, data, numbers),
        train_dataset=_dataset(data.train, recipe.seed),
        eval_dataset=_dataset(data.dev, recipe.seed) if data.dev else None,
        processing_class=weights.tokenizer,
        peft_config=None if recipe.method == "full" else adapter,
        callbacks=[following],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(job: Job, data: _Data, numbers: Numbers) -> Any:
    import torch
    from accelerate import PartialState
    from trl import SFTConfig

    recipe = job.recipe
    cuda = torch.cuda.is_available()
    length, accumulated = _batches(data, recipe, PartialState().num_processes)
    often = 1 / recipe.evaluations
    return SFTConfig(
        output_dir=str(job.checkpoints),
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=_WARMUP,
        per_device_train_batch_size=1,
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=accumulated,
        activation_checkpointing=True,
        max_length=length,
        packing=True,
        bf16=numbers.multiply == "bfloat16",
        fp16=numbers.multiply == "float16",
        use_cpu=not cuda and not torch.backends.mps.is_available(),
        dataloader_pin_memory=cuda,
        logging_steps=1,
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="all",
        eval_strategy="steps" if data.dev else "no",
        eval_steps=often,
        eval_on_start=bool(data.dev) and job.checkpoint() is None,
        save_strategy="steps",
        save_steps=often,
        save_total_limit=_KEPT_STATES,
        load_best_model_at_end=bool(data.dev),
        metric_for_best_model="eval_loss" if data.dev else None,
        greater_is_better=False if data.dev else None,
        ddp_find_unused_parameters=False,
        seed=recipe.seed,
        data_seed=recipe.seed,
        report_to="none",
        disable_tqdm=True,
    )


def _batches(data: _Data, recipe: Recipe, processes: int) -> tuple[int, int]:
    """Tokens of a packed row, and rows that a process adds up in a step.

    A step holds ``batch_size`` conversations on average. They are packed into one row a process where ``max_tokens``
    allows, so that short conversations do not become large batches and long ones do not overflow the memory.
    """
    lengths = [len(row.ids) for row in data.train]
    longest = max([*lengths, *(len(row.ids) for row in data.dev)])
    share = recipe.batch_size * sum(lengths) / len(lengths) / processes
    length = max(longest, min(recipe.max_tokens, math.ceil(share)))
    return length, max(1, round(share / length))


def _dataset(rows: Sequence[TokenRow], seed: int) -> Any:
    """In an order of its own, so that what is packed together has nothing in common."""
    from datasets import Dataset

    made = Dataset.from_dict({"input_ids": [row.ids for row in rows], "labels": [row.labels for row in rows]})
    return made.shuffle(seed=seed)


def _run(trainer: Any, job: Job, following: Any) -> None:
    import torch

    checkpoint = job.checkpoint()
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            "The GPU's memory is too small for this training. Lower [training] max_tokens (now "
            f'{job.recipe.max_tokens}), or take method = "qlora". The GPU said: {str(error).splitlines()[0]}'
        ) from error
    if following.diverged:
        raise ModelError(
            f"The loss is no number any more after step {trainer.state.global_step}: the training diverged. Lower "
            f"[training] learning_rate (now {job.recipe.learning_rate:g}); the checkpoints of this one are of no use."
        )


def _saved(trainer: Any, job: Job, data: _Data) -> Tuned:
    """Write what was trained; the merged model of an adapter comes after."""
    from groundtune.training.generator.following import looks_of, seconds_of

    state = trainer.state
    adapter = None if job.recipe.method == "full" else job.out / "adapter"
    merged = job.out / "merged"
    if adapter:
        save_adapter(trainer.model, adapter, job.base)
    else:
        save_model(trainer.model, merged, job.base)
    return Tuned(
        adapter=adapter,
        merged=merged,
        looks=looks_of(state.log_history),
        kept=state.best_global_step or state.global_step,
        steps=state.global_step,
        planned=state.max_steps,
        tokens=state.num_input_tokens_seen,
        seconds=seconds_of(state.log_history),
        conversations=len(data.train),
        left_out=data.left_out,
    )
