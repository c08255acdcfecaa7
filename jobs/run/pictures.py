"""Which of OUT's pictures are still there: what somebody deleted is made again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from stylize import naming
from stylize.io.location import LocalPath, locate

IsThere = Callable[[str], bool]
"""Tells of a row's `output_uri` whether its file is there."""


def everything(output_uri: str) -> bool:
    """Return True: what is in an object store is not looked for, as that would list every result at every start."""
    return True


def pictures_in(out: str) -> IsThere:
    """Return what tells whether a result is below OUT/images, wherever OUT was when it was written.

    One walk over names, not a look per row; 8 bytes of each name are kept. Of an OUT in an object store: `everything`.
    """
    where = locate(out)
    if not isinstance(where, LocalPath):
        return everything
    root = str(where.path / "images")
    # Two names of one hash are one in 2**64; the price would be a picture that is not made again.
    there = {hash(naming.same_file(path[len(root) + 1 :])) for path in _files(root)}
    return lambda output_uri: any(hash(naming.same_file(name)) in there for name in naming.below_images(output_uri))


def _files(folder: str) -> Iterator[str]:
    try:
        with os.scandir(Path(folder)) as entries:
            for entry in entries:
                if entry.is_dir():
                    yield from _files(entry.path)
                else:
                    yield entry.path
    except FileNotFoundError:
        return
