"""The images below a folder, here or in an object store, listed lazily."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from stylize.errors import CannotContinueError, UsageError, one_line
from stylize.images import SUFFIXES
from stylize.io import object_store
from stylize.io.files import local_path
from stylize.io.location import absolute, canonical

log = logging.getLogger(__name__)

Root = Path | str
"""An absolute path, or the URI of a folder in an object store."""


@dataclass(frozen=True, slots=True)
class Input:
    """One image to read: its URI, what tells one version of it from another (size and time), and its type."""

    uri: str
    identity: str
    type: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo and the artwork it is to take its style from."""

    content: Input
    style: Input


def count_images(root: Root, kinds: Collection[str] = SUFFIXES) -> int:
    """How many images lie below a folder. Raises UsageError if there is none."""
    number = sum(1 for _ in images_in(root, kinds))
    if number == 0:
        raise no_images(root, kinds)
    return number


def no_images(root: Root, kinds: Collection[str]) -> UsageError:
    """The error for a folder without any."""
    what = "images" if kinds is SUFFIXES else "checkpoints"
    return UsageError(f"{one_line(root)}: no {what} in this folder (looked for {', '.join(sorted(kinds))})")


def folder(uri: str | None, role: str) -> Path:
    """The absolute path of an input folder. Raises UsageError if it is no folder or cannot be listed."""
    path = absolute(local_path(uri)) if uri else None
    if path is None or not path.is_dir():
        why = "not a folder" if path is not None and path.exists() else "no such folder"
        # Of a job that is submitted to a cluster, that is a temporary copy.
        seen = "" if path is None or str(path) == uri else f" (in {one_line(Path.cwd())})"
        raise UsageError(f"{role}: {why}: {one_line(uri or '')}{seen}")
    if not os.access(path, os.R_OK | os.X_OK):
        raise UsageError(f"{role}: no permission to list {one_line(path)}")
    return path


def root_of(uri: str | None, role: str) -> Root:
    """An input folder here, as `folder` gives it, or the URI of one in an object store. Raises UsageError."""
    return canonical(uri) if uri and object_store.is_object(uri) else folder(uri, role)


def images_in(root: Root, kinds: Collection[str] = SUFFIXES) -> Iterator[Input]:
    """Every image below `root` by its suffix, in the order of names, one folder in memory at a time.

    Of an object store, in the order of keys, a thousand in memory at a time. With other `kinds`, every file of those;
    `root` may then be a single file.
    """
    if isinstance(root, str):
        yield from _objects(root, kinds)
    elif kinds is not SUFFIXES and root.is_file():
        yield Input(uri_of(str(root)), identity_of(root), None)
    else:
        yield from _walk(root, None, frozenset(), kinds)


def _objects(root: str, kinds: Collection[str]) -> Iterator[Input]:
    with reading_inputs():
        if kinds is not SUFFIXES and _suffix(root) in kinds and (single := object_store.head(root)) is not None:
            yield Input(root, version_of(single), None)
        for found in object_store.names(root):
            if _suffix(found.name) in kinds and "/." not in f"/{found.name}":
                kind = found.name.split("/", 1)[0] if "/" in found.name else None
                yield Input(f"{root}/{found.name}", version_of(found), kind)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - hot


@contextlib.contextmanager
def reading_inputs() -> Iterator[None]:
    """Within it, what an object store says against a listing ends the run in one line."""
    try:
        yield
    except (object_store.RefusedError, FileNotFoundError) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise CannotContinueError(f"{error}: put that right, then run the same command again") from None


def version_of(found: object_store.Found) -> str:
    """An object's identity."""
    return f"{found.size_bytes}:{found.version}"


def _walk(here: Path, kind: str | None, above: frozenset[tuple[int, int]], kinds: Collection[str]) -> Iterator[Input]:
    try:
        inode = here.stat()
        with os.scandir(here) as found:
            entries = sorted(found, key=lambda entry: entry.name)
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
            yield from _walk(Path(entry.path), kind if kind is not None else _readable(entry.name), above, kinds)
        elif _suffix(entry.name) in kinds:
            yield Input(uri_of(entry.path), identity_of(entry), kind)


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
    """A path as it stands in a row."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).as_uri()  # a name that is no UTF-8 cannot stand in a row as it is
    return path


def identity_of(entry: os.DirEntry[str] | Path) -> str:
    """What tells one version of a file from another: size and time, or `missing`."""
    try:
        found = entry.stat()
    except (OSError, ValueError):
        return "missing"
    return f"{found.st_size}:{found.st_mtime_ns}"
