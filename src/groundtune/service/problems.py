"""What a client is told when a request cannot be served: one JSON shape, plain words, a fitting status code.

The shape is the one that OpenAI's clients read: ``{"error": {"message", "type", "param", "code"}}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from groundtune.errors import Busy, CannotDo, GroundtuneError, ModelError, StorageError, UserError
from groundtune.service.headers import SECURITY_HEADERS

_STATUS: tuple[tuple[type[GroundtuneError], int], ...] = (
    (CannotDo, 422),
    (UserError, 400),
    (ModelError, 502),
    (StorageError, 503),
    (Busy, 503),
)


def refusal(status: int, message: str, *, code: str, param: str | None = None) -> HTTPException:
    """An exception that turns into the error shape; raise it from a route."""
    return HTTPException(status, detail=problem(status, message, code=code, param=param))


def problem(status: int, message: str, *, code: str, param: str | None = None) -> dict[str, str | None]:
    """The inner error object; ``type`` says who has to act."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"message": message, "type": kind, "param": param, "code": code}


def unknown_system(name: str, systems: Sequence[str], *, param: str) -> HTTPException:
    """The refusal of a system that is not there, with those that are."""
    allowed = ", ".join(systems)
    return refusal(
        404, f"There is no system {name!r} here. Name one of: {allowed}.", code="model_not_found", param=param
    )


def status_of(error: GroundtuneError) -> int:
    """The HTTP status that fits an error of ours."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def failure(error: GroundtuneError) -> dict[str, str | None]:
    """The inner error object for an error of ours."""
    return problem(status_of(error), str(error), code=type(error).__name__)


def handle_problems(app: FastAPI) -> None:
    """Answer every kind of failure of ``app`` in the error shape."""
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(StarletteHTTPException, _on_refused)
    app.add_exception_handler(GroundtuneError, _on_failed)
    app.add_exception_handler(Exception, _on_fault)


def _reply(status: int, error: Mapping[str, str | None], headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": dict(error)}, status_code=status, headers=headers)


def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    fields = [_field(fault) for fault in faults]
    message = " ".join(_sentence(fault) for fault in faults)
    return _reply(422, problem(422, message, code="invalid_request", param=fields[0] if fields else None))


def _on_refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    detail: Any = error.detail
    if isinstance(detail, dict):
        return _reply(error.status_code, detail)
    message = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} is not allowed at {request.url.path}.",
    }.get(error.status_code, f"{detail}.")
    return _reply(error.status_code, problem(error.status_code, message, code="refused"))


def _on_failed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GroundtuneError)
    return _reply(status_of(error), failure(error))


def _on_fault(request: Request, error: Exception) -> JSONResponse:
    message = "Groundtune failed at this request. The cause is in the server's log."
    # This reply passes outside of all guards: the server makes it where nothing else can fail any more.
    return _reply(500, problem(500, message, code="fault"), headers=SECURITY_HEADERS)


def _field(fault: Mapping[str, Any]) -> str | None:
    parts = [str(part) for part in fault["loc"] if part != "body" and not isinstance(part, int)]
    return ".".join(parts) or None


def _sentence(fault: Mapping[str, Any]) -> str:
    """One fault of a request as a sentence: what was given, what is allowed."""
    kind, limits = fault["type"], fault.get("ctx", {})
    name = _field(fault) or "the body"
    if kind == "json_invalid":
        return f"The body is not JSON: {limits.get('error', fault['msg'])}."
    if kind == "missing":
        return f"{name!r} is missing." if _field(fault) else "The body is missing: send a JSON object."
    if kind == "string_too_short":
        return f"{name!r} is empty: send some text."
    if kind == "string_too_long":
        return f"{name!r} is too long: at most {limits['max_length']:,} characters are allowed."
    if kind == "too_short":
        return f"{name!r} is empty: send at least {limits['min_length']}."
    if kind == "extra_forbidden":
        return f"{name!r} is not known here: leave it out."
    if kind in ("model_attributes_type", "dict_type"):
        return f"{name!r} must be a JSON object, sent as application/json."
    return f"{name!r}: {fault['msg'][:1].lower()}{fault['msg'][1:]}."
