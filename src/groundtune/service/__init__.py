"""The chosen system, answering over HTTP: plain JSON, the OpenAI chat protocol, and the server that runs them."""

from groundtune.service.answerer import Answerer
from groundtune.service.app import create_app
from groundtune.service.server import DEFAULT_PORT, ServeConfig, serve
from groundtune.systems.wire import AnswerView, CitationView, HitView, SearchView

__all__ = [
    "DEFAULT_PORT",
    "AnswerView",
    "Answerer",
    "CitationView",
    "HitView",
    "SearchView",
    "ServeConfig",
    "create_app",
    "serve",
]
