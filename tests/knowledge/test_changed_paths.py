"""A sync that looks only at what the system says has changed ends where a first sync of everything does."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from groundtune.knowledge import KnowledgeBase
from groundtune.sources import walking
from groundtune.testing.embedding import HashedWords

SOURCES = ["docs", "more/**/*.md", "more/*/*.txt", "docs/rows.jsonl"]
PLACES = ["docs", "docs/in", "docs/in/deep", "more", "more/in", "away"]
FILES = ["a.md", "b.md", "c.txt", "rows.jsonl", "z.jsonl"]
PATHS = st.builds("{}/{}".format, st.sampled_from(PLACES), st.sampled_from(FILES))
EDITS = st.one_of(
    st.tuples(st.just("write"), PATHS, st.integers(0, 5)),
    st.tuples(st.just("write"), PATHS, st.integers(0, 5)),
    st.tuples(st.just("remove"), st.one_of(PATHS, st.sampled_from(PLACES[1:])), st.just("")),
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("move"), st.sampled_from(PLACES[1:]), st.sampled_from(["docs/new", "more/new", "away/new"])),
    st.tuples(st.just("move"), st.sampled_from(["docs/new", "more/new", "away/new"]), st.sampled_from(PLACES[1:])),
    st.tuples(st.just("link"), PATHS, PATHS),
    st.tuples(st.just("link"), st.sampled_from(["docs/link", "more/link"]), st.sampled_from(PLACES)),
)


class Folder:
    """Files that are edited; each edit gives the paths that the system would tell."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._times = itertools.count(1_600_000_000)
        for name in ("docs", "more"):
            (root / name).mkdir()

    def edit(self, what: str, path: str, other: str | int) -> Iterator[Path]:
        """Paths as they are named; nothing where it cannot be done."""
        target = self.root / path
        if what == "write":
            yield from self._made(target.parent)
            if target.is_symlink() or not target.is_dir():
                target.write_text(_text(target, int(other)), encoding="utf-8")
                os.utime(target, (next(self._times),) * 2)  # long ago, so that its time is trusted
                yield target.resolve()
        elif what == "remove":
            yield from self._gone(target)
        elif what == "move" and os.path.lexists(target):
            goal = self.root / str(other)
            if target not in (goal, *goal.parents) and goal not in target.parents:
                yield from self._made(goal.parent)
                yield from self._gone(goal)
                target.rename(goal)
                yield from (target, goal)
        elif what == "link":
            yield from self._made(target.parent)
            yield from self._gone(target)
            target.symlink_to(self.root / str(other))
            yield target

    def without_dead_links(self) -> Iterator[Path]:
        """What they led to counts as unreadable for now, and is kept: a first sync knows nothing of it."""
        while dead := [path for path in self.root.glob("[!.kc]*/**/*") if path.is_symlink() and not path.exists()]:
            for path in dead:
                yield from self._gone(path)

    def _made(self, folder: Path) -> Iterator[Path]:
        for part in [*reversed(folder.parents), folder]:
            if part.is_relative_to(self.root) and not part.is_dir():
                yield from self._gone(part)
                part.mkdir()
                yield part

    def _gone(self, path: Path) -> Iterator[Path]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            yield path
        elif os.path.lexists(path):
            path.unlink()
            yield path


def _text(path: Path, number: int) -> str:
    if number == 0:
        return ""
    if path.suffix == ".jsonl":  # rows that the files take from each other, and from the other files
        ids = [f"row{number}", f"row{number % 2}", "a.md", f"row{number}"]
        return "\n".join(json.dumps({"id": id_, "text": f"Row {id_} of gate {number}."}) for id_ in ids)
    return f"# Gate {number}\n\nGate {number} is closed." if number % 2 else f"Only words of door {number}."


def told(folder: Folder, paths: set[Path]) -> set[str]:
    """As the system tells them: the folder's links are followed, the last part is the one that changed."""
    return {os.path.join(os.path.realpath(path.parent), path.name) for path in paths}


def state(knowledge: KnowledgeBase) -> list[tuple[str, str, str]]:
    return [
        (passage.id, passage.text, passage.source)
        for id_ in knowledge.documents()
        for passage in knowledge.passages_of(id_)
    ]


REPLACED = [
    [("write", "away/new/a.md", 5), ("write", "docs/in/a.md", 1)],
    [("remove", "docs/in", ""), ("move", "away/new", "docs/in")],
]


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@example(rounds=REPLACED, settled_ns=0)
@example(rounds=REPLACED, settled_ns=walking._SETTLED_NS)
@given(
    rounds=st.lists(st.lists(EDITS, min_size=1, max_size=5), min_size=1, max_size=4),
    settled_ns=st.sampled_from([0, 0, walking._SETTLED_NS]),
)
def test_partial_syncs_end_where_a_first_sync_does(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[tuple[str, str, str | int]]], settled_ns: int
) -> None:
    # At 0 the times of folders are trusted at once: two whole syncs lie between the edits of two rounds, far more than
    # a clock tick.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walking, "_SETTLED_NS", settled_ns)
        follow_edits(tmp_path_factory, rounds)


def follow_edits(tmp_path_factory: pytest.TempPathFactory, rounds: list[list[tuple[str, str, str | int]]]) -> None:
    folder = Folder(tmp_path_factory.mktemp("files"))
    knowledge = KnowledgeBase(folder.root / "knowledge", HashedWords())
    for name, number in (("docs/a.md", 1), ("docs/rows.jsonl", 2), ("more/in/a.md", 3), ("more/in/c.txt", 4)):
        assert list(folder.edit("write", name, number))
    knowledge.sync(SOURCES, folder.root)
    for number, edits in enumerate(rounds):
        changed = {path for edit in edits for path in folder.edit(*edit)}
        changed |= set(folder.without_dead_links())
        if not (folder.root / "docs" / "rows.jsonl").exists():
            changed |= set(folder.edit("write", "docs/rows.jsonl", 1))
        report = knowledge.sync(SOURCES, folder.root, changed=told(folder, changed))
        clean = KnowledgeBase(folder.root / f"clean{number}", HashedWords())
        expected = clean.sync(SOURCES, folder.root)
        assert state(knowledge) == state(clean)
        assert (report.version, report.passages) == (expected.version, expected.passages)
        assert report.added + report.changed + report.unchanged == expected.added
        assert set(report.failed) == set(expected.failed)
