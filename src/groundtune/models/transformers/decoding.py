"""One batch of requests through the model, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from groundtune.errors import ModelError

if TYPE_CHECKING:
    import torch

    from groundtune.models.transformers.load import LocalWeights
    from groundtune.models.transformers.request import Request

__all__ = ["decode"]


def decode(weights: LocalWeights, requests: Sequence[Request]) -> None:
    """Write the replies of several requests side by side, each as it would be alone (but for rounding in 16 bits).

    A batch that does not fit the device's memory is tried again in halves. Requests that were given up cost nothing
    from the next token on.

    Raises:
        ModelError: when the model failed, or not even one request fits the memory.
    """
    import torch

    try:
        with torch.inference_mode():
            _generate(weights, requests)
    except torch.OutOfMemoryError as error:
        too_large = error
    except (RuntimeError, ValueError, IndexError) as error:
        raise ModelError(f"{weights.name} failed while writing: {error}") from error
    else:
        return
    if len(requests) == 1 or any(request.written for request in requests):
        raise ModelError(
            f"{weights.name} ran out of memory with {len(requests)} conversations at once. "
            "Ask fewer questions at the same time ([model] concurrency), shorten the prompt, or take a smaller model."
        ) from too_large
    middle = len(requests) // 2
    decode(weights, requests[:middle])
    decode(weights, requests[middle:])


def _generate(weights: LocalWeights, requests: Sequence[Request]) -> None:
    pad = weights.model.generation_config.pad_token_id
    weights.model.generate(
        **_padded(requests, pad, weights.model.device),
        max_new_tokens=max(request.limit for request in requests),
        logits_processor=[_Choice(requests)],
        stopping_criteria=[_Progress(requests)],
    )


def _padded(requests: Sequence[Request], pad: int, device: Any) -> dict[str, torch.Tensor]:
    """Prompts padded on the left, so that all replies begin at the same place: shape (requests, longest prompt)."""
    import torch

    longest = max(len(request.prompt) for request in requests)
    gaps = [longest - len(request.prompt) for request in requests]
    ids = [[pad] * gap + request.prompt for gap, request in zip(gaps, requests, strict=True)]
    mask = [[0] * gap + [1] * (longest - gap) for gap in gaps]
    return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}


class _Choice:
    """Called by transformers before each token, to take the likeliest of what this leaves.

    Raises:
        ModelError: when the scores are no numbers.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if bool(scores.isnan().any()):
            raise ModelError("The model computed no numbers (NaN): its weights are damaged or its dtype is too narrow.")
        for row, request in enumerate(self._requests):
            if not request.done:
                try:
                    _narrow(scores[row], request)
                except ModelError as error:
                    request.fail(error)
        return scores


def _narrow(scores: torch.Tensor, request: Request) -> None:
    """Put minus infinity, in place, on every token that is not allowed or was not drawn; shape (vocabulary,)."""
    import torch

    allowed = request.allowed(len(scores))
    if allowed is not None:
        scores.masked_fill_(torch.from_numpy(~allowed).to(scores.device), float("-inf"))
    if request.drawn:
        token = request.draw(scores.float().cpu().numpy())
        scores.fill_(float("-inf"))
        scores[token] = 0.0


class _Progress:
    """Called by transformers after each token: hands it to its request, and says which requests are done."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        import torch

        for request, token in zip(self._requests, input_ids[:, -1].tolist(), strict=True):
            try:
                request.take(token)
            except ModelError as error:
                request.fail(error)
        return torch.tensor([request.done for request in self._requests], device=input_ids.device)
