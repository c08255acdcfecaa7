"""Files without a suffix that says so, looked at by their first bytes: is it an image?"""

from __future__ import annotations

import functools
import itertools
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from stylize.errors import BadKeyError
from stylize.images.formats import FORMATS_READ, FORMATS_REFUSED, HEAD_BYTES, kind_of
from stylize.io import object_store

NO_IMAGE = "no image"
_AT_ONCE = 32
_PAGE = 1000
_Entry = TypeVar("_Entry")

# Never worth a look, however many lie beside the photos.
_NEVER_IMAGES = frozenset((
    ".txt", ".md", ".json", ".jsonl", ".xml", ".xmp", ".aae", ".csv", ".tsv", ".html", ".htm", ".css", ".js", ".py",
    ".yaml", ".yml", ".toml", ".ini", ".log", ".zip", ".gz", ".tar", ".7z", ".rar", ".db", ".sqlite", ".parquet",
    ".npy", ".npz", ".pth", ".pt", ".safetensors", ".mp3", ".wav", ".flac", ".m4a", ".aac", ".doc", ".docx", ".xls",
    ".xlsx", ".ppt", ".pptx",
))  # fmt: skip
_OF_BACKUPS = re.compile(r"\.\w+(_original|~)")
"""ExifTool keeps `a.jpg_original` of each file that it changes, and others `a.jpg~`: the same photo once more."""
_REFUSED_SUFFIXES = {suffix: kind for kind, suffixes in FORMATS_REFUSED.items() for suffix in suffixes}


def reason_by_suffix(suffix: str) -> str | None:
    """Return why a file of such a suffix is left out without a look at it, None where only a look can tell."""
    if suffix in _REFUSED_SUFFIXES:
        return _not_read(_REFUSED_SUFFIXES[suffix])
    if _OF_BACKUPS.fullmatch(suffix):
        return "a program's backup"
    if suffix == ".thm":
        return "a camera's thumbnail"
    return NO_IMAGE if suffix in _NEVER_IMAGES else None


def reason_by_head(head: bytes) -> str | None:
    """Return why a file that begins so is left out, None where it is an image that is read."""
    kind = kind_of(head)
    if kind is None:
        return NO_IMAGE
    return None if kind in FORMATS_READ else _not_read(kind)


def _not_read(kind: str) -> str:
    return f"{kind} is not read"


# Under `cross`, photos are listed once per artwork.
@functools.lru_cache(1 << 16)
def reason_by_file(path: str, identity: str) -> str | None:
    """Do as `reason_by_head`, for a file of this machine; `identity` tells its versions apart."""
    try:
        # A pipe or a device is not opened: it could block for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a name that is no UTF-8 is still one
            return NO_IMAGE
        with open(path, "rb") as file:  # noqa: PTH123
            return reason_by_head(file.read(HEAD_BYTES))
    except OSError as error:
        return f"cannot be read: {error.strerror}"


@functools.lru_cache(1 << 16)
def reason_by_object(uri: str, size_bytes: int, version: str) -> str | None:
    """Do as `reason_by_head`, for an object; `version` tells its versions apart."""
    try:
        return reason_by_head(object_store.read_head(uri, min(size_bytes, HEAD_BYTES)))
    except (object_store.RefusedError, BadKeyError, FileNotFoundError):
        return "cannot be read"


def asked_together(
    entries: Iterable[_Entry], ask: Callable[[_Entry], str | None]
) -> Iterator[tuple[_Entry, str | None]]:
    """Yield each entry with the answer for it, in order; many are asked about at once, a page in memory at a time."""
    stream = iter(entries)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while page := list(itertools.islice(stream, _PAGE)):
            yield from zip(page, pool.map(ask, page), strict=True)
