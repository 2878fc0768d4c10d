"""Fine-tune a generator, on one device in this process or on several through accelerate: the same call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from groundtune import errors
from groundtune.errors import GroundtuneError, ModelError
from groundtune.models.transformers.places import find_weights
from groundtune.training.generator.conversations import Conversation
from groundtune.training.generator.job import Job, Step, Tuned
from groundtune.training.generator.recipe import Recipe
from groundtune.training.generator.weights import require_able

__all__ = ["fine_tune", "main"]

_LAST_LINES = 12

_step = TypeAdapter(Step)


def fine_tune(
    conversations: Sequence[Conversation],
    dev_conversations: Sequence[Conversation],
    *,
    base: Path | str,
    recipe: Recipe,
    state: Path,
    out: Path,
    progress: Callable[[Step], None] | None = None,
    processes: int | None = None,
) -> Tuned:
    """Teach a model its conversations, and merge what it learned into its weights.

    The same call with the same arguments goes on where a killed one stopped.

    Args:
        conversations: What to learn.
        dev_conversations: What to stop by, with the weights of the lowest loss; empty trains to the end.
        base: Folder or hub name of a chat model.
        recipe: How.
        state: Folder for conversations and checkpoints; may be deleted once this has returned.
        out: An empty folder, or one that does not exist: it gets ``adapter`` and ``merged``.
        progress: Called after each step.
        processes: One a GPU by default, and one without a GPU.

    Raises:
        GateClosed: when no conversation can be trained on.
        ModelError: when the training failed; CannotDo when this machine or model cannot be trained so.
        WeightsError: when the base weights are missing or damaged.
        MissingExtra: without the libraries.
        ProjectError: when ``out`` holds other files.
        StorageError: when the disk refuses.
    """
    require_able(recipe.method)
    gpus = _gpus()
    count = processes or max(1, gpus)
    folder = find_weights(str(base))
    job = Job.prepare(
        conversations, dev_conversations, base=folder, recipe=recipe, state=state, out=out, processes=count
    )
    report = progress or (lambda _: None)
    if count == 1 and gpus <= 1:
        from groundtune.training.generator.sft import train

        train(job, report)
    else:
        _launch(job, report, count, gpus)
    return job.result()


def main(arguments: Sequence[str]) -> int:
    """One process of several: run the job whose file is named, and report as JSON lines.

    Returns:
        The exit status.
    """
    if len(arguments) != 1:
        sys.stderr.write("usage: accelerate launch -m groundtune.training.generator JOB.json\n")
        return 2
    from groundtune.training.generator.sft import train

    first = os.environ.get("RANK", "0") == "0"
    try:
        train(Job.load(Path(arguments[0])), _print)
    except GroundtuneError as error:
        if first:
            _line(json.dumps({"error": type(error).__name__, "message": str(error)}))
        return error.exit_code
    return 0


def _print(step: Step) -> None:
    _line(_step.dump_json(step).decode())


def _line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _launch(job: Job, report: Callable[[Step], None], processes: int, gpus: int) -> None:
    """Run the job in processes of its own; they end with this one."""
    log = job.state / "training.log"
    failure: GroundtuneError | None = None
    command = _command(job, processes, gpus)
    with (
        log.open("w", encoding="utf-8") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, encoding="utf-8") as running,
    ):
        try:
            for line in running.stdout or ():
                failure = _heard(line, report) or failure
            status = running.wait()
        finally:
            running.terminate()
    if failure:
        raise failure
    if status:
        last = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])
        raise ModelError(f"The training stopped with status {status}; the whole log is {log}. Its end:\n{last}")


def _command(job: Job, processes: int, gpus: int) -> list[str]:
    """What starts the processes: accelerate on GPUs; torch's own launcher without, where accelerate asks for MPI."""
    module = ["-m", "groundtune.training.generator", str(job.file)]
    if not gpus:
        run = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        return [sys.executable, *run, *module]
    return [
        sys.executable,
        *("-m", "accelerate.commands.launch", f"--num_processes={processes}", "--num_machines=1"),
        *(f"--gpu_ids={','.join(map(str, range(processes)))}", "--mixed_precision=no", "--dynamo_backend=no"),
        *(["--multi_gpu", "--main_process_port=0"] if processes > 1 else []),
        *module,
    ]


def _heard(line: str, report: Callable[[Step], None]) -> GroundtuneError | None:
    """A step is reported; an error is given back as it was raised; anything else is not ours."""
    try:
        report(_step.validate_json(line))
    except ValidationError:
        return _error(line)
    return None


def _error(line: str) -> GroundtuneError | None:
    try:
        said = json.loads(line)
        kind = getattr(errors, said["error"])
        return kind(said["message"]) if issubclass(kind, GroundtuneError) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
