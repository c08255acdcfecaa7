"""Reading and writing files and objects, each whole: a reader sees all of one or none.

What takes a location takes one of any kind, or its text, and alone looks which kind it is.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import re
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from stylize.errors import BadKeyError, CannotContinueError, CorruptImageError, StylizeError, message_of, one_line
from stylize.io import object_store
from stylize.io.location import LocalPath, Location, ObjectUri, as_location, existing, respelt
from stylize.io.location import local_path as local_path
from stylize.io.store_errors import read_or_end, write_or_end
from stylize.io.weights_cache import at_hand as at_hand

_TEMP_PREFIX = ".tmp-"
_TEMP_NAME = re.compile(r"\.tmp-[0-9a-f]{32}")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_A_FOLDER = {errno.EEXIST, errno.ENOTDIR}

Look = Callable[[IO[bytes] | None, int], None]
"""A look at a file before it is read whole, by its size in bytes; of an object nothing but its size is there yet."""


def read_bytes(where: str | Location, look: Look | None = None) -> bytes:
    """Return all bytes of a file or object, unless `look` raises.

    Raises CorruptImageError for one that is not there, may not be read or is no file, and UsageError for an
    unsupported scheme. Other failures (a broken disk, an object that the store fails to give) say nothing about the
    image and stay an OSError; a store that answers nothing at all is a CannotContinueError.
    """
    where = as_location(where)
    return _read_object(where, look) if isinstance(where, ObjectUri) else _read_file(existing(where.path), look)


def _read_file(path: Path, look: Look | None) -> bytes:
    name = one_line(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb") as file:
                if look is not None:
                    look(file, os.fstat(file.fileno()).st_size)
                    file.seek(0)
                return file.read()
    except (FileNotFoundError, NotADirectoryError):
        # A folder's listing has the link as if it were a file.
        gone = "a link to a file that is not there" if path.is_symlink() else "no such file"
        raise CorruptImageError(f"{gone}: {name}") from None
    except PermissionError:
        raise CorruptImageError(f"no permission to read: {name}") from None
    except ValueError:  # a NUL in the name
        raise CorruptImageError(f"not a file name: {name}") from None
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        why = "a link that leads back to itself" if error.errno == errno.ELOOP else "not a file name (too long)"
        raise CorruptImageError(f"{why}: {name}") from None
    # a pipe or a device is not opened: it could block for ever
    raise CorruptImageError(f"{'a folder' if stat.S_ISDIR(mode) else 'a device or pipe'}, not a file: {name}")


def _read_object(uri: ObjectUri, look: Look | None) -> bytes:
    again = "run the same command again, it resumes"
    try:
        for spelling in (uri, *respelt(uri)):
            with contextlib.suppress(object_store.NoObjectError):
                return object_store.read(spelling, look and functools.partial(look, None))
        raise CorruptImageError(f"no such file: {uri.shown}")
    except object_store.RefusedError as error:
        if isinstance(error, object_store.CredentialsError) and not object_store.answers(uri):
            raise CannotContinueError(f"{error}, then {again}") from None
        raise CorruptImageError(f"no permission to read: {error}") from None
    except (BadKeyError, FileNotFoundError) as error:
        raise CorruptImageError(str(error)) from None
    except OSError as error:
        if object_store.answers(uri):
            raise
        # Else an outage of minutes would turn every task of that time into a row that stays.
        raise CannotContinueError(f"{error}, nor does the store answer otherwise: {again}") from None


def why_unreadable(where: str | Location) -> str | None:
    """Return why a file or folder cannot be seen from here, in one line; None if it can."""
    try:
        where = as_location(where)
        if isinstance(where, ObjectUri):
            there = object_store.head(where) is not None or next(object_store.names(where), None) is not None
            return None if there else "no such object"
        path = where.path
        return None if os.access(path, os.R_OK) else "no permission" if path.exists() else "no such file"
    except (OSError, StylizeError, ValueError) as error:
        return message_of(error)


def is_empty(folder: str | Location) -> bool:
    """Return whether a folder holds nothing or is not there. Raises UsageError and CannotContinueError of a store."""
    folder = as_location(folder)
    if isinstance(folder, ObjectUri):
        with read_or_end():
            return next(object_store.names(folder), None) is None
    return not folder.path.is_dir() or next(folder.path.iterdir(), None) is None


def sizes_below(folder: str | Location) -> dict[str, int]:
    """Return the names of all files below a folder and their sizes in bytes; nothing of one that is not there.

    Raises UsageError where a store refuses, CannotContinueError where it does not answer.
    """
    if isinstance(folder := as_location(folder), ObjectUri):
        with read_or_end():
            return {info.name: info.size_bytes for info in object_store.names(folder)}
    sizes = {}
    for path in filter(Path.is_file, folder.path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            sizes[path.relative_to(folder.path).as_posix()] = path.stat().st_size
    return sizes


@contextlib.contextmanager
def local_copy(where: str | Location, role: str = "") -> Iterator[Path]:
    """Give the path of a file of this machine, or of a copy of an object for as long as the context lasts.

    Raises as `read_or_end` does of an object that is not there, is refused or does not come.
    """
    where = as_location(where)
    if not isinstance(where, ObjectUri):
        yield where.path
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "copy" + Path(where.name).suffix)
        with read_or_end(role):
            object_store.fetch(where, path)
        yield path


def write_atomic(
    path: Path, data: bytes | memoryview, *, guard: Callable[[], None] | None = None, durable: bool = False
) -> None:
    """Write a file whole or not at all: to a temporary name in the same folder, then renamed over `path`.

    Missing folders are made. `guard` is called just before the rename and may raise to prevent it. `durable`
    syncs to disk first; an image does without, as its row is written only after the rename, and so a killed
    process loses nothing (a power cut is another matter, and out of scope). Raises CannotContinueError when
    the disk is full, the folder is none or may not be written, OSError for what concerns this one name.
    """
    temp = path.with_name(temporary_name())
    try:
        try:
            file = temp.open("xb")
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = temp.open("xb")
        try:
            with file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            if guard is not None:
                guard()
            temp.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temp.unlink()
            raise
    except OSError as error:
        if error.errno in _FULL | _REFUSED | _NOT_A_FOLDER | {errno.EIO}:
            raise cannot_write(path, error) from error
        raise
    if durable:
        sync_folder(path.parent)


def write_json_atomic(path: Path, obj: Any) -> None:
    """Write `obj` as indented UTF-8 JSON, whole or not at all. Raises as `write_atomic` does."""
    text = json.dumps(obj, indent=2, ensure_ascii=False) + "\n"
    # a lone surrogate (a file name that is no UTF-8) becomes \udcXX, which is JSON's own escape for it
    write_atomic(path, text.encode("utf-8", "backslashreplace"))


def temporary_name() -> str:
    """Return a name for a file that is soon removed or renamed; the next run removes one that a kill leaves in OUT."""
    return _TEMP_PREFIX + uuid.uuid4().hex


def is_temporary(name: str) -> bool:
    """Return whether a name is one of `temporary_name`: a file left there by a kill may be removed."""
    return _TEMP_NAME.fullmatch(name) is not None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as their files, where the filesystem can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> CannotContinueError:
    """Return the error for a failed write, in one line: what stopped it and what to do."""
    name, reason = one_line(path), error.strerror or str(error)
    again = "then run the same command again"
    if error.errno in _FULL:
        return CannotContinueError(f"no space left to write {name} ({reason}): free space, {again}")
    if error.errno in _REFUSED:
        return CannotContinueError(f"{name} may not be written ({reason}): make it writable, {again}")
    if error.errno in _NOT_A_FOLDER:
        in_the_way = next((one for one in (path, *path.parents) if os.path.lexists(one) and not one.is_dir()), path)
        return CannotContinueError(f"{one_line(in_the_way)} is no folder: move it away, or give another place")
    return CannotContinueError(f"{name} could not be written ({reason}): put that right, {again}")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn any OSError into a CannotContinueError that names `path` and says what to do, as `cannot_write` does."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a folder from all others of the machine, links followed; None where there is none."""
    with contextlib.suppress(OSError, ValueError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


class Folder:
    """A folder that files are written to by name, here or in an object store, each whole or not at all."""

    def __init__(self, where: str | Location) -> None:
        self.location = as_location(where)
        self._inside: set[tuple[int, int]] = set()
        """Folders that were found inside, by device and inode: their links need not be followed again."""

    def __str__(self) -> str:
        return self.location.shown

    def at(self, name: str) -> str:
        """Return the path or URI of a file in it."""
        return str(self.location.join(name))

    def _own(self, name: str) -> Location:
        """Return where a file of that name is. Raises CannotContinueError where a link leads out of the folder."""
        where = self.location.join(name)
        parent = where.parent
        identity = _identity(parent.path) if isinstance(parent, LocalPath) else None
        if identity is None or identity not in self._inside:
            if not parent.is_inside(self.location):
                raise CannotContinueError(f"{parent.shown} is a link to outside of {self}: give another OUT")
            if identity is not None:
                self._inside.add(identity)
        return where

    def write(
        self, name: str, data: bytes | memoryview, guard: Callable[[], None] | None = None, *, durable: bool = False
    ) -> None:
        """Write a file as `write_atomic` does; in an object store, `guard` is called before every attempt."""
        where = self._own(name)
        if isinstance(where, ObjectUri):
            with write_or_end(str(where)):
                object_store.put(where, data, guard=guard)
        else:
            write_atomic(where.path, data, guard=guard, durable=durable)

    def remove(self, name: str, guard: Callable[[], None] | None = None) -> None:
        """Delete a file, if it is there. In an object store, `guard` as for `write`. Raises CannotContinueError."""
        where = self._own(name)
        if isinstance(where, ObjectUri):
            with write_or_end(str(where)):
                object_store.remove(where, guard)
        else:
            with writing(where.path):
                where.path.unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or None if it is not there. Raises OSError."""
        where = self.location.join(name)
        try:
            return object_store.read(where) if isinstance(where, ObjectUri) else where.path.read_bytes()
        except FileNotFoundError:
            return None
