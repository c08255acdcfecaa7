"""OUT, for every job that writes one: where it is, who holds it, and what its run.json says."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from stylize.errors import UsageError, one_line
from stylize.io.files import Folder, cannot_write, is_empty
from stylize.io.location import LocalPath, ObjectUri, absolute, local_path, locate
from stylize.io.out_folder import RUN
from stylize.io.store_errors import read_or_end
from stylize.results import output_lock
from stylize.results.copies import called, copies
from stylize.results.output_lease import OutputLease
from stylize.results.output_lock import OutputLock
from stylize.results.remote_parts import Mirror, copy_run
from stylize.results.run_record import RunRecord


def absolute_out(uri: str, role: str = "OUT") -> Path:
    """Return OUT as an absolute path. Raises UsageError, which names its role, for a relative one in a job's copy."""
    out = local_path(uri, role)
    if not out.is_absolute() and in_a_jobs_copy(Path.cwd()):
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
        """Return the path or URI of something in it."""
        return self._place.at(name)

    def save(self, record: RunRecord) -> None:
        """Write run.json. Raises as `RunRecord.write` does, and as `publish`."""
        record.write(self.folder)
        self.publish(RUN)

    def publish(self, name: str) -> None:
        """Put a file that was written to `folder` into OUT. Raises CannotContinueError."""
        if self.mirror is not None:
            self._place.write(name, (self.folder / name).read_bytes(), guard=self.mirror.check)


@contextlib.contextmanager
def open_output(uri: str, note: Callable[[str], None]) -> Iterator[OutputDir]:
    """Hold OUT, by its absolute URI, for this driver alone. `note` gets a line if there is something to wait for.

    Raises CannotContinueError if another driver holds it or it may not be written.
    """
    where = locate(uri)
    if isinstance(where, LocalPath):
        with OutputLock(where.path) as lock:
            yield OutputDir(uri, where.path, lock.token)
        return
    uri = str(where)
    is_empty(where)  # what is wrong with the call is said as such, not as a lock that cannot be written
    with copies() as copy, called({copy: uri}), OutputLease(uri, note) as lease:
        copy_run(uri, copy, empty=True)
        yield OutputDir(uri, copy, lease.token, Mirror(f"{uri}/rows", lease.check))


def refuse_in_use(uri: str, note: Callable[[str], None]) -> None:
    """Raise CannotContinueError if another driver holds OUT. Nothing is changed; `note` as in `open_output`."""
    where = locate(uri)
    if isinstance(where, LocalPath):
        output_lock.refuse_in_use(where.path)
        return
    with read_or_end():
        OutputLease(str(where), note).refuse_in_use()


def in_a_jobs_copy(folder: Path) -> bool:
    """Return whether a folder lies where Ray unpacks the working folders of submitted jobs."""
    return "runtime_resources" in folder.parts


def new_run_id() -> str:
    """Return an identifier: they sort by time, and no two are the same."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
