"""One training run of sentence-transformers: resumed after a kill, stopped early on dev, its best weights kept."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groundtune.errors import GateClosed, MissingExtra, ProjectError, StorageError, WeightsError
from groundtune.training.embedding import RetrievalRow
from groundtune.training.generator.checkpoints import last_whole_checkpoint
from groundtune.training.generator.quiet import quiet_libraries

__all__ = ["MRR", "Kind", "Places", "RetrievalRecipe", "TunedRetrieval", "tune"]

MRR = "mrr@10"
"""What is looked at on dev: the mean reciprocal rank of the first right text among the ten best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalRecipe:
    """How a retrieval model is tuned.

    Attributes:
        epochs: Most passes over the rows.
        learning_rate: Peak, after a short warm-up; decays in a straight line.
        batch_size: Pairs of one step.
        max_tokens: Of a text (embedding) or of question and text together (reranker); the rest is cut off.
        patience: Evaluations on dev, two an epoch, without a better one before training stops.
        seed: Of everything random.
    """

    epochs: int = 2
    learning_rate: float = 2e-5
    batch_size: int = 16
    max_tokens: int = 256
    patience: int = 2
    seed: int = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedRetrieval:
    """A tuned retrieval model.

    Attributes:
        model: Its folder, as sentence-transformers loads it.
        before: `MRR` on dev in [0, 1] before training; None without dev rows.
        dev: The same of the weights that were kept.
        steps: Steps that were run.
        seconds: Of this run; those before a kill are not counted.
    """

    model: Path
    before: float | None
    dev: float | None
    steps: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Folders of a run: base weights, what is needed to go on after a kill, and the result (empty or absent)."""

    base: Path
    state: Path
    out: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What differs between rerankers and embedding models.

    Attributes:
        name: For messages and for the state's folder.
        load: (base, recipe) -> model.
        columns: Rows -> the columns of the training set.
        loss: (model, rows) -> loss.
        evaluator: Dev rows -> evaluator with the metric ``dev_mrr@10``, or one that ends so.
        trainer: The trainer's and its arguments' classes, and further arguments.
    """

    name: str
    load: Callable[[Path, RetrievalRecipe], Any]
    columns: Callable[[Sequence[RetrievalRow]], Mapping[str, list[Any]]]
    loss: Callable[[Any, Sequence[RetrievalRow]], Any]
    evaluator: Callable[[Sequence[RetrievalRow]], Any]
    trainer: Callable[[], tuple[Any, Any, Mapping[str, Any]]]


def tune(
    kind: Kind,
    rows: Sequence[RetrievalRow],
    dev: Sequence[RetrievalRow],
    recipe: RetrievalRecipe,
    places: Places,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> TunedRetrieval:
    """Train, or go on with a run of the same rows, weights and recipe.

    Raises:
        GateClosed: when no row has a text that answers.
        WeightsError: when the base weights cannot be loaded.
        ProjectError: when ``places.out`` is not empty.
        MissingExtra: without sentence-transformers.
        StorageError: when the disk refuses.
    """
    rows, dev = [row for row in rows if row.positives], [row for row in dev if row.positives]
    if not rows:
        raise GateClosed(f"No row has a passage that answers its question: there is nothing to tune a {kind.name} on.")
    if places.out.exists() and any(places.out.iterdir()):
        raise ProjectError(f"{places.out} is not empty: name an empty folder for the tuned {kind.name}.")
    with quiet_libraries():
        return _tuned(kind, rows, dev, recipe, places, progress)


def _tuned(
    kind: Kind,
    rows: Sequence[RetrievalRow],
    dev: Sequence[RetrievalRow],
    recipe: RetrievalRecipe,
    places: Places,
    progress: Callable[[int, int], None] | None,
) -> TunedRetrieval:
    began = time.monotonic()
    model = _loaded(kind, places.base, recipe)
    evaluator = kind.evaluator(dev) if dev else None
    before = _mrr(evaluator(model)) if evaluator else None
    trainer = _trainer(kind, model, rows, recipe, _state(kind, rows, dev, recipe, places), evaluator, progress)
    checkpoint = last_whole_checkpoint(Path(trainer.args.output_dir))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    try:
        # Their card of the model would hold rows of the training data.
        model.save_pretrained(str(places.out), create_model_card=False)
    except OSError as error:
        raise StorageError(f"The tuned {kind.name} cannot be written to {places.out}: {error}.") from error
    return TunedRetrieval(
        model=places.out,
        before=before,
        dev=trainer.state.best_metric,
        steps=trainer.state.global_step,
        seconds=time.monotonic() - began,
    )


def _loaded(kind: Kind, base: Path, recipe: RetrievalRecipe) -> Any:
    """The base model; a head that it lacks is drawn by the recipe's seed."""
    import torch

    try:
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            return kind.load(base, recipe)
    except ImportError as error:
        raise MissingExtra(f"Tuning a {kind.name}", "train") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{base} cannot be loaded as the base of a {kind.name}: {error}") from error


def _state(
    kind: Kind, rows: Sequence[RetrievalRow], dev: Sequence[RetrievalRow], recipe: RetrievalRecipe, places: Places
) -> Path:
    """A folder of its own for each run: the state of another is never resumed."""
    from groundtune.models.transformers import weights_sha256

    told = [kind.name, weights_sha256(places.base), asdict(recipe), [[asdict(r) for r in part] for part in (rows, dev)]]
    return places.state / hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _mrr(metrics: Mapping[str, float]) -> float:
    return next(float(value) for name, value in metrics.items() if name.endswith(MRR))


def _trainer(
    kind: Kind,
    model: Any,
    rows: Sequence[RetrievalRow],
    recipe: RetrievalRecipe,
    state: Path,
    evaluator: Any,
    progress: Callable[[int, int], None] | None,
) -> Any:
    from datasets import Dataset
    from transformers import EarlyStoppingCallback
    from transformers.trainer_callback import PrinterCallback

    trainer_class, arguments_class, more = kind.trainer()
    stopping = [EarlyStoppingCallback(early_stopping_patience=recipe.patience)] if evaluator else []
    trainer = trainer_class(
        model=model,
        args=arguments_class(**_arguments(recipe, state, evaluator), **more),
        train_dataset=Dataset.from_dict(kind.columns(rows)),
        evaluator=evaluator,
        loss=kind.loss(model, rows),
        callbacks=[*stopping, *([_reporter(progress)] if progress else [])],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(trainer.model_card_callback_class)
    return trainer


def _arguments(recipe: RetrievalRecipe, state: Path, evaluator: Any) -> dict[str, Any]:
    import torch

    from groundtune.training.precision import best_precision

    cuda = torch.cuda.is_available()
    often = 1 / (2 * recipe.epochs)
    fast = torch.cuda.is_bf16_supported() if cuda else best_precision() == "bfloat16"
    looking = {
        "eval_strategy": "steps",
        "eval_steps": often,
        "load_best_model_at_end": True,
        "metric_for_best_model": f"eval_{evaluator.primary_metric}" if evaluator else None,
        "greater_is_better": True,
    }
    return {
        "output_dir": str(state),
        "num_train_epochs": recipe.epochs,
        "learning_rate": recipe.learning_rate,
        "per_device_train_batch_size": recipe.batch_size,
        "warmup_steps": 0.1,
        "bf16": fast,
        "use_cpu": not cuda and not torch.backends.mps.is_available(),
        "dataloader_pin_memory": cuda,
        "save_strategy": "steps",
        "save_steps": often,
        "save_total_limit": 3,
        "restore_callback_states_from_checkpoint": bool(evaluator),
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "report_to": "none",
        "disable_tqdm": True,
        **(looking if evaluator else {}),
    }


def _reporter(progress: Callable[[int, int], None]) -> Any:
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):  # type: ignore[misc]  # an untyped library's class
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                progress(state.global_step, state.max_steps)

    return Reporter()
