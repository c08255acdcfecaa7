"""Which pictures OUT holds: what somebody deleted is made again, what somebody put there stays."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from stylize import naming
from stylize.errors import CorruptImageError
from stylize.io import object_store
from stylize.io.files import read_bytes
from stylize.io.location import LocalPath, Location, locate
from stylize.io.store_errors import read_or_end

LISTED = 100_000
"""Results of an OUT in an object store that are listed at most: 100 requests, some ten seconds at each start."""


class Pictures:
    """Tells of a row's `output_uri` whether its file is below OUT/images, wherever OUT was when it was written.

    One walk over names when it is first asked, not a look per row; 8 bytes of each name are kept. In an object store
    with more than LISTED results all count as there, and `note` gets a line. Asking raises CannotContinueError of a
    store that does not answer.
    """

    def __init__(self, out: str, note: Callable[[str], None]) -> None:
        self._images, self._note = locate(out).join("images"), note

    def __call__(self, output_uri: str) -> bool:
        # Two names of one hash are one in 2**64; the price would be a picture that is not made again.
        return self._there is None or any(_hash(name) in self._there for name in naming.below_images(output_uri))

    def name_of(self, output_uri: str) -> str | None:
        """Return the picture's name below OUT/images; None where it is not there or that is not certain."""
        there = [name for name in naming.below_images(output_uri) if self._there is None or _hash(name) in self._there]
        return there[0] if len(there) == 1 else None

    def is_foreign(self, name: str, task_id: str) -> bool:
        """Return whether a file of this name is there that a task has not made, as a run that was killed may have."""
        if self._there is None or _hash(name) not in self._there:
            return False
        try:
            return task_id[: naming.KEY_DIGITS].encode() not in read_bytes(self._images.join(name))
        except (CorruptImageError, OSError):  # a folder, or one that is the same on other systems' disks
            return True

    @cached_property
    def _there(self) -> set[int] | None:
        here = isinstance(self._images, LocalPath)
        names = {_hash(name) for name in itertools.islice(_names(self._images), None if here else LISTED + 1)}
        if here or len(names) <= LISTED:
            return names
        self._note(f"OUT holds more than {LISTED:,} results: whether one was deleted is not looked for")
        return None


def _hash(name: str) -> int:
    return hash(naming.same_file(name))


def _names(images: Location) -> Iterator[str]:
    if isinstance(images, LocalPath):
        root = str(images.path)
        yield from (path[len(root) + 1 :] for path in _files(root))
        return
    with read_or_end():
        yield from (one.name for one in object_store.names(images))


def _files(folder: str) -> Iterator[str]:
    try:
        with os.scandir(Path(folder)) as entries:
            for entry in entries:
                # Not through links: they may lead anywhere, and in a circle.
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(entry.path)
                # A folder, too, may stand where a result would go.
                yield entry.path
    except FileNotFoundError:
        return
