"""OUT, for every job that writes one: where it is, who holds it, and what its run.json says."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from stylize.errors import StylizeError, UsageError, one_line
from stylize.io.files import Folder, cannot_write, is_empty
from stylize.io.location import LocalPath, ObjectUri, absolute, local_path, locate
from stylize.io.store_errors import read_or_end
from stylize.results import output_lock, run_record
from stylize.results.output_lease import OutputLease
from stylize.results.output_lock import OutputLock
from stylize.results.remote_parts import Mirror, copy_run
from stylize.results.run_record import RunRecord

_COPY, _IN_USE = "stylize-rows-", ".in-use"


def absolute_out(uri: str, role: str = "OUT") -> Path:
    """OUT as an absolute path. Raises UsageError, which calls it by its role, for a relative one in a job's copy."""
    try:
        out = local_path(uri)
    except UsageError as error:
        raise UsageError(f"{role}: {error}") from None
    if not out.is_absolute() and _submitted():
        raise UsageError(
            f"{role} {one_line(uri)!r} is relative: a submitted job runs in a temporary copy of the working "
            "folder, and its results would be lost with it; give an absolute path"
        )
    return absolute(out)


def absolute_uri(uri: str, role: str = "OUT") -> str:
    """Return OUT's absolute path or its URI. Raises UsageError as `absolute_out` does."""
    where = locate(uri)
    return str(where) if isinstance(where, ObjectUri) else str(absolute_out(uri, role))


def check_place(uri: str, role: str = "OUT") -> None:
    """Raise UsageError where OUT is no folder or lies below none, CannotContinueError where it may not be written.

    Of one in an object store nothing is known before it is opened.
    """
    where = locate(uri)
    if isinstance(where, ObjectUri):
        return
    above = next(path for path in (where.path, *where.path.parents) if path.exists())
    if not above.is_dir():
        raise UsageError(f"{role}: {one_line(above)} is a file; give a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise cannot_write(above, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def absolute_input(uri: str) -> str:
    """Return a location as workers must be told it, who run in a folder of their own. Raises UsageError."""
    return str(locate(uri).absolute())


class OutputDir:
    """An OUT that this driver holds. `folder`: where its rows are at hand, which is a copy of one in an object store.

    `token` is for the workers' `Fence`; `mirror` for a RowStore of `folder`.
    """

    def __init__(self, uri: str, folder: Path, token: str, mirror: Mirror | None = None) -> None:
        self.uri, self.folder, self.token, self.mirror = uri, folder, token, mirror
        self._place = Folder(uri)

    def at(self, name: str) -> str:
        """The path or URI of something in it."""
        return self._place.at(name)

    def save(self, record: RunRecord) -> None:
        """Write run.json. Raises as `RunRecord.write` does, and as `publish`."""
        record.write(self.folder)
        self.publish(run_record.NAME)

    def publish(self, name: str) -> None:
        """Put a file that was written to `folder` into OUT. Raises CannotContinueError."""
        if self.mirror is not None:
            self._place.write(name, (self.folder / name).read_bytes(), guard=self.mirror.check)


@contextlib.contextmanager
def open_output(uri: str, note: Callable[[str], None]) -> Iterator[OutputDir]:
    """OUT, by its absolute URI, for this driver alone. `note` gets a line if there is something to wait for.

    Raises CannotContinueError if another driver holds it or it may not be written.
    """
    where = locate(uri)
    if isinstance(where, LocalPath):
        with OutputLock(where.path) as lock:
            yield OutputDir(uri, where.path, lock.token)
        return
    uri = str(where)
    is_empty(where)  # what is wrong with the call is said as such, not as a lock that cannot be written
    with _copies() as copy, _called({copy: uri}), OutputLease(uri, note) as lease:
        copy_run(uri, copy, empty=True)
        yield OutputDir(uri, copy, lease.token, Mirror(f"{uri}/rows", lease.check))


@contextlib.contextmanager
def rows_at_hand(uri: str) -> Iterator[Path]:
    """A folder with the rows of an OUT that may not have any yet."""
    where = locate(uri)
    if isinstance(where, LocalPath):
        yield where.path
        return
    uri = str(where)
    with _copies() as copy, _called({copy: uri}):
        copy_run(uri, copy, empty=True)
        yield copy


def refuse_in_use(uri: str, note: Callable[[str], None]) -> None:
    """Raise CannotContinueError if another driver holds OUT. Nothing is changed; `note` as in `open_output`."""
    where = locate(uri)
    if isinstance(where, LocalPath):
        output_lock.refuse_in_use(where.path)
        return
    with read_or_end():
        OutputLease(str(where), note).refuse_in_use()


@contextlib.contextmanager
def run_folders(words: Sequence[str]) -> Iterator[dict[Path, str]]:
    """Give the folders of finished runs, each once, and their OUTs. words: a run's folder or its rows' each.

    Of one in an object store, rows and run.json are copied for as long as this lasts. Raises UsageError.
    """
    called: dict[Path, str] = {}
    with _copies() as copies, _called(called):
        folders = [_run_folder(word, copies, called) for word in words]
        yield {folder: called.get(folder, str(folder)) for folder in folders}


def _run_folder(word: str, copies: Path, called: dict[Path, str]) -> Path:
    where = locate(word).absolute()
    where.check()
    if where.name == "rows" and is_empty(where.join("rows")):
        where = where.parent
    if isinstance(where, LocalPath):
        return where.path
    uri = str(where)
    # Under its own name and its parent's, which reports call it by.
    folder = copies.joinpath(hashlib.sha256(uri.encode()).hexdigest()[:16], *uri.split("/")[-2:])
    if not folder.exists():
        called[folder] = uri
        copy_run(uri, folder)
    return folder


@contextlib.contextmanager
def _called(called: dict[Path, str]) -> Iterator[None]:
    """Let errors say an OUT's own name, not its copy's; of a full or read-only disk, where that is."""
    try:
        yield
    except StylizeError as error:
        text = str(error)
        for copy, uri in called.items():
            text = text.replace(str(copy), one_line(uri))
        if text == str(error) or getattr(error.__cause__, "errno", None):
            raise
        raise type(error)(text) from error.__cause__


@contextlib.contextmanager
def _copies() -> Iterator[Path]:
    """A temporary folder, locked while it is in use; those that killed runs of this user left are removed."""
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


def _submitted() -> bool:
    # Where Ray unpacks a job's working folder.
    return "runtime_resources" in Path.cwd().parts


def new_run_id() -> str:
    """Sorts by time, and no two are the same."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
