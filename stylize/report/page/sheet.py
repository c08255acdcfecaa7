"""A contact sheet: photos down, artworks across, results between. Looking is a metric, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stylize import images
from stylize.errors import ImageError
from stylize.io.files import read_bytes, write_atomic
from stylize.io.location import LocalPath, locate
from stylize.results.read import read_rows

CELL_PX = (240, 180)
GAP_PX = 6
MOST = 6
"""Photos, and artworks, of a sheet."""


def write_sheet(out: Path, path: Path) -> Path | None:
    """Draw the sheet of a run's folder as JPEG: one photo of each content type before a second of any.

    Only photos and artworks with an `ok` row are taken, and what lies beside OUT or in it. Returns the path, None if
    there is none.
    """
    columns = ["status", "content_uri", "style_uri", "style_uris", "content_type", "output_uri"]
    frame = read_rows(out, columns).to_pandas()
    # A mix of artworks has no column of its own.
    frame = frame[(frame["status"] == "ok") & frame["style_uris"].isna()]
    frame = frame.dropna(subset=["content_uri", "style_uri", "output_uri"])
    near = LocalPath(out.absolute().parent)
    for name in ("content_uri", "style_uri", "output_uri"):
        inside = {uri for uri in frame[name].unique() if locate(uri).is_inside(near)}
        frame = frame[frame[name].isin(inside)]
    if frame.empty:
        return None
    contents = _spread(frame)
    styles = list(dict.fromkeys(sorted(frame["style_uri"])))
    step = max(1, len(styles) // MOST)
    styles = styles[::step][:MOST]
    made = {(row.content_uri, row.style_uri): row.output_uri for row in frame.itertuples()}
    size = (_offset(0, len(styles) + 1), _offset(1, len(contents) + 1))
    sheet = Image.new("RGB", size, "white")
    for column, style in enumerate(styles, start=1):
        _paste(sheet, style, column, 0)
    for line, content in enumerate(contents, start=1):
        _paste(sheet, content, 0, line)
        for column, style in enumerate(styles, start=1):
            if (uri := made.get((content, style))) is not None:
                _paste(sheet, uri, column, line)
    write_atomic(path, images.encode(np.asarray(sheet), "jpg", 80))
    return path


def _spread(frame: pd.DataFrame) -> list[str]:
    first = frame.drop_duplicates("content_uri").sort_values("content_uri")
    rank = first.groupby(first["content_type"].fillna("")).cumcount()
    return [str(uri) for uri in first.assign(rank=rank).sort_values(["rank", "content_uri"])["content_uri"][:MOST]]


def _offset(axis: int, index: int) -> int:
    return GAP_PX + index * (CELL_PX[axis] + GAP_PX)


def _paste(sheet: Image.Image, uri: str, column: int, line: int) -> None:
    try:
        # As far as it goes, as a run with --truncated accept has restyled it.
        pixels = images.decode(read_bytes(uri), long_side_px=2 * CELL_PX[0], truncated="accept").pixels
    except ImageError:
        return  # moved or deleted since: its cell stays empty
    cell = Image.fromarray(pixels)
    cell.thumbnail(CELL_PX, Image.Resampling.LANCZOS)  # ImageOps.pad leaves no row of what is hundreds of times as wide
    left, top = ((room - side) // 2 for room, side in zip(CELL_PX, cell.size, strict=True))
    sheet.paste(cell, (_offset(0, column) + left, _offset(1, line) + top))
