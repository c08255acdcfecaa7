"""The images below a folder, here or in an object store, listed lazily."""

from __future__ import annotations

import functools
import logging
import os
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stylize import images
from stylize.errors import UsageError, one_line
from stylize.io import object_store
from stylize.io.location import LocalPath, Location, ObjectUri, absolute, existing, local_path, locate, respelt
from stylize.io.store_errors import read_or_end
from stylize.tasks.left_out import LeftOut
from stylize.tasks.outs_below import OutsBelow, reason_against_folder
from stylize.tasks.selection import EVERYTHING, TRAINING_STATE, Selection, reason_against_name
from stylize.tasks.sniffing import asked_together, reason_by_file, reason_by_object, reason_by_suffix
from stylize.tasks.task import MISSING, Input

log = logging.getLogger(__name__)

FileKind = Literal["images", "checkpoints"]
"""What is looked for: images, or the checkpoints that are the styles of some methods."""


def suffixes(kind: FileKind) -> Collection[str]:
    """Return the suffixes of files of a kind, in lower case."""
    if kind == "images":
        return images.SUFFIXES
    from stylize import weights  # loads torch

    return weights.SUFFIXES


def _of_glob(name: str) -> str:
    return f"; give its folder, and --include {shlex.quote(name)}"


def folder(uri: str, role: str) -> Path:
    """Return the absolute path of an input folder. Raises UsageError if it is no folder or cannot be listed."""
    path = absolute(local_path(uri, role))
    if not path.is_dir():
        why = "not a folder" if path.exists() else "no such folder"
        # Of a job that is submitted to a cluster, that is a temporary copy.
        seen = "" if str(path) == uri else f" (in {one_line(Path.cwd())})"
        hint = _of_glob(path.name) if set("*?[") & set(path.name) and path.parent.is_dir() else ""
        raise UsageError(f"{role}: {why}: {one_line(uri)}{seen}{hint}")
    if not os.access(path, os.R_OK | os.X_OK):
        raise UsageError(f"{role}: no permission to list {one_line(path)}")
    return path


def root_of(uri: str, role: str) -> Location:
    """Return where an input folder is, or a single input file; one of this machine is checked. Raises UsageError."""
    where = locate(uri)
    if isinstance(where, ObjectUri):
        return _as_stored(where)
    path = existing(absolute(where.path))
    return LocalPath(path if path.is_file() else folder(uri, role))


def _as_stored(where: ObjectUri) -> ObjectUri:
    """Return the spelling of a folder or object that there is; itself where there is none."""
    others = list(respelt(where))
    with read_or_end():
        for spelling in (where, *others) if others else ():
            if next(object_store.names(spelling), None) or object_store.head(spelling):
                return spelling
    return where


def some_files_in(
    root: Location,
    kind: FileKind = "images",
    selection: Selection = EVERYTHING,
    left_out: LeftOut | None = None,
    of_runs: bool = False,
) -> Iterator[Input]:
    """Do as `files_in`. Raises UsageError where there is no such file: it says what is there."""
    left_out = left_out if left_out is not None else LeftOut()
    one = None
    for one in files_in(root, kind, selection, left_out, of_runs):
        yield one
    if one is None and not left_out.total and isinstance(root, ObjectUri) and set("*?[") & set(root.name):
        raise UsageError(f"{root.shown}: no object has this name{_of_glob(root.name)}")
    if one is None:
        seen = f"; {left_out}" if left_out.total else f" (looked for {', '.join(sorted(suffixes(kind)))})"
        raise UsageError(f"{root.shown}: no {kind} in this folder{seen}")


def files_in(
    root: Location,
    kind: FileKind = "images",
    selection: Selection = EVERYTHING,
    left_out: LeftOut | None = None,
    of_runs: bool = False,
) -> Iterator[Input]:
    """List the files of a kind below `root`, in the order of names, one folder in memory at a time.

    They are known by their suffix, and images of another or none by their first bytes. In an object store they come in
    the order of keys, a thousand in memory at a time. `root` may be a single file. What is passed over is counted in
    `left_out`, also a folder below it that is the OUT of a job, unless results are looked for: `of_runs`.
    """
    left_out = left_out if left_out is not None else LeftOut()
    wanted = _Wanted(kind, suffixes(kind), selection, left_out, kind == "images" and not of_runs)
    if isinstance(root, ObjectUri):
        yield from _objects(root, wanted)
    elif root.path.is_file():
        identity, suffix = identity_of(root.path), suffix_of(root.name)
        unknown = kind == "images" and suffix not in wanted.suffixes
        if unknown and (against := reason_by_file(str(root), identity)):
            raise _no_image(root, against)
        yield Input(uri_of(str(root)), identity, None)
    else:
        yield from _walk(root.path, "", None, frozenset(), wanted)


MOST_NESTED = 200
_A_FOLDER, _IN_AN_OUT = "a folder", "in an OUT"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is looked for, and the count of what is passed over."""

    kind: FileKind
    suffixes: Collection[str]
    selection: Selection
    left_out: LeftOut
    no_outs: bool
    """Whether results of jobs are none of it."""

    def reason_by_name(self, path: str) -> str | None:
        """Return why a file is left out by its name, "" where only a look into it can tell, None where it is taken."""
        if against := self.selection.reason_against(path):
            return against
        suffix = suffix_of(path)
        if suffix in self.suffixes:
            return "what a training resumes from" if TRAINING_STATE.search(path) else None
        if self.kind != "images":
            return "no checkpoint"
        return reason_by_suffix(suffix) or ""


def _objects(root: ObjectUri, wanted: _Wanted) -> Iterator[Input]:
    with read_or_end():
        named_so = suffix_of(root.name) in wanted.suffixes
        if named_so:
            yield from _single_object(root, True)
        outs, inside, entry = OutsBelow(root), "\0", None

        def reason(entry: object_store.ObjectInfo) -> str | None:
            if wanted.no_outs and outs.above(entry.name):
                return _IN_AN_OUT
            # What consoles make for a folder is empty and listed without the slash that its key ends in.
            if not entry.size_bytes and object_store.head(f"{root}/{entry.name}") is None:
                return _A_FOLDER
            against = next(filter(None, map(reason_against_name, entry.name.split("/"))), None)
            against = against or wanted.reason_by_name(entry.name)
            if against != "":
                return against
            return reason_by_object(f"{root}/{entry.name}", entry.size_bytes, entry.version)

        for entry, against in asked_together(object_store.names(root), reason):
            if against == _A_FOLDER or entry.name.startswith(inside):
                continue
            if against == _IN_AN_OUT and (out := outs.above(entry.name)):
                inside = f"{out[0]}/"
                wanted.left_out.add(f"{out[0].rpartition('/')[2]}/", out[1])
                continue
            if against:
                wanted.left_out.add_file(entry.name, against)
                continue
            type_ = entry.name.split("/", 1)[0] if "/" in entry.name else None
            yield Input(f"{root}/{entry.name}", version_of(entry), type_)
        if entry is None and wanted.kind == "images" and not named_so:
            yield from _single_object(root, False)


def _single_object(root: ObjectUri, known: bool) -> Iterator[Input]:
    """Yield the object that a location is, if it is one. Raises UsageError where it is not known and no image."""
    if (single := object_store.head(root)) is not None:
        if not known and (against := reason_by_object(str(root), single.size_bytes, single.version)):
            raise _no_image(root, against)
        yield Input(str(root), version_of(single), None)


def _no_image(root: Location, against: str) -> UsageError:
    return UsageError(f"{root.shown}: {against}; give an image, or a folder of images")


def suffix_of(name: str) -> str:
    """Return what stands behind the last dot of a name, with the dot, in lower case; empty for `a` and `.jpg`."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - hot


def version_of(entry: object_store.ObjectInfo) -> str:
    """Return an object's identity: its size and the version that the store gives it."""
    return f"{entry.size_bytes}:{entry.version}"


def _walk(
    here: Path, below: str, type_: str | None, above: frozenset[tuple[int, int]], wanted: _Wanted
) -> Iterator[Input]:
    """List a folder. below: its path from the input folder, with a slash at the end, empty for that itself."""
    try:
        inode = here.stat()
        with os.scandir(here) as unsorted:
            entries = sorted(unsorted, key=lambda entry: entry.name)
    except OSError as error:
        _skipped(here, error.strerror)
        wanted.left_out.add(f"{_readable(here.name)}/", f"cannot be listed: {error.strerror}")
        return
    me = (inode.st_dev, inode.st_ino)
    if me in above:
        wanted.left_out.add(f"{_readable(here.name)}/", "a link back to a folder above it")
        return
    against = reason_against_folder(LocalPath(here), [entry.name for entry in entries]) if wanted.no_outs else None
    if against and above:
        wanted.left_out.add(f"{_readable(here.name)}/", against)
        return
    if len(above) == MOST_NESTED:
        wanted.left_out.add(f"{_readable(here.name)}/", f"more than {MOST_NESTED} folders deep")
        return
    above |= {me}
    for entry in entries:
        is_folder, path = _is_folder(entry), below + entry.name
        against = reason_against_name(entry.name)
        if against and is_folder:
            wanted.left_out.add(f"{_readable(entry.name)}/", against)
        elif against:
            wanted.left_out.add_file(entry.name, against)
        elif is_folder:
            inner = type_ if type_ is not None else _readable(entry.name)
            yield from _walk(Path(entry.path), f"{path}/", inner, above, wanted)
        else:
            identity = identity_of(entry)
            against = wanted.reason_by_name(path)
            if against == "":
                against = reason_by_file(entry.path, identity)
            if against:
                wanted.left_out.add_file(entry.name, against)
            else:
                yield Input(uri_of(entry.path), identity, type_)


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
    """Return what tells one version of a file from another: size and time, or MISSING."""
    try:
        now = entry.stat()
    except (OSError, ValueError):
        return MISSING
    return f"{now.st_size}:{now.st_mtime_ns}"
