"""The completion cache gives back what it was given, to threads and processes, and after a kill."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundtune.errors import ProjectError, StorageError
from groundtune.records import Completion, Usage
from groundtune.storage.completions import CompletionStore

FULL = Completion(
    text="drei Euro – 3 €",
    usage=Usage(input_tokens=9, output_tokens=2, cached_tokens=4, reasoning_tokens=1),
    finished="length",
    first_token_ms=7.25,
    total_ms=12.5,
)
BARE = Completion(text="", usage=None, finished="stop", first_token_ms=None, total_ms=0.0)


def test_completions_come_back_whole_and_marked(tmp_path: Path) -> None:
    path = tmp_path / "new" / "completions.sqlite"
    with CompletionStore.open(path) as store:
        store.put("full", FULL)
        store.put("bare", BARE)
    with CompletionStore.open(path) as store:
        assert store.get("full") == replace(FULL, from_cache=True)
        assert store.get("bare") == replace(BARE, from_cache=True)
        assert store.get("never") is None


COUNTS = st.integers(0, 2**40)
MAYBE = st.none() | COUNTS
USAGES = st.none() | st.builds(
    Usage, input_tokens=COUNTS, output_tokens=COUNTS, cached_tokens=MAYBE, reasoning_tokens=MAYBE
)
TIMES = st.floats(0, 1e9)
COMPLETIONS = st.builds(
    Completion,
    # Any code point at all: a model's JSON can escape half of a surrogate pair.
    text=st.text(st.characters(exclude_categories=())),
    usage=USAGES,
    finished=st.sampled_from(["stop", "length"]),
    first_token_ms=st.none() | TIMES,
    total_ms=TIMES,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=COMPLETIONS, second=COMPLETIONS)
def test_any_completion_survives_and_the_last_one_counts(tmp_path: Path, first: Completion, second: Completion) -> None:
    with CompletionStore.open(tmp_path / "completions.sqlite") as store:
        store.put("key", first)
        assert store.get("key") == replace(first, from_cache=True)
        store.put("key", second)
        assert store.get("key") == replace(second, from_cache=True)


def test_threads_share_one_store(tmp_path: Path) -> None:
    with CompletionStore.open(tmp_path / "completions.sqlite") as store:

        def use(number: int) -> bool:
            mine = replace(FULL, text=str(number))
            store.put(str(number), mine)
            return store.get(str(number)) == replace(mine, from_cache=True)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(use, range(100)))


WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from groundtune.records import Completion
from groundtune.storage.completions import CompletionStore

with CompletionStore.open(Path(sys.argv[1])) as store:
    for n in range(50):
        text = f"{sys.argv[2]} {n}"
        store.put(text, Completion(text=text, usage=None, finished="stop", first_token_ms=None, total_ms=1.0))
        print(n, flush=True)
"""


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "completions.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, name], stdout=subprocess.DEVNULL) for name in "ab"]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    with CompletionStore.open(path) as store:
        assert all(store.get(f"{name} {n}") is not None for name in "ab" for n in range(50))


def test_a_new_file_may_be_opened_by_many_at_the_same_moment(tmp_path: Path) -> None:
    # SQLite refuses one of two that switch a new file to write-ahead logging at once, without waiting.
    for attempt in range(20):
        path = tmp_path / f"{attempt}.sqlite"
        together = Barrier(8)

        def opened(_: int, path: Path = path, together: Barrier = together) -> int:
            together.wait(timeout=30)
            with CompletionStore.open(path) as store:
                return sum(store.get(name) is not None for name in "ab")

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(opened, range(8))) == [0] * 8


def test_a_killed_process_leaves_every_completion_it_had_put(tmp_path: Path) -> None:
    path = tmp_path / "completions.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path), "a"], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(10):
            writer.stdout.readline()
        writer.kill()
    with CompletionStore.open(path) as store:
        assert all(store.get(f"a {n}") is not None for n in range(10))
        store.put("after", BARE)


def test_a_file_that_is_no_cache_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "completions.sqlite"
    path.write_bytes(b"my thesis, the only copy" * 100)
    with pytest.raises(StorageError, match=r"cache of completions .* not a database"):
        CompletionStore.open(path)
    assert path.read_bytes() == b"my thesis, the only copy" * 100


def test_a_newer_cache_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "completions.sqlite"
    CompletionStore.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ProjectError, match="pip install --upgrade groundtune"):
        CompletionStore.open(path)


def test_a_closed_cache_says_so(tmp_path: Path) -> None:
    store = CompletionStore.open(tmp_path / "completions.sqlite")
    store.close()
    store.close()
    with pytest.raises(StorageError, match="open it again"):
        store.get("key")
