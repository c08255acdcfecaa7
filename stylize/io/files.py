"""Bytes in and out of files and objects, so that a reader sees all of one or none."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from stylize.errors import BadKeyError, CannotContinueError, CorruptImageError, one_line
from stylize.io import object_store
from stylize.io.location import canonical
from stylize.io.location import local_path as local_path
from stylize.io.weights_cache import at_hand as at_hand

_TEMP_PREFIX = ".tmp-"
_TEMP_NAME = re.compile(r"\.tmp-[0-9a-f]{32}")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_A_FOLDER = {errno.EEXIST, errno.ENOTDIR}


def read_bytes(uri: str) -> bytes:
    """All bytes of a file named by a plain path, a `file://` URI, or `s3://` and `gs://` ones of an object store.

    Raises CorruptImageError for one that is not there, may not be read or is no file, and UsageError for an
    unsupported scheme. Other failures (a broken disk, an object that the store fails to give) say nothing about the
    image and stay an OSError; a store that answers nothing at all is a CannotContinueError.
    """
    if object_store.is_object(uri):
        return _read_object(uri)
    path, name = local_path(uri), one_line(uri)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise CorruptImageError(f"no such file: {name}") from None
    except PermissionError:
        raise CorruptImageError(f"no permission to read: {name}") from None
    except ValueError:  # a NUL in the name
        raise CorruptImageError(f"not a file name: {name}") from None
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise CorruptImageError(f"not a file name ({error.strerror}): {name}") from None
        raise
    # a pipe or a device is not opened: it could block for ever
    raise CorruptImageError(f"a folder, not a file: {name}" if stat.S_ISDIR(mode) else f"not a file: {name}")


def _read_object(uri: str) -> bytes:
    try:
        return object_store.read(uri)
    except FileNotFoundError:
        raise CorruptImageError(f"no such file: {one_line(uri)}") from None
    except object_store.RefusedError as error:
        raise CorruptImageError(f"no permission to read: {error}") from None
    except BadKeyError as error:
        raise CorruptImageError(str(error)) from None
    except OSError as error:
        if object_store.answers(uri):
            raise
        # Else an outage of minutes would turn every task of that time into a row that stays.
        again = "nor does the store answer otherwise: run the same command again, it resumes"
        raise CannotContinueError(f"{error}, {again}") from None


def write_atomic(
    path: Path,
    data: bytes | memoryview,
    *,
    guard: Callable[[], None] | None = None,
    durable: bool = False,
) -> None:
    """Write a file whole or not at all: to a temporary name in the same folder, then renamed over `path`.

    Missing folders are made. `guard` is called just before the rename and may raise to prevent it. `durable`
    syncs to disk first; an image does without, as its row is written only after the rename, and so a killed
    process loses nothing (a power cut is another matter, and out of scope). Raises CannotContinueError when
    the disk is full or the folder may not be written, OSError for what concerns this one name.
    """
    temp = path.with_name(_TEMP_PREFIX + uuid.uuid4().hex)
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
        if error.errno in _FULL | _REFUSED | {errno.EIO}:
            raise cannot_write(path, error) from error
        raise
    if durable:
        sync_folder(path.parent)


def is_temporary(name: str) -> bool:
    """Whether `write_atomic` writes under such a name: a file left there by a kill may be removed."""
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
    """One line for a failed write: what stopped it and what to do."""
    name, reason = one_line(path), error.strerror or str(error)
    again = "then run the same command again: it resumes"
    if error.errno in _FULL:
        return CannotContinueError(f"no space left to write {name} ({reason}): free space, {again}")
    if error.errno in _REFUSED:
        return CannotContinueError(f"{name} may not be written ({reason}): make it writable, {again}")
    if error.errno in _NOT_A_FOLDER:
        return CannotContinueError(f"{name} is not a folder, or lies below something that is none: give another OUT")
    return CannotContinueError(f"{name} could not be written ({reason}): put that right, {again}")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within it, any OSError becomes a CannotContinueError that names `path`."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


@contextlib.contextmanager
def writing_object(uri: str) -> Iterator[None]:
    """Within it, what a store says against a write becomes a CannotContinueError that names `uri`."""
    again = "then run the same command again: it resumes"
    try:
        yield
    except object_store.RefusedError as error:
        raise CannotContinueError(f"{error}, {again}") from error
    except FileNotFoundError:
        raise CannotContinueError(f"{one_line(uri)} cannot be written: no such bucket; make it first") from None
    except OSError as error:
        raise CannotContinueError(f"{error}: put that right, {again}") from error


class Folder:
    """A folder that files are written to by name, here or in an object store, each whole or not at all."""

    def __init__(self, uri: str) -> None:
        self.uri = canonical(uri) if object_store.is_object(uri) else str(local_path(uri))
        self.is_object = object_store.is_object(uri)

    def __str__(self) -> str:
        return one_line(self.uri)

    def at(self, name: str) -> str:
        """The path or URI of a file in it."""
        return f"{self.uri}/{name}" if self.is_object else str(Path(self.uri, name))

    def write(self, name: str, data: bytes | memoryview, guard: Callable[[], None] | None = None) -> None:
        """As `write_atomic`; to an object store, `guard` is called just before every try to upload."""
        if not self.is_object:
            write_atomic(Path(self.uri, name), data, guard=guard)
            return
        with writing_object(self.at(name)):
            object_store.put(self.at(name), data, guard=guard)

    def remove(self, name: str, guard: Callable[[], None] | None = None) -> None:
        """Delete a file, if it is there. In an object store, `guard` as for `write`. Raises CannotContinueError."""
        if self.is_object:
            with writing_object(self.at(name)):
                object_store.remove(self.at(name), guard)
        else:
            with writing(Path(self.uri, name)):
                Path(self.uri, name).unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None if it is not there. Raises OSError."""
        try:
            return object_store.read(self.at(name)) if self.is_object else Path(self.uri, name).read_bytes()
        except FileNotFoundError:
            return None
