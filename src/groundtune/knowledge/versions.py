"""Names of knowledge versions: a hash over all documents that changes with each of them at the cost of that one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from groundtune.knowledge.store import EMPTY

__all__ = ["Tally"]

_MODULUS = 1 << 256


class Tally:
    """The sum of the hashes of all documents, modulo 2^256: the order in which they came does not matter.

    Args:
        contents: Content hash of each document; it covers how the document is cut and embedded.
    """

    def __init__(self, contents: Mapping[str, str]) -> None:
        self._contents = dict(contents)
        self._known_sum: int | None = None

    @property
    def contents(self) -> Mapping[str, str]:
        """Content hash of each document."""
        return self._contents

    def put(self, id_: str, content: str) -> None:
        """Add a document, or replace it."""
        self.drop(id_)
        self._known_sum = (self._sum + _number(id_, content)) % _MODULUS
        self._contents[id_] = content

    def drop(self, id_: str) -> None:
        """Take a document out, where it is in."""
        if id_ in self._contents:
            self._known_sum = (self._sum - _number(id_, self._contents[id_])) % _MODULUS
            del self._contents[id_]

    @property
    def _sum(self) -> int:
        """Made when it is first asked for: a sync that changes nothing does not need it."""
        if self._known_sum is None:
            self._known_sum = sum(_number(id_, content) for id_, content in self._contents.items()) % _MODULUS
        return self._known_sum

    def __len__(self) -> int:
        return len(self._contents)

    @property
    def name(self) -> str:
        """Twelve hexadecimal digits."""
        return hashlib.sha256(self._sum.to_bytes(32, "big")).hexdigest()[:12] if self._contents else EMPTY


def _number(id_: str, content: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{content}\n{id_}".encode("utf-8", "surrogatepass")).digest(), "big")
