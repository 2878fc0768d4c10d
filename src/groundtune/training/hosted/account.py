"""The provider's side: each request with retries, and never the same file or job made twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from groundtune.errors import GateClosed, ProjectError
from groundtune.models.openai.endpoint import Endpoint
from groundtune.models.openai.failures import may_be_billed, said
from groundtune.models.openai.sending import Patience
from groundtune.training.hosted.job import Event, Job, StepMetrics, event_of, job_of, metrics_of, metrics_of_file

if TYPE_CHECKING:
    import openai

__all__ = ["FILES", "MARK", "Account"]

MARK = "groundtune"
"""Under this name a job's metadata hold the key of the attempt."""

FILES = ("training_file", "validation_file")
"""Parameters of a job whose refusal is the data's fault."""

_PAGE = 100
_NO_SUCH_THING = (404, 405, 501)

Result = TypeVar("Result")


class Account:
    """What Groundtune asks of a fine-tuning API."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        """Nothing is sent yet."""
        self._endpoint = endpoint
        self._patience = patience

    @cached_property
    def _client(self) -> openai.OpenAI:
        return self._endpoint.client()

    def close(self) -> None:
        """Let go of the connections; a further request opens new ones."""
        client: openai.OpenAI | None = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def cleaned(self, text: str) -> str:
        """What the server said, without the key, should it stand there."""
        secret = os.environ.get(self._endpoint.key, "").strip() if self._endpoint.key else ""
        return text.replace(secret, "[key]") if secret else text

    def upload(self, name: str, content: bytes, *, may_exist: bool) -> str:
        """Upload a file under a name that nothing else has, and return its id.

        Args:
            name: Its name there.
            content: Its bytes.
            may_exist: An earlier upload may have arrived: it is looked for first, as before every retry.

        Raises:
            ProjectError: when the server has no such API.
        """
        import openai

        tried = may_exist

        def attempt() -> str:
            nonlocal tried
            found = self._uploaded(name, len(content)) if tried else None
            tried = True
            try:
                return found or self._client.files.create(file=(name, content), purpose="fine-tune").id
            except openai.APIStatusError as error:
                if error.status_code in _NO_SUCH_THING:
                    raise self._no_such_api() from None
                raise

        return self._send(attempt, name)

    def create(self, request: Mapping[str, Any], key: str, *, may_exist: bool, marked: Callable[[bool], None]) -> Job:
        """Create a job once.

        Args:
            request: The job without its metadata.
            key: Names the attempt: a job that carries it is this one.
            may_exist: An earlier request may have arrived: its job is looked for first, as before every retry.
            marked: Told True before a request is sent, and False when the server is known not to have taken it.

        Raises:
            GateClosed: when the provider refuses the files.
        """
        import openai

        unsure = may_exist

        def attempt() -> Job:
            nonlocal unsure
            found = self._created(request["training_file"], key) if unsure else None
            if found is not None:
                return found
            marked(True)
            before, unsure = unsure, True
            try:
                answer = self._client.fine_tuning.jobs.create(
                    **request, metadata={MARK: key}, extra_headers={"Idempotency-Key": key}
                )
            except openai.APIStatusError as error:
                if not may_be_billed(error) and not before:
                    unsure = False
                    marked(False)
                if error.param in FILES:
                    raise GateClosed(f"{self._endpoint.url} refused the {error.param}: {said(error)}") from None
                raise
            return job_of(answer, MARK)

        return self._send(attempt, str(request["model"]))

    def find(self, training_file: str, key: str) -> str | None:
        """The id of an attempt's job, where there is one."""
        found = self._send(lambda: self._created(training_file, key), training_file)
        return None if found is None else found.id

    def job(self, identity: str) -> Job:
        """A job as it is now."""
        return self._send(lambda: job_of(self._client.fine_tuning.jobs.retrieve(identity), MARK), identity)

    def cancel(self, identity: str) -> Job:
        """End a job early."""
        return self._send(lambda: job_of(self._client.fine_tuning.jobs.cancel(identity), MARK), identity)

    def events(self, identity: str, after: str | None = None) -> list[Event]:
        """What a job has said since an event, oldest first, each once."""
        return self._send(lambda: self._said_since(identity, after), identity)

    def checkpoints(self, identity: str) -> list[tuple[str, int, StepMetrics | None]]:
        """Models that were kept on the way: name, step and metrics, earliest first; none where the server has none."""
        import openai

        def asked() -> list[tuple[str, int, StepMetrics | None]]:
            try:
                given = list(_every(self._client.fine_tuning.jobs.checkpoints.list(identity, limit=_PAGE)))
            except openai.NotFoundError:
                return []
            return [
                (point.fine_tuned_model_checkpoint, point.step_number, metrics_of(point.to_dict().get("metrics")))
                for point in given
            ]

        return sorted(self._send(asked, identity), key=lambda point: point[1])

    def metrics_file(self, identity: str) -> tuple[StepMetrics, ...]:
        """The metrics that stand in one of a job's result files."""
        return metrics_of_file(self._send(lambda: self._client.files.content(identity).read(), identity))

    def _no_such_api(self) -> ProjectError:
        return ProjectError(
            f"{self._endpoint.url} takes no files, so it cannot tune models in the way of OpenAI's API. Tune at a "
            'provider that can, or on this machine: [model] provider = "transformers".'
        )

    def _send(self, request: Callable[[], Result], asked: str) -> Result:
        return self._patience.send(request, self._endpoint, asked)

    def _uploaded(self, name: str, size: int) -> str | None:
        """The id of a file that arrived whole."""
        files = _every(self._client.files.list(purpose="fine-tune"))
        return next((file.id for file in files if file.filename == name and file.bytes == size), None)

    def _created(self, training_file: str, key: str) -> Job | None:
        """The job of an attempt; where the server keeps no metadata, its file says so: no other job has it."""
        jobs = (job_of(answer, MARK) for answer in _every(self._client.fine_tuning.jobs.list(limit=_PAGE)))
        mine = (job for job in jobs if job.key == key or (job.key is None and job.training_file == training_file))
        return next(mine, None)

    def _said_since(self, identity: str, after: str | None) -> list[Event]:
        """Servers list the newest first."""
        found: list[Event] = []
        for answer in _every(self._client.fine_tuning.jobs.list_events(identity, limit=_PAGE)):
            if answer.id == after:
                break
            found.append(event_of(answer, self.cleaned))
        found.reverse()
        return sorted(found, key=lambda event: event.at)


def _every(pages: Iterable[Any]) -> Iterator[Any]:
    """All entries of all pages; a server that gives the same page again and again is not followed."""
    seen: set[str] = set()
    for entry in pages:
        if entry.id in seen:
            return
        seen.add(entry.id)
        yield entry
