"""Who may read a file by where it lies: the project's rules, from globs of paths to access groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from groundtune.records import Document
from groundtune.sources import Failure

__all__ = ["AccessRules"]


class AccessRules:
    """Globs of document sources with the groups that may read them; ``*`` matches slashes too.

    The last glob that matches decides, and an empty list there opens the document to everyone. A document that carries
    groups of its own keeps those.

    Args:
        rules: Groups by glob, in the order in which they were written.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules = {glob: tuple(groups) for glob, groups in rules.items()}

    @property
    def version(self) -> str:
        """Text that is equal for equal rules."""
        return repr(list(self._rules.items())) if self._rules else ""

    def applied(self, document: Document) -> Document:
        """The document with the groups that may read it."""
        if document.groups:
            return document
        matching = [groups for glob, groups in self._rules.items() if fnmatchcase(document.source, glob)]
        return replace(document, groups=matching[-1]) if matching else document

    def idle(self, sources: Iterable[str]) -> list[Failure]:
        """Rules that protect nothing, most likely misspelt: what they were to protect is open to everyone."""
        idle = set(self._rules)
        for source in sources:
            idle -= {glob for glob in idle if fnmatchcase(source, glob)}
        return [
            Failure(
                glob,
                "this glob of [knowledge] groups matches no document, so it protects nothing",
                'Write it as the sources are written, for example "docs/hr/**", or remove it.',
            )
            for glob in self._rules
            if glob in idle
        ]
