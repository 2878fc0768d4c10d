"""What a reply may be: a JSON Schema or a closed set of texts, enforced token by token through llguidance.

llguidance was chosen over xgrammar, outlines-core and lm-format-enforcer; docs/decisions says why.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from groundtune.errors import MissingExtra, ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Constraint", "Grammars"]

_log = logging.getLogger(__name__)

_WHITESPACE = r" |\n[ \t]{0,16}"  # compact and indented JSON, but never blanks without end


class Constraint:
    """Which tokens may come next in one reply."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def allowed(self, vocabulary: int) -> NDArray[np.bool_]:
        """Whether each token may come next: shape (vocabulary,).

        Raises:
            ModelError: when nothing can continue the reply, or the schema is too large to follow.
        """
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
        self._check()
        mask = np.zeros(vocabulary, bool)
        shared = min(vocabulary, len(bits))
        mask[:shared] = bits[:shared].astype(bool)
        if not mask.any():
            raise ModelError("The reply cannot go on: no token of this model fits its JSON Schema or labels.")
        return mask

    def take(self, token: int) -> None:
        """Go on by one token that was allowed."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ModelError(f"The reply could not be held to its JSON Schema or labels: {self._matcher.get_error()}")


class Grammars:
    """Makes constraints for the vocabulary of one tokenizer; what was compiled once is kept.

    Args:
        tokenizer: A fast tokenizer of transformers.
        vocabulary: Tokens that the model scores, which may be more than the tokenizer knows.
        ends: Token ids that end a reply.
    """

    def __init__(self, tokenizer: Any, *, vocabulary: int, ends: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._ends = list(ends)
        self._compiled: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._words: Any = None

    def of_schema(self, schema: Mapping[str, Any]) -> Constraint:
        """JSON that satisfies ``schema``.

        Keywords that cannot be enforced while writing (``if``, ``not``, ``uniqueItems``) are left out; a schema that
        cannot be compiled at all is replaced by "any JSON object". Both are logged, and the caller validates anyway.

        Raises:
            MissingExtra: without llguidance.
            ModelError: when the tokenizer is of a kind that cannot be constrained.
        """
        return self._constraint(_schema_grammar(schema), otherwise=_schema_grammar({"type": "object"}))

    def of_choices(self, choices: Sequence[str]) -> Constraint:
        """Exactly one of ``choices``.

        Raises:
            MissingExtra: without llguidance.
            ModelError: as in `of_schema`.
        """
        alternatives = " | ".join(json.dumps(choice).replace("\x7f", "\\u007f") for choice in choices)
        return self._constraint(_library().LLMatcher.grammar_from_lark(f"start: {alternatives}"))

    def _constraint(self, grammar: str, otherwise: str | None = None) -> Constraint:
        with self._lock:
            if grammar not in self._compiled:
                self._compiled[grammar] = self._compile(grammar, otherwise)
            return Constraint(self._compiled[grammar].deep_copy())

    def _compile(self, grammar: str, otherwise: str | None) -> Any:
        matcher = _library().LLMatcher(self._known_words(), grammar, log_level=0)
        if warnings := matcher.get_grammar_warnings():
            _log.warning("Not enforced while writing: %s", "; ".join(warnings))
        if not matcher.is_error():
            return matcher
        reason = matcher.get_error().splitlines()[0]
        if otherwise is None:
            raise ModelError(f"These labels cannot be enforced: {reason}")
        _log.warning("The JSON Schema cannot be enforced while writing, any JSON object is allowed: %s", reason)
        return self._compile(otherwise, None)

    def _known_words(self) -> Any:
        """The library's own form of the vocabulary: a second of work for a large one, done once."""
        if self._words is None:
            _library()
            from llguidance.hf import from_tokenizer

            try:
                known = max(self._vocabulary, len(self._tokenizer))
                self._words = from_tokenizer(self._tokenizer, n_vocab=known, eos_token=self._ends or None)
            except ValueError as error:
                raise ModelError(
                    "A JSON Schema or closed set of labels cannot be enforced with this tokenizer, which has no "
                    f"tokenizer.json: {error}"
                ) from error
        return self._words


def _schema_grammar(schema: Mapping[str, Any]) -> str:
    options = {"whitespace_pattern": _WHITESPACE, "lenient": True}
    return str(_library().LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=options))


def _library() -> Any:
    try:
        import llguidance
    except ImportError as error:
        raise MissingExtra("Holding local weights to a JSON Schema or to labels", "transformers") from error
    return llguidance
