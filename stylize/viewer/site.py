"""Every file of the page by its path: what the server gives when it is asked, and what an export writes."""

from __future__ import annotations

import functools
import json
import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stylize.viewer.alike import COMPARED, alike
from stylize.viewer.media import File, Media
from stylize.viewer.table import CHUNK_ROWS, KINDS, Table

STATIC = Path(__file__).parent / "static"
PAGES = sorted(path.name for path in STATIC.iterdir() if path.suffix in (".html", ".css", ".js", ".svg"))
_ROW_FILE = re.compile(r"(rows|(thumb|picture|recorded)-(result|photo|artwork))/(\d{1,12})\.(js|jpg|jpeg|png|webp)")


class Site:
    """The page over a table. version: stands in the paths of all that depends on the rows.

    Data come as scripts, `viewer.receive(path, data)`, as a page that is opened from a disk may load nothing else.
    """

    def __init__(self, table: Table, media: Media, *, version: int, live: bool) -> None:
        self.table, self._media, self.live = table, media, live
        self.base = f"v{version}/"

    def get(self, path: str) -> File | None:
        """Return a file; None for one that is not there."""
        name = path or "index.html"
        if name in PAGES:
            return File((STATIC / name).read_bytes(), mimetypes.guess_type(name)[0] or "")
        if name == "index.js":
            return _script("index", self.index())
        if not path.startswith(self.base):
            return None
        path = path.removeprefix(self.base)
        if path.startswith("columns/") and path.endswith(".js"):
            name = path.removeprefix("columns/").removesuffix(".js")
            return _script(f"columns/{name}", self.table.column(name))
        if path.startswith("alike/"):
            by = path.removeprefix("alike/").removesuffix(".js")
            return _script(f"alike/{by}", alike(self.table, by) if by in COMPARED else None)
        parts = _ROW_FILE.fullmatch(path)
        if parts is None:
            return None
        number = int(parts[4])
        if parts[1] == "rows":
            return _script(f"rows/{number}", self.table.chunk(number))
        if parts[2] == "thumb":
            return self._media.thumb(parts[3], number)
        return self._media.picture(parts[3], number, recorded=parts[2] == "recorded")

    def index(self) -> dict[str, Any]:
        """Return what the page must know before all else."""
        return {
            "base": self.base, "rows": len(self.table), "columns": self.table.columns, "chunk": CHUNK_ROWS,
            "live": self.live, "inputs": self._inputs, "compared": COMPARED,
        }  # fmt: skip

    @functools.cached_property
    def _inputs(self) -> dict[str, bool]:
        """Return whether any photo, and any artwork, may be shown: of many rows that takes seconds to say."""
        return {kind: self._media.shows(kind) for kind in ("photo", "artwork")}

    def names(self) -> Iterator[str]:
        """Yield the path of every file that there may be; of photos and artworks those alone that the page asks for."""
        yield from (*PAGES, "index.js")
        yield from (f"{self.base}columns/{one['name']}.js" for one in self.table.columns)
        yield from (f"{self.base}rows/{number}.js" for number in range(-(-len(self.table) // CHUNK_ROWS)))
        suffixes = self.table.rows["picture"].to_pylist()
        for kind in KINDS:
            rows = range(len(self.table)) if kind == "result" else self.table.first_of(kind)
            for row in rows:
                suffix = suffixes[row] if kind == "result" else "jpg"
                if suffix is not None:
                    yield f"{self.base}thumb-{kind}/{row}.jpg"
                    yield f"{self.base}picture-{kind}/{row}.{suffix}"


def _script(path: str, data: Any) -> File | None:
    # ASCII alone, and no `<`: nothing in a name ends a script or a string.
    text = json.dumps(data).replace("<", "\\u003c")
    return None if data is None else File(f"viewer.receive({json.dumps(path)}, {text});\n".encode(), "text/javascript")
