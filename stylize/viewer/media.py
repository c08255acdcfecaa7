"""Pictures for the page: results out of OUT/images, photos and artworks where the command line allows it, thumbnails.

A row decides neither which file is opened nor as what it is served: results lie below OUT/images, and what is no
picture that a browser shows is decoded and written anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from stylize import images
from stylize.errors import StylizeError
from stylize.images.formats import HEAD_BYTES, kind_of
from stylize.io import weights_cache
from stylize.io.files import read_bytes, write_atomic
from stylize.io.location import Location, ObjectUri, as_location
from stylize.results.schema import SCORED
from stylize.results.trusted import Readable
from stylize.viewer.table import KINDS, Table

THUMB_PX, PICTURE_PX = 480, 2048
"""Long sides: of thumbnails, twice what is shown, for dense screens; of photos and artworks, which are made anew."""
THUMB_QUALITY, PICTURE_QUALITY = 80, 90
MOST_THUMBS = 20_000
"""In the cache, some 35 KB each; the oldest go when a viewer starts."""
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp"}
_AT_ONCE = max(2, os.cpu_count() or 2)


class File(NamedTuple):
    """A file of the page."""

    data: bytes
    type: str


class Media:
    """The pictures of a table's rows. trusted: photos and artworks are shown wherever rows say that they are, on this
    machine or in a bucket of one of the runs or of `stores`; else those alone that lie in their OUT.
    """

    def __init__(self, table: Table, cache: Path, *, trusted: bool, stores: Sequence[str] = ()) -> None:
        self._table, self._cache = table, cache
        self._homes = [as_location(home) for home in table.homes]
        self._readable = Readable(self._homes, trusted, stores)
        self._turn = threading.BoundedSemaphore(_AT_ONCE)

    def shows(self, kind: str) -> bool:
        """Return whether any photo, or artwork, may be shown: otherwise the page asks for none."""
        return self._readable.trusted or any(self._where(kind, row) for row in self._table.first_of(kind))

    def thumb(self, kind: str, row: int) -> File | None:
        """Return a small JPEG of a picture, from the cache if it has been made; None where there is no picture."""
        where = self._where(kind, row)
        if where is None:
            return None
        path = self._cache / f"{_key(where, self._version(where, kind, row))}.jpg"
        with contextlib.suppress(OSError):
            return File(path.read_bytes(), "image/jpeg")
        made = self._scaled(where, THUMB_PX, THUMB_QUALITY)
        if made is not None:
            with contextlib.suppress(OSError, StylizeError):  # a full disk: made again the next time
                write_atomic(path, made.data)
        return made

    def picture(self, kind: str, row: int, *, recorded: bool = False) -> File | None:
        """Return a result as it is, a photo or artwork of PICTURE_PX at most; None where there is none.

        recorded: a result whose file is not the one that the row recorded counts as none.
        """
        where = self._where(kind, row)
        if where is None:
            return None
        sha256 = self._table.value("output_sha256", row) if recorded and kind == "result" else None
        if kind == "result":
            look = partial(images.refuse_too_large, long_side_px=None, max_pixels=images.MAX_PIXELS)
            with contextlib.suppress(StylizeError, OSError):
                data = read_bytes(where, look)
                if not _is(data, sha256):
                    return None
                if type := _TYPES.get(kind_of(data[:HEAD_BYTES]) or ""):
                    return File(data, type)
        return self._scaled(where, PICTURE_PX, PICTURE_QUALITY, sha256)

    def _where(self, kind: str, row: int) -> Location | None:
        uri = self._table.value(f"{KINDS[kind]}_uri", row) if row < len(self._table) else None
        if not uri:
            return None
        home = self._homes[self._table.run_of[row]]
        with contextlib.suppress(StylizeError, OSError, ValueError):
            if kind != "result":
                return self._readable.input(home, uri)
            if self._table.value("status", row) == "ok":
                return self._readable.result(home, uri, self._table.value("measure_mode", row) == SCORED)
        return None

    def _version(self, where: Location, kind: str, row: int) -> str:
        if isinstance(where, ObjectUri):
            # A store is not asked: what the row was made of or into is known.
            return str(self._table.value(f"{KINDS[kind]}_sha256", row))
        with contextlib.suppress(OSError):
            status = where.path.stat()
            return f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"
        return ""

    def _scaled(self, where: Location, long_side_px: int, quality: int, sha256: str | None = None) -> File | None:
        look = partial(images.refuse_too_large, long_side_px=long_side_px, max_pixels=images.MAX_PIXELS)
        with self._turn, contextlib.suppress(StylizeError, OSError, ValueError):
            data = read_bytes(where, look)
            if not _is(data, sha256):
                return None
            side = min(max(images.header_size(data)), long_side_px)
            pixels = images.decode_safely(data, long_side_px=side, truncated="accept").pixels
            return File(images.encode(pixels, "jpg", quality), "image/jpeg")
        return None


def cache_folder() -> Path:
    """Return where thumbnails are kept."""
    return weights_cache.cache_folder("thumbnails")


def prune(cache: Path, most: int = MOST_THUMBS) -> None:
    """Remove the oldest thumbnails where there are too many."""
    with contextlib.suppress(OSError):
        files = [(entry.stat().st_mtime, entry.path) for entry in os.scandir(cache) if entry.name.endswith(".jpg")]
        for _, path in sorted(files)[: max(0, len(files) - most)]:
            Path(path).unlink(missing_ok=True)


def _is(data: bytes, sha256: str | None) -> bool:
    """Return whether a file has this hash; None is of any."""
    return sha256 is None or hashlib.sha256(data).hexdigest() == sha256


def _key(where: Location, version: str) -> str:
    return hashlib.sha256(f"{where}\n{version}\n{THUMB_PX}".encode(errors="surrogateescape")).hexdigest()[:40]
