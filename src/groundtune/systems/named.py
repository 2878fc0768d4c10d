"""Python objects that the settings name as ``module:name``: of the project's folder, else of an installed package."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from groundtune.errors import ProjectError

__all__ = ["Named", "load_named"]

_FORM = re.compile(r"(?P<module>\w+(?:\.\w+)*):(?P<name>\w+(?:\.\w+)*)")


@dataclass(frozen=True, slots=True)
class Named:
    """What a name in the settings stands for.

    Attributes:
        name: As in the settings, for example ``my_app.chain:answer``.
        value: The object.
        fingerprint: Changes with the source files of its package and of everything loaded from the project's folder.
            What else it depends on (an index, a service, an installed library) cannot be seen from here.
    """

    name: str
    value: object
    fingerprint: str


def load_named(name: str, folder: Path) -> Named:
    """Import the module and find the object in it; the import path is as before afterwards.

    Modules of the project's folder are importable while this one is imported, so it must import them at its top and not
    inside a function that runs later.

    Args:
        name: ``module:name``; both may have dots.
        folder: The project's folder.

    Raises:
        ProjectError: when the name has another form, the module cannot be imported, or has nothing of this name.
    """
    parts = _FORM.fullmatch(name)
    if parts is None:
        raise ProjectError(f"{name!r} names no Python object. Write module:name, for example my_app.chain:answer.")
    folder = folder.resolve()
    module = _import(parts["module"], folder, name)
    value: object = module
    for step in parts["name"].split("."):
        if not hasattr(value, step):
            public = ", ".join(sorted(key for key in vars(module) if not key.startswith("_"))) or "nothing"
            raise ProjectError(f"{name!r}: {_place(module)} has no {parts['name']!r}. It has: {public}.")
        value = getattr(value, step)
    return Named(name, value, _fingerprint(module, folder))


def _import(module: str, folder: Path, name: str) -> ModuleType:
    with _importable(folder):
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
                raise ProjectError(
                    f"{name!r}: there is no module {error.name!r} in {folder}, and none is installed. Put {module}.py "
                    "into the project's folder, or install its package beside Groundtune."
                ) from error
            raise ProjectError(
                f"{name!r}: the module asks for {error.name!r}, which is not installed. Install it beside Groundtune."
            ) from error
        except Exception as error:  # whatever a foreign module does at import; the cause is kept
            raise ProjectError(
                f"{name!r}: the module failed while it was imported, with {type(error).__name__}: {error}. "
                f"Try it alone: cd {folder} && python -c 'import {module}'"
            ) from error
    _refuse_another(found, module, folder, name)
    return found


def _refuse_another(found: ModuleType, module: str, folder: Path, name: str) -> None:
    """A module of the same name may have been loaded before from elsewhere: better no answer than a foreign one."""
    top = module.partition(".")[0]
    here = (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()
    if here and not _is_inside(found, folder):
        raise ProjectError(
            f"{name!r}: a module called {top!r} is loaded already, from {_place(found)}, and hides the one in "
            f"{folder}. Give yours another name, or open this project in a process of its own."
        )


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def _fingerprint(module: ModuleType, folder: Path) -> str:
    top = module.__name__.partition(".")[0]
    own = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] == top or _is_inside(m, folder)]
    files = sorted({Path(file) for m in own if (file := getattr(m, "__file__", None))})
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\n".encode() + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()[:16]


def _is_inside(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    if not file:  # a package without __init__.py has a path but no file
        return any(Path(path).is_relative_to(folder) for path in getattr(module, "__path__", ()))
    path = Path(file).resolve()
    return path.is_relative_to(folder) and "site-packages" not in path.parts


def _place(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or f"module {module.__name__}")
