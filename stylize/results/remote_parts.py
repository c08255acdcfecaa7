"""A run's rows in an object store: the driver works on a local copy, and each part counts once it is uploaded whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stylize import safe_json
from stylize.errors import CannotContinueError, UsageError, one_line
from stylize.io import object_store
from stylize.io.files import Folder
from stylize.io.out_folder import RUN
from stylize.io.store_errors import read_or_end

_AT_ONCE = 8
_COPIES = 5


class Mirror:
    """Repeats what is done to a local folder of rows in the folder `uri` of an object store.

    `check` is called before every attempt of a change and may raise to prevent it. All raise CannotContinueError.
    """

    def __init__(self, uri: str, check: Callable[[], None]) -> None:
        self.check = check
        self._rows = Folder(uri)

    def put(self, name: str, data: bytes | memoryview, *, new: bool) -> None:
        """Write one part; a `new` one goes again if OUT was lost meanwhile, as its tasks are another driver's now."""
        self._rows.write(name, data, guard=self.check)
        try:
            self.check()
        except CannotContinueError:
            if new:
                with contextlib.suppress(CannotContinueError):
                    self._rows.remove(name)
            raise

    def remove(self, name: str) -> None:
        """Delete one part."""
        self._rows.remove(name, guard=self.check)


def copy_run(uri: str, folder: Path, *, empty: bool = False) -> None:
    """Copy a run's rows and run.json into a local folder. Raises UsageError where there are none, unless `empty`.

    A driver may be merging parts meanwhile: a copy counts only if no part changed while it was made.
    """
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    copied: dict[str, str] = {}
    with read_or_end():
        for _ in range(_COPIES):
            parts = _parts(uri)
            if not parts and not empty:
                raise UsageError(f"{one_line(uri)} holds no rows: give the OUT of a run")
            copied = _copied(uri, parts, copied, folder / "rows")
            if copied == parts:
                return _copy_record(uri, folder / RUN)
    raise CannotContinueError(f"{one_line(uri)}/rows kept changing while it was read: try again in a moment")


def _parts(uri: str) -> dict[str, str]:
    # What pandas and pyarrow read of a folder of rows.
    return {
        part.name: part.version
        for part in object_store.names(f"{uri}/rows")
        if "/" not in part.name and not part.name.startswith((".", "_")) and part.size_bytes
    }


def _copied(uri: str, parts: dict[str, str], before: dict[str, str], rows: Path) -> dict[str, str]:
    """Copy those of these parts that were not copied before, and return the ones whose copy is what is still there."""
    kept = dict(parts.items() & before.items())
    for old in rows.iterdir():
        if old.name not in kept:
            old.unlink()

    def one(name: str) -> None:
        with contextlib.suppress(FileNotFoundError):  # then it is not there below either
            object_store.fetch(f"{uri}/rows/{name}", rows / name)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, parts.keys() - kept.keys()))
    return dict(parts.items() & _parts(uri).items())


def _copy_record(uri: str, file: Path) -> None:
    try:
        object_store.fetch(f"{uri}/run.json", file, safe_json.MAX_BYTES)
    except FileNotFoundError:
        file.unlink(missing_ok=True)
