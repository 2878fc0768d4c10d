from __future__ import annotations

import sys
import uuid
from pathlib import Path

import pytest

from groundtune.errors import ProjectError
from groundtune.systems.named import load_named


@pytest.fixture
def name() -> str:
    """A module name that no other test has loaded."""
    return f"mine_{uuid.uuid4().hex}"


def test_the_projects_folder_comes_first_and_the_import_path_is_left_as_it_was(tmp_path: Path, name: str) -> None:
    package = tmp_path / name
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "chain.py").write_text(f"from {name}_beside import WORD\nclass Bot:\n    greeting = WORD\n")
    (tmp_path / f"{name}_beside.py").write_text("WORD = 'hello'\n")
    before = list(sys.path)
    assert load_named(f"{name}.chain:Bot.greeting", tmp_path).value == "hello"
    assert sys.path == before


def test_an_installed_module_is_found_too(tmp_path: Path) -> None:
    assert load_named("json:loads", tmp_path).value is __import__("json").loads


def test_the_fingerprint_follows_every_file_of_the_project_that_was_loaded(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.py").write_text(f"from {name}_beside import WORD\n")
    beside = tmp_path / f"{name}_beside.py"
    beside.write_text("WORD = 'hello'\n")
    first = load_named(f"{name}:WORD", tmp_path).fingerprint
    assert load_named(f"{name}:WORD", tmp_path).fingerprint == first
    beside.write_text("WORD = 'goodbye'\n")
    assert load_named(f"{name}:WORD", tmp_path).fingerprint != first


@pytest.mark.parametrize(
    "wrong", ["", "my_app", "my_app.answer", "my-app:answer", "my_app:", ":answer", "a:b:c", "a b:c"]
)
def test_a_name_of_another_form_is_refused(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"Write module:name, for example my_app\.chain:answer"):
        load_named(wrong, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("answer: int = \n", "failed while it was imported, with SyntaxError"),
        ("1 / 0\n", "failed while it was imported, with ZeroDivisionError: division by zero"),
        ("import no_such_library\n", "the module asks for 'no_such_library', which is not installed"),
        ("import sys\nsys.path.append('/nowhere')\nother = 1\n_hidden = 2\n", "has no 'answer'. It has: other, sys."),
    ],
)
def test_what_fails_is_told_and_leaves_the_import_path_alone(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / f"{name}.py").write_text(text)
    before = list(sys.path)
    with pytest.raises(ProjectError) as refused:
        load_named(f"{name}:answer", tmp_path)
    assert said in str(refused.value)
    assert repr(f"{name}:answer") in str(refused.value)
    assert sys.path == before


def test_a_missing_module_is_told_with_where_it_was_looked_for(tmp_path: Path, name: str) -> None:
    for missing in (f"{name}:answer", f"{name}.chain:answer"):
        with pytest.raises(ProjectError) as refused:
            load_named(missing, tmp_path)
        assert f"no module {name!r} in {tmp_path}" in str(refused.value)


def test_a_module_of_the_same_name_from_elsewhere_never_answers_for_the_projects(tmp_path: Path, name: str) -> None:
    for folder, word in (("one", "first"), ("two", "second")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.py").write_text(f"WORD = {word!r}\n")
    assert load_named(f"{name}:WORD", tmp_path / "one").value == "first"
    with pytest.raises(ProjectError, match=r"is loaded already, from .*one"):
        load_named(f"{name}:WORD", tmp_path / "two")
