"""`HostedTuning`: from conversations to a tuned model at a provider, in steps that survive a kill at any moment."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from groundtune.errors import GateClosed, GroundtuneError, ModelError, ProjectError
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.sending import Patience
from groundtune.training.hosted.account import FILES, Account
from groundtune.training.hosted.job import ENDED, Event, Job, StepMetrics
from groundtune.training.hosted.quote import Quote, cost_of, token_counter, tokens_of
from groundtune.training.hosted.rows import Conversation, require_rows, rows_file
from groundtune.training.hosted.state import STATE, Recipe, State, held, read_state, write_state, write_whole

__all__ = ["HostedCheckpoint", "HostedTuned", "HostedTuning"]

_TRAINING, _VALIDATION = "training.jsonl", "validation.jsonl"
_EVERY_SECONDS = 10.0
_POLICY = re.compile(r"polic(?:y|ies)|unsafe|moderation|safety", re.IGNORECASE)

_UNNAMEABLE = re.compile(r"[^a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedCheckpoint:
    """A model that the provider kept on the way; it can be asked like the final one.

    Attributes:
        model: The name that the provider answers to.
        step: When it was kept.
        metrics: What was measured then.
    """

    model: str
    step: int
    metrics: StepMetrics | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedTuned:
    """A tuned model at a provider.

    Attributes:
        job: Id of the job that made it.
        model: The name that the provider answers to.
        base: The base model by its full, dated name.
        metrics: By training step.
        checkpoints: Kept on the way, earliest first.
        trained_tokens: What is billed; None where the provider does not say.
        cost_usd: Of these tokens; None where no price is known.
        seconds: From the job's creation to its end; None where the provider does not say.
        files: Ids of the training file and, if any, the validation file, which stay with the provider.
    """

    job: str
    model: str
    base: str
    metrics: tuple[StepMetrics, ...]
    checkpoints: tuple[HostedCheckpoint, ...]
    trained_tokens: int | None
    cost_usd: Decimal | None
    seconds: float | None
    files: tuple[str, ...]


class HostedTuning:
    """One training at a provider, kept in a folder: `prepare`, show the quote, and after a yes `run`.

    `run` may be called again after anything: it goes on where it was, and never pays for a second job.
    """

    def __init__(
        self,
        folder: Path,
        endpoint: Endpoint,
        *,
        patience: Patience | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            folder: Of this training alone; made where it is missing.
            endpoint: The provider's API.
            patience: Retries and limits; setting its ``cancelled`` ends the following, not the job.
            pause: Waits so many seconds between two looks at the job.
        """
        self._folder = folder
        self._endpoint = endpoint
        patience = patience or Patience()
        self._pause = pause or patience.cancelled.wait
        self._account = Account(endpoint, patience)

    @property
    def state(self) -> State | None:
        """How far it is; None where nothing is prepared."""
        return read_state(self._folder)

    def prepare(
        self, recipe: Recipe, training: Sequence[Conversation], validation: Sequence[Conversation] = ()
    ) -> Quote:
        """Write the files and say what will be sent and what it costs. Nothing leaves this machine.

        The same content again finds the attempt that there is, finished or not; one that failed or was cancelled is
        set aside for a new one.

        Raises:
            GateClosed: when the provider would refuse the conversations.
            ProjectError: when a job with other content may be under way.
            Busy: when another process follows it.
        """
        require_rows(training, validation)
        files = {_TRAINING: rows_file(training), _VALIDATION: rows_file(validation)}
        with held(self._folder):
            self._begin(recipe, files)
        count, counted = token_counter(recipe.model)
        return Quote(
            model=recipe.model,
            endpoint=self._endpoint.url,
            conversations=len(training),
            validation=len(validation),
            bytes=sum(map(len, files.values())),
            tokens=tokens_of(training, count),
            counted=counted,
            epochs=recipe.epochs,
            price=recipe.price,
        )

    def run(self, told: Callable[[Event], None] = lambda event: None) -> HostedTuned:
        """Upload, start the job and follow it to its end, from wherever it stands. This costs money.

        Args:
            told: Gets what the job says, in order and each event once; after a kill the last few may come again.

        Raises:
            GateClosed: when the provider refuses the data, by their form or by its policies.
            ModelError: when the job failed or was cancelled, or the provider cannot be reached.
            ProjectError: when nothing is prepared, or the key or the model's name is wrong.
            Busy: when another process follows it.
        """
        with held(self._folder), closing(self._account):
            state = self._created(self._uploaded(self._prepared()))
            job = self._followed(state, told)
            if job.status != "succeeded" or not job.tuned:
                raise self._failure(job)
            return self._result(state, job)

    def cancel(self) -> str | None:
        """End the job early, also while another process follows it.

        Returns:
            The id of the job; None where the provider turned out to have none.

        Raises:
            ProjectError: when no job is under way.
            ModelError: when the provider refuses, for example because it is at its end.
        """
        state = self._prepared()
        if not state.is_under_way or state.training_file is None:
            raise ProjectError(f"There is no hosted training under way in {self._folder}, so nothing to cancel.")
        with closing(self._account):
            found = state.job or self._account.find(state.training_file, state.key)
            if found is not None:
                return self._account.cancel(found).id
        with held(self._folder):
            self._noted(state, step="uploading")
        return None

    # -- before anything is sent

    def _begin(self, recipe: Recipe, files: dict[str, bytes]) -> None:
        content = _content(recipe, self._endpoint.url, files)
        state = read_state(self._folder)
        if state is not None and state.content == content and state.status not in ("failed", "cancelled"):
            write_state(self._folder, replace(state, recipe=recipe))
            return
        if state is not None and state.is_under_way:
            raise ProjectError(
                f"A hosted training of other content ({state.job or 'job not known yet'}) is under way in "
                f"{self._folder}. Follow it to its end with the settings and examples that it was begun with, or "
                "cancel it."
            )
        if state is not None and state.job is not None:
            (self._folder / STATE).rename(self._folder / f"job-{state.key}.json")
        for name, data in files.items():
            write_whole(self._folder / name, data)
        key = f"{content[:12]}-{secrets.token_hex(4)}"
        write_state(self._folder, State(key=key, content=content, endpoint=self._endpoint.url, recipe=recipe))

    def _prepared(self) -> State:
        state = read_state(self._folder)
        if state is None:
            raise ProjectError(f"No hosted training is prepared in {self._folder}. Run: groundtune tune")
        if state.endpoint != self._endpoint.url:
            raise ProjectError(
                f"The hosted training in {self._folder} is at {state.endpoint}, and [model] base_url is now "
                f"{self._endpoint.url}. Set it back, and run the same command again."
            )
        return state

    # -- each step is written down before it is taken

    def _uploaded(self, state: State) -> State:
        if state.step not in ("prepared", "uploading"):
            return state
        files = {name: (self._folder / name).read_bytes() for name in (_TRAINING, _VALIDATION)}
        if _content(state.recipe, state.endpoint, files) != state.content:
            raise ProjectError(f"The files in {self._folder} have changed since the quote. Prepare them again.")
        may_exist = state.step == "uploading"
        for field, name in zip(FILES, files, strict=True):
            if files[name] and getattr(state, field) is None:
                state = self._noted(state, step="uploading")
                sent = f"groundtune-{state.key}-{name}"
                identity = self._account.upload(sent, files[name], may_exist=may_exist)
                state = self._noted(state, **{field: identity})
        return state

    def _created(self, state: State) -> State:
        if state.job is not None:
            return state

        def mark(sent: bool) -> None:
            self._noted(state, step="creating" if sent else "uploading")

        may_exist = state.step == "creating"
        job = self._account.create(_request(state), state.key, may_exist=may_exist, marked=mark)
        return self._noted(state, step="following", job=job.id, status=job.status)

    def _followed(self, state: State, told: Callable[[Event], None]) -> Job:
        assert state.job is not None
        while True:
            job = self._account.job(state.job)
            for event in self._account.events(state.job, state.last_event):
                told(event)
                state = replace(state, last_event=event.id)
            state = self._noted(state, status=job.status, step="ended" if job.status in ENDED else "following")
            if job.status in ENDED:
                return job
            self._pause(_EVERY_SECONDS)

    def _noted(self, state: State, **changes: Any) -> State:
        noted = replace(state, **changes)
        write_state(self._folder, noted)
        return noted

    # -- how it ended

    def _failure(self, job: Job) -> GroundtuneError:
        where = f"The job {job.id} at {self._endpoint.url}"
        if job.status == "cancelled":
            return ModelError(f"{where} was cancelled. Tune again to begin a new one.")
        failure = job.failure
        if failure is None:
            return ModelError(f"{where} ended as {job.status} without a tuned model, and the server does not say why.")
        reason = self._account.cleaned(failure.message or failure.code)
        if failure.param in FILES or _POLICY.search(f"{failure.code} {failure.message}"):
            return GateClosed(
                f"{where} refused the examples: {reason} Correct or remove those examples, then tune again."
            )
        return ModelError(f"{where} failed: {reason} What is prepared is kept: tune again to begin a new job.")

    def _result(self, state: State, job: Job) -> HostedTuned:
        assert job.tuned is not None
        metrics = tuple(event.metrics for event in self._account.events(job.id) if event.metrics is not None)
        if not metrics:
            metrics = tuple(row for name in job.result_files for row in self._account.metrics_file(name))
        times = (job.created, job.finished)
        return HostedTuned(
            job=job.id,
            model=job.tuned,
            base=job.model or state.recipe.model,
            metrics=metrics,
            checkpoints=tuple(
                HostedCheckpoint(model=model, step=step, metrics=found)
                for model, step, found in self._account.checkpoints(job.id)
            ),
            trained_tokens=job.trained_tokens,
            cost_usd=cost_of(job.trained_tokens, state.recipe.price),
            seconds=None if None in times else float(times[1] - times[0]),  # type: ignore[operator]
            files=tuple(name for name in (state.training_file, state.validation_file) if name is not None),
        )


def _content(recipe: Recipe, url: str, files: dict[str, bytes]) -> str:
    """Names what is trained, and where; what it costs does not change it."""
    digest = hashlib.sha256(json.dumps([asdict(replace(recipe, price=None)), url]).encode())
    for data in files.values():
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def _request(state: State) -> dict[str, Any]:
    recipe = state.recipe
    given = {"batch_size": recipe.batch_size, "learning_rate_multiplier": recipe.learning_rate_multiplier}
    hyperparameters = {name: value for name, value in given.items() if value is not None}
    optional = {
        "validation_file": state.validation_file,
        "suffix": _UNNAMEABLE.sub("-", recipe.suffix.lower()).strip("-"),
    }
    return {
        "model": recipe.model,
        "training_file": state.training_file,
        "seed": recipe.seed,
        "method": {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": recipe.epochs, **hyperparameters}},
        },
        **{name: value for name, value in optional.items() if value},
    }
