"""Secrets in a text: keys, tokens, passwords."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from groundtune.errors import MissingExtra
from groundtune.training.gate.spans import Span

__all__ = ["FindSecrets", "secret_finder"]

FindSecrets = Callable[[str], list[Span]]

_GUESSES = frozenset({"Secret Keyword", "Basic Auth Credentials"})
"""What follows a word like "password", or stands in an address: often an example in a manual and no secret."""
_NOT_USED = frozenset({"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"})
"""Made for source code: in conversations they take order numbers and checksums for secrets."""
_FILTERS = ("is_sequential_string", "is_templated_secret", "is_prefixed_with_dollar_sign", "is_not_alphanumeric_string")
_WORTH_A_LOOK = re.compile(
    r"[\w\-+/=.:]{16,}|://|-----BEGIN|pass|pwd|secret|key|token|auth|credential|contrase|connection", re.IGNORECASE
)
"""Every secret that is looked for matches this, and most sentences do not: that makes the search ten times as fast."""
_SHORTEST = 16
"""Characters of the shortest key or token that has a form of its own."""
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:-----END [A-Z ]*PRIVATE KEY[A-Z ]*-----|\Z)", re.DOTALL)


@contextmanager
def secret_finder() -> Iterator[FindSecrets]:
    """Find secrets with detect-secrets, without asking any server whether they are valid.

    Raises:
        MissingExtra: when detect-secrets is not installed.
    """
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
        from detect_secrets.core.scan import scan_line
        from detect_secrets.settings import transient_settings
    except ImportError:
        raise MissingExtra("Finding secrets", "gate") from None
    kinds: Mapping[str, type[Any]] = get_mapping_from_secret_type_to_class()
    plugins = {kind.__name__ for kind in kinds.values()} - _NOT_USED
    settings: AbstractContextManager[Any] = transient_settings(
        {
            "plugins_used": [{"name": name} for name in sorted(plugins)],
            "filters_used": [{"path": f"detect_secrets.filters.heuristic.{name}"} for name in _FILTERS],
        }
    )

    def find(text: str) -> list[Span]:
        keys = [Span(kind="secret", start=m.start(), end=m.end(), sure=True) for m in _PRIVATE_KEY.finditer(text)]
        return keys + [span for line in _lines(text) for span in _in_line(line, scan_line)]

    with settings:
        yield find


def _lines(text: str) -> Iterator[re.Match[str]]:
    return (line for line in re.finditer(r"[^\r\n]+", text) if _WORTH_A_LOOK.search(line[0]))


def _in_line(line: re.Match[str], scan: Callable[[str], Iterator[Any]]) -> Iterator[Span]:
    for secret in scan(line[0]):
        value = secret.secret_value
        if not value or secret.type == "Private Key":
            continue
        sure = secret.type not in _GUESSES
        for match in re.finditer(re.escape(value), line[0]):
            # Of some tokens only the prefix is told ("ghp"): the word around it is the secret.
            start, end = _whole_word(line[0], *match.span()) if sure else match.span()
            if not sure or end - start >= _SHORTEST:
                yield Span(kind="secret", start=line.start() + start, end=line.start() + end, sure=sure)


def _whole_word(text: str, start: int, end: int) -> tuple[int, int]:
    before = re.search(r"[\w+/-]*\Z", text[:start])
    after = re.match(r"[\w+/=-]*", text[end:])
    return start - len(before[0] if before else ""), end + len(after[0] if after else "")
