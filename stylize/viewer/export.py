"""The page as static files, to be published or opened from a disk; without votes."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stylize.errors import UsageError, one_line
from stylize.io.files import write_atomic, writing
from stylize.io.out_folder import filling, has_page, refuse_filled
from stylize.viewer.site import Site
from stylize.viewer.table import KINDS

_UNFINISHED = ".unfinished-export"
"""In the folder while it is written."""
_MARK = b'<meta name="generator" content="stylize view">'
_PICTURE = re.compile(r"/picture-([a-z]+)/(\d+)")
LIST = "left-out.txt"
"""Beside the data, the pictures that could not be taken along, a line each."""
_AT_ONCE = 4


def check_folder(folder: Path) -> None:
    """Raise UsageError where a folder holds anything but an earlier export."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"--export: {one_line(folder)} is no folder; give a new or empty one")
    if not _is_export(folder):
        refuse_filled(folder, "--export", "an earlier export")


def _is_export(folder: Path) -> bool:
    return has_page(folder, _MARK, _UNFINISHED)


def export(site: Site, folder: Path, told: Callable[[int], None]) -> tuple[int, dict[str, list[str]]]:
    """Write the page; returns the number of files, and by kind the pictures that are not there or may not be shown.

    told: gets the number so far, now and then.

    What an earlier export left is removed first, as its pictures would be published with it. Raises
    CannotContinueError where the folder cannot be written.
    """

    def write(name: str) -> int:
        file = site.get(name)
        if file is None:
            return 0
        with writing(folder / name):
            write_atomic(folder / name, file.data)
        return 1

    written, left_out = 0, defaultdict[str, list[str]](list)
    names = sorted(site.names(), key=lambda name: name == "index.html")  # the page last, once all is there
    is_export = _is_export(folder)
    with filling(folder, _UNFINISHED), ThreadPoolExecutor(_AT_ONCE) as pool:
        old = folder / site.base
        if is_export and old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        for number, (name, one) in enumerate(zip(names, pool.map(write, names), strict=True), 1):
            written += one
            picture = None if one else _PICTURE.search(name)
            if picture and (uri := site.table.value(f"{KINDS[picture[1]]}_uri", int(picture[2]))):
                left_out[picture[1]].append(one_line(uri))
            if number % 500 == 0:
                told(written)
        if left_out:
            lines = "".join(f"{kind}: {uri}\n" for kind, uris in left_out.items() for uri in uris)
            write_atomic(old / LIST, lines.encode(errors="replace"))
    return written, left_out
