"""Copies of weights from object stores, kept in `~/.cache/stylize` from one run to the next."""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
from pathlib import Path

from stylize.errors import CannotContinueError, UsageError, one_line
from stylize.io import object_store
from stylize.io.location import canonical, local_path

MOST_FILES = 100
"""A method has a handful of weights; more is a folder given by mistake."""


def at_hand(uri: str) -> Path:
    """The path of a file or folder of weights; of one in an object store, that of a copy which is kept.

    The copy is made anew when a version in the store has changed; of a folder it holds what is called as weights are.
    Raises UsageError where there is nothing or it is refused, CannotContinueError for what may pass: a store that does
    not answer, a full disk.
    """
    if not object_store.is_object(uri):
        return local_path(uri)
    uri = canonical(uri)
    try:
        single = object_store.head(uri)
        found = [single] if single else _weights(uri)
        version = hashlib.sha256(repr((uri, found)).encode()).hexdigest()[:32]
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "stylize", version)
        path = place / uri.rpartition("/")[2]
        if not place.is_dir():
            _copy(uri, [] if single else [one.name for one in found], path)
    except OSError as error:
        # The store's own have no number.
        if error.errno is None and isinstance(error, (object_store.RefusedError, FileNotFoundError)):
            raise UsageError(str(error)) from None
        why = str(error) if error.errno is None else f"no copy of {one_line(uri)} can be kept ({one_line(error)})"
        raise CannotContinueError(f"{why}: put that right, then run the same command again") from None
    return path


def _weights(uri: str) -> list[object_store.Found]:
    from stylize.weights import SUFFIXES  # loads torch

    named = (one for one in object_store.names(uri) if one.name.lower().endswith(SUFFIXES) and one.size_bytes)
    found = sorted(itertools.islice(named, MOST_FILES + 1))
    if not found:
        what = f"no such file, nor a folder with weights in it (looked for {', '.join(SUFFIXES)})"
        raise UsageError(f"{one_line(uri)}: there is {what}")
    if len(found) > MOST_FILES:
        raise UsageError(
            f"{one_line(uri)}: more than {MOST_FILES} weights files below it; give the folder of one method"
        )
    return found


def _copy(uri: str, names: list[str], path: Path) -> None:
    """An object, or those of a folder, to `path`, whose own folder appears when all is there."""
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=path.parent.parent) as temp:
        made = Path(temp, "copy", path.name)
        for name in names or [""]:
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            object_store.fetch(f"{uri}/{name}" if name else uri, made / name if name else made)
        try:
            made.parent.rename(path.parent)
        except OSError:
            if not path.parent.is_dir():  # another worker was first
                raise
