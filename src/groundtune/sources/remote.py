"""Files of object stores and other file systems, through fsspec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from groundtune.errors import MissingExtra, ProjectError
from groundtune.sources.failure import Failure
from groundtune.sources.files import format_of
from groundtune.sources.mirror import Mirror

__all__ = ["copy_files"]

_LARGEST = 64 * 2**20
_VERSION = (
    "ETag",
    "etag",
    "generation",
    "content_md5",
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
    "created",
)
_AGAIN = "Check the address, the network and the credentials; what was read of it before is kept."


def copy_files(source: str, mirror: Mirror) -> Iterator[Failure]:
    """Copy the files of one address (a file, a prefix or a glob) that are new since the last time.

    Credentials are those that the store's own tools use: environment variables and its configuration files.

    Raises:
        MissingExtra: when fsspec is not installed.
        ProjectError: when fsspec does not know the address, or its client is not installed.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtra(f"Reading {source}", "remote") from None
    try:
        system, path = url_to_fs(source)
    except (ImportError, ValueError) as error:
        raise ProjectError(
            f"{source} cannot be read: {error}. Allowed are the addresses of fsspec, such as s3://bucket/prefix, "
            "gs://bucket/prefix and az://container/prefix; each needs its client, such as s3fs, gcsfs or adlfs."
        ) from None
    try:
        found = _listed(system, path)
    except Exception as error:  # noqa: BLE001 - each store raises errors of its own
        mirror.keep_all()
        yield Failure(source, f"it cannot be listed: {error}", _AGAIN, "unreachable", transient=True)
        return
    if not found:
        yield Failure(source, "it holds no file", "Correct the address, or remove it from the sources.", "empty")
    base = _base(path, found)
    for name, info in sorted(found.items()):
        inner = name.removeprefix(base).lstrip("/") or PurePosixPath(name).name
        address = _address(source, system, name)
        if _is_passed_over(inner):
            continue
        try:
            yield from _copy(system, name, info, mirror, inner, address)
        except Exception as error:  # noqa: BLE001 - as above
            if mirror.known(name):
                mirror.keep(name)
            yield Failure(address, f"it cannot be read: {error}", _AGAIN, "unreachable", transient=True)


def _copy(
    system: Any, name: str, info: Mapping[str, Any], mirror: Mirror, inner: str, address: str
) -> Iterator[Failure]:
    stamp = {key: str(info[key]) for key in ("size", *_VERSION) if info.get(key) is not None}
    known = mirror.known(name)
    # A size alone proves nothing.
    if known is not None and len(stamp) > 1 and known.stamp == stamp:
        mirror.keep(name)
        return
    if (info.get("size") or 0) > _LARGEST:
        yield Failure(address, "it is larger than 64 MiB", "Split it into several documents.", "hostile")
        return
    with system.open(name, "rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        yield Failure(address, "it is larger than 64 MiB", "Split it into several documents.", "hostile")
        return
    mirror.put(name, data, name=name, id_=inner, source=address, stamp=stamp)


def _listed(system: Any, path: str) -> dict[str, Mapping[str, Any]]:
    if any(sign in path for sign in "*?["):
        found = system.glob(path, detail=True)
        return {name: info for name, info in found.items() if info["type"] == "file"}
    found = system.find(path, detail=True)
    return dict(found)


def _base(path: str, found: Mapping[str, Any]) -> str:
    """What all names begin with: the fixed folders of the address."""
    if path in found:
        return str(PurePosixPath(path).parent)
    fixed = []
    for part in path.split("/"):
        if any(sign in part for sign in "*?["):
            break
        fixed.append(part)
    return "/".join(fixed)


def _address(source: str, system: Any, name: str) -> str:
    """Where a file can be opened again; inside of a chain that takes the rest of the chain."""
    _, chained, outer = source.partition("::")
    return str(system.unstrip_protocol(name)) + chained + outer


def _is_passed_over(inner: str) -> bool:
    path = PurePosixPath(inner)
    return format_of(inner) is None or any(part.startswith(".") for part in path.parts)
