"""A small server that ranks by shared words, in the forms of Cohere and of TEI, for tests of rerankers behind HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

__all__ = ["RerankEndpoint"]


@dataclass
class RerankEndpoint:
    """Answers at ``/v1/rerank``, best first; `app` serves it.

    Attributes:
        form: How it is asked and answers.
        key: The key that it asks for; empty takes any.
        asked: The requests that it took, in order.
    """

    form: Literal["cohere", "tei"] = "cohere"
    key: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> FastAPI:
        """The application, for `groundtune.testing.serving.running`."""
        app = FastAPI()
        app.post("/v1/rerank", response_model=None)(self._rank)
        return app

    async def _rank(self, request: Request) -> JSONResponse:
        body = await request.json()
        self.asked.append(body)
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"message": "invalid api token"}, status_code=401)
        texts = body["texts"] if self.form == "tei" else body["documents"]
        wanted = _words(body["query"])
        scores = sorted(
            ((len(wanted & _words(text)) / len(wanted | _words(text)), place) for place, text in enumerate(texts)),
            reverse=True,
        )
        if self.form == "tei":
            return JSONResponse([{"index": place, "score": score} for score, place in scores])
        return JSONResponse({"results": [{"index": place, "relevance_score": score} for score, place in scores]})


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
