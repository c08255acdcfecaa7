"""Finished runs at hand: an OUT in an object store as a local copy of its rows, for as long as it is read."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from stylize.errors import StylizeError, UsageError, one_line
from stylize.io.files import is_empty
from stylize.io.location import LocalPath, locate
from stylize.results.remote_parts import copy_run

_COPY, _IN_USE = "stylize-rows-", ".in-use"


@contextlib.contextmanager
def rows_at_hand(uri: str) -> Iterator[Path]:
    """Give a folder with the rows of an OUT that may not have any yet, for what says what a run there would do.

    Raises UsageError for rows that a run would refuse: those of a newer program, and damaged ones.
    """
    where = locate(uri)
    if isinstance(where, LocalPath):
        _check_parts(where.path)
        yield where.path
        return
    uri = str(where)
    with copies() as copy, called({copy: uri}):
        copy_run(uri, copy, empty=True)
        _check_parts(copy)
        yield copy


def _check_parts(folder: Path) -> None:
    from stylize.results import parts

    rows = folder / "rows"
    for path in parts.part_paths(rows) if rows.is_dir() else ():
        parts.facts(path)


@contextlib.contextmanager
def run_folders(words: Sequence[str]) -> Iterator[dict[Path, str]]:
    """Give the folders of finished runs, each once, and their OUTs. words: a run's folder or its rows' each.

    Of one in an object store, rows and run.json are copied for as long as this lasts. Raises UsageError.
    """
    outs: dict[Path, str] = {}
    with copies() as place, called(outs):
        folders = [_run_folder(word, place, outs) for word in words]
        yield {folder: outs.get(folder, str(folder)) for folder in folders}


def _run_folder(word: str, place: Path, outs: dict[Path, str]) -> Path:
    if not word:  # a script's variable that is not set, which would be the current folder
        raise UsageError("expected the OUT of a run, got an empty text")
    where = locate(word).absolute()
    where.check()
    if where.name == "rows" and is_empty(where.join("rows")):
        where = where.parent
    if isinstance(where, LocalPath):
        return where.path
    uri = str(where)
    # Under its own name and its parent's, which reports call it by.
    folder = place.joinpath(hashlib.sha256(uri.encode()).hexdigest()[:16], *uri.split("/")[-2:])
    if not folder.exists():
        outs[folder] = uri
        copy_run(uri, folder)
    return folder


@contextlib.contextmanager
def called(outs: dict[Path, str]) -> Iterator[None]:
    """Let errors say an OUT's own name, not its copy's; of a full or read-only disk, where that is."""
    try:
        yield
    except StylizeError as error:
        text = str(error)
        for copy, uri in outs.items():
            text = text.replace(str(copy), one_line(uri))
        if text == str(error) or getattr(error.__cause__, "errno", None):
            raise
        raise type(error)(text) from error.__cause__


@contextlib.contextmanager
def copies() -> Iterator[Path]:
    """Give a temporary folder, locked while it is in use; those that killed runs of this user left are removed."""
    _remove_left()
    with tempfile.TemporaryDirectory(prefix=_COPY) as name, Path(name, ".new").open("w") as lock:
        with contextlib.suppress(OSError):  # a disk without locks: nobody gets one there, and nothing is removed
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Under its name only once it is locked: nobody finds it without.
        Path(lock.name).rename(Path(name, _IN_USE))
        yield Path(name)


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_COPY}*"):
        # One without its file is just being made, or is something else.
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / _IN_USE).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
