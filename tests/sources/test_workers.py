"""Whatever a file does to the process that reads it, its neighbours are read and the reason is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from groundtune.records import Document
from groundtune.sources import Conversion, Failure, Limits, Rules, SourceFile

HERE = Path(__file__).parent


@pytest.fixture
def in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


def read(folder: Path, *texts: str, seconds: float = 30, megabytes: int = 512) -> list[Document | Failure]:
    """What becomes of files with these texts, read one after the other by one set of workers."""
    rules = Rules(limits=Limits(seconds=seconds, megabytes=megabytes))
    results = []
    with Conversion(rules, registry="faulty_converters:CONVERTERS") as conversion:
        for number, text in enumerate(texts):
            path = folder / f"{number}.pdf"
            path.write_text(text, encoding="utf-8")
            file = SourceFile(id=path.name, location=str(path), source=f"docs/{path.name}", format="pdf")
            (result,) = list(conversion.start(file)())
            results.append(result)
    return results


@pytest.mark.usefixtures("in_path")
@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        ("segfault", r"ended its process \(signal 11\)"),
        ("abort", r"ended its process \(signal 6\)"),
        ("hog", "more than 512 MB of memory"),
        ("raise", "ZeroDivisionError: in a library"),
    ],
)
def test_a_hostile_file_is_reported_and_the_next_one_is_read(tmp_path: Path, hostile: str, reason: str) -> None:
    before, failure, after = read(tmp_path, "fine before", hostile, "fine after")
    assert isinstance(before, Document)
    assert isinstance(failure, Failure)
    assert isinstance(after, Document)
    assert (before.text, after.text) == ("before", "after")
    assert failure.source == "docs/1.pdf"
    assert re.search(reason, failure.reason)
    assert not failure.transient


@pytest.mark.usefixtures("in_path")
def test_an_endless_loop_ends_at_the_time_limit(tmp_path: Path) -> None:
    failure, after = read(tmp_path, "loop", "fine after", seconds=0.5)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.reason) == ("hostile", "it was not read within 0.5 seconds")
    assert "convert_seconds" in failure.hint
    assert isinstance(after, Document)


@pytest.mark.usefixtures("in_path")
def test_a_file_is_only_blamed_by_a_fresh_process(tmp_path: Path) -> None:
    # The converter dies on the second file of a process, whatever it holds: no file is at fault.
    assert all(isinstance(result, Document) for result in read(tmp_path, *["leak"] * 4))


@pytest.mark.usefixtures("in_path")
def test_what_a_library_prints_does_not_get_between_the_replies(tmp_path: Path) -> None:
    results = read(tmp_path, "print one", "print two")
    assert [result.text for result in results if isinstance(result, Document)] == ["one", "two"]


@pytest.mark.usefixtures("in_path")
def test_a_worker_cannot_write_files(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (result,) = read(tmp_path, f"write {target}")
    assert isinstance(result, Failure)
    assert "File too large" in result.reason
    assert not target.exists() or target.read_bytes() == b""


@pytest.mark.usefixtures("in_path")
def test_a_worker_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    (result,) = read(tmp_path, "environment")
    assert isinstance(result, Document)
    assert "PATH" in json.loads(result.text)
    assert "sk-secret" not in result.text


def test_a_missing_library_is_named_with_the_extra_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "lacking.py").write_text(
        "def convert(data, reader):\n    import no_such_library\nCONVERTERS = {'pdf': convert}\n", encoding="utf-8"
    )
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    file = SourceFile(id="a.pdf", location=str(tmp_path / "a.pdf"), source="docs/a.pdf", format="pdf")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        with Conversion(registry="lacking:CONVERTERS") as conversion:
            (result,) = list(conversion.start(file)())
    assert isinstance(result, Failure)
    assert (result.kind, result.hint) == ("unsupported", "Install it with: pip install 'groundtune[formats]'")
    assert "no_such_library" in result.reason


@pytest.mark.usefixtures("in_path")
@pytest.mark.parametrize(
    "reply",
    [
        "no JSON",
        "[]",
        "7",
        '{"converted": {}}',
        '{"converted": {"title": "", "text": "", "metadata": 1, "pages": "x"}}',
        '{"unusable": ["one"]}',
        "[" * 100_000,
    ],
)
def test_a_process_that_was_taken_over_can_only_send_text(tmp_path: Path, reply: str) -> None:
    failure, after = read(tmp_path, f"forge {reply}", "fine after")
    assert isinstance(failure, Failure)
    assert (failure.kind, "no answer that makes sense" in failure.reason) == ("hostile", True)
    assert isinstance(after, Document)


@pytest.mark.usefixtures("in_path")
def test_leaving_early_does_not_wait_for_what_is_being_read(tmp_path: Path) -> None:
    rules = Rules(limits=Limits(seconds=250, megabytes=512))
    with Conversion(rules, registry="faulty_converters:CONVERTERS") as conversion:
        pending = []
        for number in range(6):
            path = tmp_path / f"{number}.pdf"
            path.write_text("loop", encoding="utf-8")
            pending.append(
                conversion.start(SourceFile(id=path.name, location=str(path), source=path.name, format="pdf"))
            )
    assert len(pending) == 6
