"""Whose a folder for results is: nothing but a job's own is written to, and no job's results are taken for photos."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from stylize.errors import UsageError, one_line
from stylize.io import object_store
from stylize.io.files import is_empty, writing
from stylize.io.location import LocalPath, Location, ObjectUri, as_location
from stylize.io.store_errors import read_or_end

RUN, TRAINING = "run.json", "train.json"
"""The file by which an OUT is known: of the main job or a sweep, and of a training."""
JOB_OF = {RUN: "run", TRAINING: "training"}
REPORT, EXPORT = "tables.parquet", "viewer.css"
"""The same of what `jobs.summarize` and `stylize view --export` write."""
MADE = {RUN: "the OUT of a run", TRAINING: "the OUT of a training", REPORT: "a report", EXPORT: "an exported page"}
_BESIDE = {RUN: "rows", TRAINING: "losses", REPORT: "pictures", EXPORT: "v0"}
"""The folder that is there, too: anybody may call a file so."""
_FOLDERS = {RUN: ("images", "rows"), TRAINING: ("checkpoints", "losses", "samples", "weights")}
"""Folders that a job makes in its OUT."""
_LEFT_BY_SYSTEMS = {"thumbs.db", "desktop.ini"}
_PAGE = 1000
"""Objects of an OUT that are looked at: as many as a store lists in one answer."""
_NAMED = 3


def refuse_foreign(out: str | Location, record: str = RUN, own: Collection[str] = (), role: str = "OUT") -> None:
    """Raise UsageError where OUT holds anything and is no OUT of that kind of job: it may be a folder of photos.

    And where a file, or a link to elsewhere, stands in place of a folder that the job makes there. record: RUN or
    TRAINING. own: names of folders that the job fills before it writes that file. role: what the message calls OUT. In
    an object store this takes two requests. Raises CannotContinueError of a store that does not answer.
    """
    where = as_location(out)
    made = [where.join(name) for name in (*_FOLDERS[record], *own)] if isinstance(where, LocalPath) else []
    # Before what is in OUT: files behind such a link would be told as what nobody has put there.
    for inner in made:
        if not inner.is_inside(where):
            raise UsageError(f"{role}: {inner.shown} is a link to outside of it; give another folder")
    _refuse_contents(where, record, own, role)
    for inner in made:
        if os.path.lexists(inner.path) and not inner.path.is_dir():
            raise UsageError(f"{role}: {inner.shown} is no folder, as a {JOB_OF[record]} needs; move it away")


def _refuse_contents(where: Location, record: str, own: Collection[str], role: str) -> None:
    """Raise UsageError where OUT holds anything and is no OUT of that kind of job."""
    # A store's own words on what is wrong come with a listing, and are of OUT as it was given.
    listed = _objects(where) if isinstance(where, ObjectUri) else None
    if listed == [] and _is_there(where):
        raise UsageError(f"{role}: {where.shown} is an object; give a folder")
    if listed == [] or _is_there(where.join(record)):
        return
    paths = _files(where.path, record) if isinstance(where, LocalPath) else listed or []
    if record == RUN and any(path.startswith("rows/part-") for path in paths):
        return
    foreign = list(dict.fromkeys(_top(path) for path in paths if path.partition("/")[0] not in own))
    if foreign:
        job = JOB_OF[record]
        raise UsageError(
            f"{role}: {where.shown} holds what no {job} has put there: {_told(foreign)}; "
            f"give a new or empty folder, or the OUT of a {job}"
        )


def refuse_filled(folder: Path, role: str, ours: str) -> None:
    """Raise UsageError where a folder here holds anything: a file that would be replaced, perhaps.

    ours: what a folder of ours would be of, for the message; the caller has looked whether it is.
    """
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir():
        raise UsageError(f"{role}: {one_line(above)} is no folder; give a new or empty one")
    with writing(folder):
        names = [path.name for path in sorted(folder.iterdir()) if _counts(path.name)] if folder.is_dir() else []
    if names:
        raise UsageError(
            f"{role}: {one_line(folder)} holds {_told(names)}; give a new or empty folder, or that of {ours}"
        )


def _told(names: list[str]) -> str:
    return ", ".join(map(one_line, names[:_NAMED])) + (" and more" if len(names) > _NAMED else "")


def has_page(folder: Path, sign: bytes, mark: str) -> bool:
    """Return whether a folder holds a page of ours, or was being filled with one; its index.html may be anybody's.

    sign: what stands near the beginning of such a page. mark: as for `filling`.
    """
    try:
        if (folder / mark).is_file():
            return True
        with (folder / "index.html").open("rb") as file:
            return sign in file.read(2000)
    except OSError:
        return False


@contextlib.contextmanager
def filling(folder: Path, mark: str) -> Iterator[None]:
    """Make a folder and keep a hidden file in it while it is filled, by which the same command knows it after a stop.

    Raises CannotContinueError where it may not be written, also for an OSError of what fills it.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / mark).touch()
        yield
        (folder / mark).unlink(missing_ok=True)


def refuse_results(folder: Location, role: str, of_checkpoints: bool = False) -> None:
    """Raise UsageError where an input folder is one that we made: its pictures would be taken for photos.

    of_checkpoints: it may be the OUT of a training.
    """
    # What is wrong with a store is said of the folder that was given.
    if isinstance(folder, ObjectUri) and is_empty(folder):
        return
    if is_out(folder, RUN):
        raise UsageError(
            f"{role}: {folder.shown} is the OUT of a run; to restyle its results, give {folder.join('images').shown}"
        )
    for record in () if of_checkpoints else (TRAINING, REPORT, EXPORT):
        if is_out(folder, record):
            raise UsageError(f"{role}: {folder.shown} is {MADE[record]}; give a folder of your own pictures")


def is_out(folder: Location, record: str) -> bool:
    """Return whether a folder is one of ours, by its record: one of MADE."""
    return _is_there(folder.join(record)) and _is_there(folder.join(_BESIDE[record]), folder=True)


def _is_there(where: Location, *, folder: bool = False) -> bool:
    if isinstance(where, ObjectUri):
        with read_or_end():
            if folder:
                return next(object_store.names(where), None) is not None
            return object_store.head(where) is not None
    try:
        return where.path.is_dir() if folder else where.path.is_file()
    except OSError:  # a folder that may not be looked into
        return False


def _objects(where: ObjectUri) -> list[str]:
    with read_or_end():
        listed = itertools.islice(object_store.names(where), _PAGE)
        return [one.name for one in listed if _counts(one.name) and not _is_empty_folder(where, one)]


def _is_empty_folder(where: ObjectUri, entry: object_store.ObjectInfo) -> bool:
    """Return whether it stands for a folder of a run, as consoles make it: empty, with a slash that no list shows."""
    marks = entry.name in _FOLDERS[RUN] and not entry.size_bytes
    return marks and object_store.head(where.join(entry.name)) is None


def _files(out: Path, record: str) -> list[str]:
    with writing(out):
        return list(_entries(out, record))


def _entries(out: Path, record: str) -> Iterator[str]:
    """Yield the names in OUT, folders with a slash behind; of those that a run makes at once, one name within."""
    if not out.is_dir():
        return
    for path in sorted(out.iterdir()):
        if not _counts(path.name):
            continue
        if record == RUN and path.name in ("rows", "images") and path.is_dir():
            first = next((inner.name for inner in path.iterdir() if _counts(inner.name)), None)
            if first is not None:
                yield f"{path.name}/{first}"
        else:
            yield f"{path.name}/" if path.is_dir() else path.name


def _counts(path: str) -> bool:
    """Return whether a name is of what somebody put there: locks are hidden, and desktops leave files anywhere."""
    top = path.partition("/")[0]
    return not top.startswith(".") and top.casefold() not in _LEFT_BY_SYSTEMS


def _top(path: str) -> str:
    name, slash, _ = path.partition("/")
    return name + slash
