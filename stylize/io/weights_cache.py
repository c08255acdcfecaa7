"""Copies of weights from object stores, kept in `~/.cache/stylize` from one run to the next."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path

from stylize import downloads
from stylize.errors import CannotContinueError, UsageError, one_line
from stylize.io import object_store
from stylize.io.location import Location, ObjectUri, as_location, existing

_BEGUN, _STALE_S = ".tmp-", 24 * 3600.0
MOST_FILES = 100
"""A method has a handful of weights; more is a folder given by mistake."""


def at_hand(where: str | Location) -> Path:
    """Return the path of a file or folder of weights; of one in an object store, that of a copy which is kept.

    The copy is made anew when a version in the store has changed; of a folder it holds what is called as weights are.
    Raises UsageError where there is nothing or it is refused, CannotContinueError for what may pass: a store that does
    not answer, a full disk.
    """
    where = as_location(where)
    if not isinstance(where, ObjectUri):
        return existing(where.path)
    try:
        listed = weights, _ = _listed(where)
        _refuse_too_large(weights)
        version = hashlib.sha256(repr((str(where), weights)).encode()).hexdigest()[:32]
        folder = cache_folder(version)
        path = folder / where.name
        if not folder.is_dir():
            with downloads.downloading(where.shown):
                _copy(where, listed, path)
    except OSError as error:
        # The store's own have no number.
        if error.errno is None and isinstance(error, (object_store.RefusedError, FileNotFoundError)):
            raise UsageError(str(error)) from None
        why = str(error) if error.errno is None else f"no copy of {where.shown} can be kept ({one_line(error)})"
        raise CannotContinueError(f"{why}: put that right, then run the same command again") from None
    return path


def cache_folder(name: str) -> Path:
    """Return where copies of a kind are kept, which may go at any time. Raises UsageError where a user has no home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "stylize", name)
    except RuntimeError:
        raise UsageError("this user has no home folder for copies: set XDG_CACHE_HOME to a folder of its own") from None


Listed = tuple[list[object_store.ObjectInfo], bool]
"""Weights in their present versions, and whether they are those of a folder."""


def _listed(where: ObjectUri) -> Listed:
    single = object_store.head(where)
    return ([single], False) if single else (_weights(where), True)


def _refuse_too_large(weights: list[object_store.ObjectInfo]) -> None:
    from stylize.tensor_files import MOST_BYTES  # loads torch

    for info in weights:
        if info.size_bytes > MOST_BYTES:
            raise UsageError(f"{one_line(info.name)}: {info.size_bytes:,} bytes, more than weights have")


def _weights(folder: ObjectUri) -> list[object_store.ObjectInfo]:
    from stylize.weights import SUFFIXES  # loads torch

    named = (info for info in object_store.names(folder) if info.name.lower().endswith(SUFFIXES) and info.size_bytes)
    weights = sorted(itertools.islice(named, MOST_FILES + 1))
    if not weights:
        what = f"no such file, nor a folder with weights in it (looked for {', '.join(SUFFIXES)})"
        raise UsageError(f"{folder.shown}: there is {what}")
    if len(weights) > MOST_FILES:
        raise UsageError(
            f"{folder.shown}: more than {MOST_FILES} weights files below it; give the folder of one method"
        )
    return weights


def _copy(where: ObjectUri, listed: Listed, path: Path) -> None:
    """Copy an object, or those of a folder, to `path`, whose own folder appears when all is there.

    Raises CannotContinueError where they are not in the versions that were listed any more.
    """
    weights, is_folder = listed
    kept = path.parent.parent
    kept.mkdir(parents=True, exist_ok=True)
    _remove_stale(kept)
    with tempfile.TemporaryDirectory(prefix=_BEGUN, dir=kept) as temp:
        made = Path(temp, "copy", path.name)
        for name in [info.name for info in weights] if is_folder else [""]:
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            object_store.fetch(where.join(name) if name else where, made / name if name else made)
        if _listed(where) != listed:
            raise CannotContinueError(f"{where.shown} changed while it was copied: run the same command again")
        try:
            made.parent.rename(path.parent)
        except OSError:
            if not path.parent.is_dir():  # another worker was first
                raise


def _remove_stale(kept: Path) -> None:
    """Remove copies that were begun long ago and never became whole: what began them was killed."""
    for copy in kept.glob(f"{_BEGUN}*"):
        with contextlib.suppress(OSError):
            if time.time() - copy.stat().st_mtime > _STALE_S:
                shutil.rmtree(copy)
