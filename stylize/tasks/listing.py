"""The images below a folder, here or in an object store, listed lazily."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from stylize import images
from stylize.errors import UsageError, one_line
from stylize.io import object_store
from stylize.io.location import LocalPath, Location, ObjectUri, absolute, local_path, locate
from stylize.io.store_errors import read_or_end
from stylize.tasks.task import Input

log = logging.getLogger(__name__)

FileKind = Literal["images", "checkpoints"]
"""What is looked for: images, or the checkpoints that are the styles of some methods."""


def suffixes(kind: FileKind) -> Collection[str]:
    """Return the suffixes of files of a kind, in lower case."""
    if kind == "images":
        return images.SUFFIXES
    from stylize import weights  # loads torch

    return weights.SUFFIXES


def count_files(root: Location, kind: FileKind = "images") -> int:
    """Return how many files of a kind lie below a folder. Raises UsageError if there is none."""
    number = sum(1 for _ in files_in(root, kind))
    if number == 0:
        raise nothing_in(root, kind)
    return number


def nothing_in(root: Location, kind: FileKind) -> UsageError:
    """Return the error for a folder without any file of a kind."""
    known = ", ".join(sorted(suffixes(kind)))
    return UsageError(f"{root.shown}: no {kind} in this folder (looked for {known})")


def folder(uri: str | None, role: str) -> Path:
    """Return the absolute path of an input folder. Raises UsageError if it is no folder or cannot be listed."""
    path = absolute(local_path(uri)) if uri else None
    if path is None or not path.is_dir():
        why = "not a folder" if path is not None and path.exists() else "no such folder"
        # Of a job that is submitted to a cluster, that is a temporary copy.
        seen = "" if path is None or str(path) == uri else f" (in {one_line(Path.cwd())})"
        raise UsageError(f"{role}: {why}: {one_line(uri or '')}{seen}")
    if not os.access(path, os.R_OK | os.X_OK):
        raise UsageError(f"{role}: no permission to list {one_line(path)}")
    return path


def root_of(uri: str | None, role: str) -> Location:
    """Return where an input folder is; one of this machine is checked as `folder` does. Raises UsageError."""
    where = locate(uri) if uri else None
    return where if isinstance(where, ObjectUri) else LocalPath(folder(uri, role))


def files_in(root: Location, kind: FileKind = "images") -> Iterator[Input]:
    """List the files of a kind below `root`, by their suffix, in the order of names, one folder in memory at a time.

    In an object store they come in the order of keys, a thousand in memory at a time. Looking for checkpoints, `root`
    may be a single file.
    """
    known = suffixes(kind)
    if isinstance(root, ObjectUri):
        yield from _objects(root, known, kind == "checkpoints")
    elif kind == "checkpoints" and root.path.is_file():
        yield Input(uri_of(str(root)), identity_of(root.path), None)
    else:
        yield from _walk(root.path, None, frozenset(), known)


def _objects(root: ObjectUri, known: Collection[str], or_single: bool) -> Iterator[Input]:
    with read_or_end():
        if or_single and _suffix(root.name) in known and (single := object_store.head(root)) is not None:
            yield Input(str(root), version_of(single), None)
        for entry in object_store.names(root):
            if _suffix(entry.name) in known and "/." not in f"/{entry.name}":
                type_ = entry.name.split("/", 1)[0] if "/" in entry.name else None
                yield Input(f"{root}/{entry.name}", version_of(entry), type_)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - hot


def version_of(entry: object_store.ObjectInfo) -> str:
    """Return an object's identity: its size and the version that the store gives it."""
    return f"{entry.size_bytes}:{entry.version}"


def _walk(here: Path, type_: str | None, above: frozenset[tuple[int, int]], known: Collection[str]) -> Iterator[Input]:
    try:
        inode = here.stat()
        with os.scandir(here) as unsorted:
            entries = sorted(unsorted, key=lambda entry: entry.name)
    except OSError as error:
        _skipped(here, error.strerror)
        return
    me = (inode.st_dev, inode.st_ino)
    if me in above:
        return  # a link back to a folder that is being listed
    above |= {me}
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            yield from _walk(Path(entry.path), type_ if type_ is not None else _readable(entry.name), above, known)
        elif _suffix(entry.name) in known:
            yield Input(uri_of(entry.path), identity_of(entry), type_)


@functools.cache
def _skipped(here: Path, reason: str | None) -> None:
    # Once a folder, although `cross` lists it once for every artwork.
    log.warning("%s: skipped, it cannot be listed: %s", one_line(here), reason)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _readable(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")


def uri_of(path: str) -> str:
    """Return a path as it stands in a row: itself, or a file: URI where its name is no UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).as_uri()  # a name that is no UTF-8 cannot stand in a row as it is
    return path


def identity_of(entry: os.DirEntry[str] | Path) -> str:
    """Return what tells one version of a file from another: size and time, or `missing`."""
    try:
        now = entry.stat()
    except (OSError, ValueError):
        return "missing"
    return f"{now.st_size}:{now.st_mtime_ns}"
