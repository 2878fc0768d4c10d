"""What the SDK raises, as errors that say what was asked, what is wrong and what to do; never with the key."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from groundtune.errors import GroundtuneError, ModelError, ProjectError
from groundtune.models.chat import ContextOverflow
from groundtune.models.openai.overflow import too_long

if TYPE_CHECKING:
    import openai

    from groundtune.models.openai.endpoint import Endpoint

__all__ = ["Unreadable", "explained", "is_overload", "is_passing", "may_be_billed", "overflow", "retry_after", "said"]

PASSING_STATUS = (408, 409, 429)
"""Refusals that may be none a moment later, like every status from 500 on."""

_SPENT = ("insufficient_quota", "billing_hard_limit_reached")
_MOST_WORDS = 400
_MOST_NAMES = 10


class Unreadable(Exception):
    """The server answered with something that is no answer of this protocol, or its answer was cut."""


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    import openai

    if isinstance(error, openai.APIStatusError):
        lasting = error.code in _SPENT or overflow(error) is not None
        return not lasting and (error.status_code in PASSING_STATUS or error.status_code >= 500)
    return isinstance(error, (openai.APIConnectionError, Unreadable))


def is_overload(error: BaseException) -> bool:
    """Whether the server is well, and only asks to come back later."""
    import openai

    return isinstance(error, openai.RateLimitError)


def may_be_billed(error: BaseException) -> bool:
    """Whether the server may have worked on the request: after anything but a refusal."""
    import openai

    return not (isinstance(error, openai.APIStatusError) and error.status_code < 500 and error.status_code != 408)


def retry_after(error: BaseException | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """Seconds that the server asks to wait, from Retry-After as seconds or as a date; None where it does not say."""
    import openai

    if not isinstance(error, openai.APIStatusError):
        return None
    given = error.response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(given) - now()).total_seconds())
    except (ValueError, TypeError):
        return None


def overflow(error: openai.APIStatusError) -> ContextOverflow | None:
    """The error as one of a conversation that is too long; None where it is another."""
    if error.status_code not in (400, 413, 422, 500):
        return None
    found = too_long(said(error), error.body if isinstance(error.body, dict) else {})
    return ContextOverflow(tokens=found[0], window=found[1]) if found else None


def explained(error: BaseException, endpoint: Endpoint, model: str) -> GroundtuneError:
    """The error that a person or a record gets in place of the SDK's."""
    import openai

    asked = f"{model!r} at {endpoint.url}"
    if isinstance(error, openai.APIStatusError):
        return _refused(error, endpoint, model)
    if isinstance(error, openai.APITimeoutError):
        return ModelError(
            f"{asked} did not answer within {endpoint.timeout_seconds:g} s. Raise [model] timeout_seconds and "
            "total_timeout_seconds, or lower max_output_tokens."
        )
    if isinstance(error, openai.APIConnectionError):
        cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
        return ModelError(f"{endpoint.url} cannot be reached{cause}. Is it running, and is [model] base_url right?")
    if isinstance(error, Unreadable):
        return ModelError(f"{asked} gave no usable answer: {endpoint.without_key(str(error))}.")
    return ModelError(f"{asked} failed: {type(error).__name__}.")


def _refused(error: openai.APIStatusError, endpoint: Endpoint, model: str) -> GroundtuneError:
    asked = f"{model!r} at {endpoint.url}"
    words = endpoint.without_key(said(error))
    if error.status_code == 401:
        # Not in the server's words: they tend to repeat a part of the key.
        return ProjectError(
            f"{endpoint.url} refused the key in {endpoint.key or 'no variable at all'} for {model!r} (401). "
            "Set the environment variable to a key that is valid there."
        )
    if error.code == "model_not_found" or (error.status_code == 404 and _asks_a_model(error)):
        return _unknown(endpoint, model, f"({error.status_code}): {words}")
    if error.status_code == 404:
        return ProjectError(f"{asked} is not there (404): {words} Check [model] name and base_url.")
    if too_much := overflow(error):
        return too_much
    if error.status_code == 403:
        return ModelError(
            f"{asked} refused access (403): {words} May the key in {endpoint.key or 'no variable at all'} use it?"
        )
    if error.code in _SPENT:
        return ModelError(f"{asked}: the account has no credit left. Add some, then run the same command again.")
    if error.status_code == 429:
        return ModelError(
            f"{asked} was asked too often (429) and did not recover within [model] total_timeout_seconds. Lower "
            "[model] concurrency, and run the same command again: what was answered is kept."
        )
    happened = "failed" if error.status_code >= 500 else "refused"
    return ModelError(f"{asked} {happened} ({error.status_code}): {words}")


def _asks_a_model(error: openai.APIStatusError) -> bool:
    return error.request.url.path.endswith(("/chat/completions", "/embeddings"))


def _unknown(endpoint: Endpoint, model: str, refusal: str) -> ProjectError:
    """What is wrong with the name or the address, told from what the endpoint lists."""
    names = endpoint.models()
    told = f"{model!r} at {endpoint.url} is not there {refusal}"
    if not names:
        return ProjectError(f"{told} Check [model] name, and base_url: most endpoints end in /v1.")
    if model in names:
        return ProjectError(f"{told} It is on the endpoint's list all the same: perhaps it is not made for this.")
    near = difflib.get_close_matches(model, names, n=_MOST_NAMES, cutoff=0.4)
    shown = near if len(names) > _MOST_NAMES and near else names[:_MOST_NAMES]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ProjectError(f"{told} The endpoint has: {', '.join(shown)}{more}. Set [model] name to one of them.")


def said(error: openai.APIStatusError) -> str:
    """The server's own words, in short; they may hold a key."""
    body = error.body
    words = [body.get(name) for name in ("message", "detail", "error")] if isinstance(body, dict) else [body]
    text = next((word for word in words if isinstance(word, str) and word and not word.startswith("<")), None)
    return " ".join((text or error.response.reason_phrase).split())[:_MOST_WORDS]
