from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from groundtune import __version__
from groundtune.cli import cli, run
from groundtune.errors import GateClosed


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(arguments)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_help_answers_at_once_without_anything_heavy() -> None:
    code = (
        "import sys; from groundtune.cli import run; run(['--help']); "
        "heavy = {'torch', 'openvino', 'lancedb', 'numpy', 'pydantic', 'sqlalchemy', 'rich'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "decide" in done.stdout


def test_every_command_of_the_design_is_there() -> None:
    wanted = "demo init advise check sync search ask tune experiment diagnose decide report runs models serve"
    assert set(cli.commands) >= set(wanted.split())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "--version") == (0, f"groundtune, version {__version__}\n", "")


def test_a_folder_without_settings_is_wrong_use_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown, errors = out(capsys, "sync", "--project", str(tmp_path))
    assert (code, shown) == (2, "")
    assert "groundtune init" in errors
    assert "Traceback" not in errors


def test_an_unknown_option_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, errors = out(capsys, "sync", "--nonsense")
    assert code == 2
    assert "--nonsense" in errors


def test_init_makes_a_project_once_and_check_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    assert out(capsys, "init", str(folder))[0] == 0
    code, shown, _ = out(capsys, "check", "--project", str(folder), "--json")
    report = json.loads(shown)
    assert code == GateClosed.exit_code
    assert (report["documents"], report["examples"], report["queries"]["all"]) == (2, 2, 4)
    assert "48 are missing" in report["missing"][0]
    code, _, errors = out(capsys, "init", str(folder))
    assert code == 2
    assert "already" in errors


def test_broken_example_rows_close_the_gate_with_their_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    run(["init", str(folder)])
    examples = folder / "examples.jsonl"
    before = examples.read_text(encoding="utf-8") + "{not json}\n"
    examples.write_text(before, encoding="utf-8")
    code, _, errors = out(capsys, "tune", "--project", str(folder))
    assert code == 3
    assert "line 3" in errors
    assert "--skip-bad" in errors
    assert examples.read_text(encoding="utf-8") == before


def test_queries_without_answers_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    run(["init", str(folder)])
    (folder / "queries.jsonl").write_text('{"id": "1", "question": "Why?"}\n', encoding="utf-8")
    code, _, errors = out(capsys, "check", "--project", str(folder))
    assert code == 2
    assert "answer" in errors
