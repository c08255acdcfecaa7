"""The pictures of a report: one row for each photo and artwork, methods beside each other. Looking is a metric, too."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from PIL import Image

from stylize import images
from stylize.errors import CannotContinueError, CorruptImageError
from stylize.io.files import read_bytes
from stylize.io.location import Location
from stylize.report import settings
from stylize.report.analysis import is_floor, main_resolution
from stylize.report.page.places import ChangedError, Places
from stylize.report.units import score, seconds, side
from stylize.results.schema import SCORED
from stylize.stylizers import RANDOM

log = logging.getLogger(__name__)

LONG_SIDE_PX = 384
"""Of a picture on the page; the file beside it has its full size."""
MOST_PX = 32_768
"""Of a side of a photo that is shown, whatever a row says."""
QUALITY, FULL_QUALITY = 78, 90
HASHES = ("content_sha256", "style_sha256", "output_sha256")
"""Columns that rows need beside those of reports, so that a file that was changed since is noticed."""


@dataclass(frozen=True)
class Picture:
    """One picture: small as a data URI, at full size as a file of the report, and what stands under it."""

    title: str
    caption: str
    uri: str
    width_px: int
    height_px: int
    file: str = ""
    """Its name below pictures/."""
    full: Callable[[], bytes] | None = None
    """Reads it again: all of them at once would be gigabytes."""
    full_px: tuple[int, int] = (0, 0)
    side: str = ""
    """The size it was made at; empty for photos and artworks."""


@dataclass(frozen=True)
class Line:
    """One photo in one artwork's style: a cell for photo, artwork and each method, each with a picture per size."""

    title: str
    cells: list[list[Picture]]


@dataclass(frozen=True)
class Grid:
    """Lines of pictures below the same headings, and what was left out in words."""

    heads: list[str]
    lines: list[Line]
    left_out: str

    @property
    def pictures(self) -> list[Picture]:
        """Return all, line by line."""
        return [picture for line in self.lines for cell in line.cells for picture in cell]


NOTHING = Grid([], [], "")


def grid(rows: pd.DataFrame, most: int, trusted: bool = False, stores: Sequence[str] = ()) -> Grid:
    """Return at most `most` pictures; what was moved, deleted or changed, or is untrained, is left out.

    Results are read from OUT/images alone, photos and artworks from OUT; if `trusted`, from wherever rows say that they
    are on this machine, or in a bucket of an OUT or of `stores`.

    One photo of each content type comes before a second of any, each with another artwork. There are none of a store
    that does not answer: asking for each of the others would take minutes.
    """
    try:
        return _grid(rows, most, Places(sorted(rows["home"].unique()), trusted, stores))
    except CannotContinueError as error:
        log.warning("no pictures: %s", error)
        return NOTHING


def _grid(rows: pd.DataFrame, most: int, places: Places) -> Grid:
    untrained = sorted(rows.loc[rows["weights_sha256"] == RANDOM, "method"].unique())
    main = main_resolution(rows)
    made = rows["ok"] & (rows["weights_sha256"] != RANDOM)
    others = made & ~is_floor(rows)
    idle = sorted(rows.loc[made & ~others, "method"].unique()) if others.any() else []
    rows = rows[others if idle else made]
    rows = rows.assign(name=rows["method"] + " " + rows["precision"])
    pairs = _pairs(rows, main)
    heads = sorted(rows["name"].unique())
    rows = rows[rows["output_uri"].notna()]
    lines: list[Line] = []
    left, tried = most, 0
    for content, style in pairs:
        part = rows[(rows["content_uri"] == content) & (rows["style_uri"] == style)]
        part = part.sort_values("clean", ascending=False, kind="stable")  # a time that counts, if there is one
        part = part.drop_duplicates(["name", "resolution_px", "setup"]).sort_values("resolution_px", kind="stable")
        if left < 3 or (lines and len(part) + 2 > left):
            break
        tried += 1
        line = _line(places, part, heads, left)
        if any(line.cells[2:]):
            lines.append(line)
            left -= sum(map(len, line.cells))
    if not tried:
        return NOTHING
    kept = [number for number in range(len(heads) + 2) if any(line.cells[number] for line in lines)]
    lines = [Line(line.title, [line.cells[number] for number in kept]) for line in lines]
    missing = [name for number, name in enumerate(heads, 2) if number not in kept and lines]
    told = [
        f"{len(lines)} of {len(pairs)} pairs of photo and artwork are shown" if len(lines) < len(pairs) else "",
        *places.lost(),
        f"not made of these pairs, or not there: {', '.join(missing)}" if missing else "",
        f"{', '.join(idle)} {'is' if len(idle) == 1 else 'are'} the photo itself" if idle else "",
        f"untrained, so nothing to look at: {', '.join(untrained)}" if untrained else "",
    ]
    return Grid([["photo", "artwork", *heads][number] for number in kept], lines, "; ".join(filter(None, told)))


def _line(places: Places, part: pd.DataFrame, heads: list[str], most: int) -> Line:
    """Return one line. part: its rows, one for each method and size."""
    first = part.iloc[0]
    sides = part[["width_px", "height_px"]].max().fillna(LONG_SIDE_PX).clip(1, MOST_PX)
    largest = int(sides.max())
    artworks = settings.artworks(first["style_uri"], first["style_uris"])
    shown = [("photo", [first["content_uri"]], "content_sha256"), ("artwork", artworks, "style_sha256")]
    cells = [
        [
            one
            for uri, hashes in zip(uris, _hashes(part, column, len(uris)), strict=True)
            if (one := _input(places, first["home"], uri, word, largest, hashes)) is not None
        ]
        for word, uris, column in shown
    ]
    left = most - sum(map(len, cells))
    several = part["setup"].nunique() > 1
    for name in heads:
        mine = part[part["name"] == name].head(max(0, left))
        found = [_result(places, row, several) for _, row in mine.iterrows()]
        cells.append([one for one in found if one is not None])
        left -= len(cells[-1])
    return Line(f"{first['content']} in the style of {first['style']}", cells)


def _pairs(rows: pd.DataFrame, main: float | None) -> list[tuple[str, str]]:
    """Return pairs of rows, all ok, in the order they are worth showing: first those that together show every method.

    Among them and among the others, those made by most methods at `main`, the size that the page opens at, come first,
    then those made in most ways at all, then the most unlike ones.
    """
    keys = ["content_uri", "style_uri"]
    there = rows[["output_uri", *keys]].notna().all(axis=1)
    ok = rows.loc[there, [*keys, "name", "resolution_px", "content_type"]]
    if ok.empty:
        return []
    opened = ok["resolution_px"].isna() if main is None else ok["resolution_px"] == main
    ways = ok.assign(
        ways=ok["name"] + " " + ok["resolution_px"].astype(str), opened=ok["name"].where(opened), names=ok["name"]
    ).groupby(keys)
    ways = ways.agg({"ways": "nunique", "opened": "nunique", "names": frozenset})
    pairs = ok.drop_duplicates(keys).merge(ways.reset_index(), on=keys).sort_values(keys)
    kinds = pairs["content_type"].astype(object).fillna("").astype(str)
    styles = {uri: number for number, uri in enumerate(sorted(pairs["style_uri"].unique()))}
    photos = {uri: number for number, uri in enumerate(pairs["content_uri"].unique())}
    # Photo k goes first with artwork k, so that neither repeats before it must.
    turn = [
        (styles[style] - photos[photo]) % len(styles)
        for photo, style in zip(pairs["content_uri"], pairs["style_uri"], strict=True)
    ]
    pairs = pairs.assign(turn=turn, kind=kinds)
    pairs["rank"] = pairs.groupby(["turn", "kind"]).cumcount()
    order = {"opened": False, "ways": False, "turn": True, "rank": True, "kind": True, "content_uri": True}
    ordered = pairs.sort_values(list(order), ascending=list(order.values()))
    seen: frozenset[str] = frozenset()
    shown: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for content, style, names in zip(ordered["content_uri"], ordered["style_uri"], ordered["names"], strict=True):
        (others if names <= seen else shown).append((content, style))
        seen |= names
    return shown + others


def _hashes(part: pd.DataFrame, column: str, count: int) -> list[set[str]]:
    """Return what the files that a column tells of may be: for each of `count` a set, empty for any."""
    told = [str(one).split(",") for one in part[column].dropna()] if column in part else []
    return [{one[number] for one in told if len(one) == count} for number in range(count)]


def _input(places: Places, home: str, uri: str, word: str, largest: int, hashes: Collection[str]) -> Picture | None:
    with places.counting(f"the {word}s", f"{home} {uri}"):
        where = places.input(home, uri)
        return None if where is None else _picture(where, hashes, largest, word, "", "")
    return None


def _result(places: Places, row: pd.Series, several: bool) -> Picture | None:
    time = "warm-up" if not row["clean"] else seconds(row["stylize_s"])
    on = f", {row['setup']}" if several else ""
    caption = f"{time}, SSIM {score(row['ssim'])}{on}"
    at = side(row["resolution_px"])
    with places.counting(f"{row['name']} at {at}", f"{row['home']} {row['output_uri']}"):
        is_scored = row["measure_mode"] == SCORED
        where = places.result(row["home"], row["output_uri"], is_scored)
        if where is None and not is_scored:
            raise CorruptImageError("it is not in OUT")
        told = row.get("output_sha256")
        hashes = {told} if isinstance(told, str) else set()
        return None if where is None else _picture(where, hashes, None, row["name"], caption, at)
    return None


def _picture(
    where: Location, hashes: Collection[str], long_side_px: int | None, title: str, caption: str, size: str
) -> Picture:
    pixels = _pixels(where, long_side_px, hashes)
    height, width = pixels.shape[:2]
    picture = Image.fromarray(pixels)
    picture.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
    text = base64.b64encode(images.encode(np.asarray(picture), "jpg", QUALITY)).decode()
    file = f"{hashlib.sha256(f'{where} {width}x{height}'.encode()).hexdigest()[:16]}.jpg"
    return Picture(
        title, caption, f"data:image/jpeg;base64,{text}", *picture.size, file,
        # Encoded anew: what a photo's file says beside its colours, such as where it was taken, is not published.
        lambda: images.encode(_pixels(where, long_side_px), "jpg", FULL_QUALITY), (width, height), size,
    )  # fmt: skip


def _pixels(where: Location, long_side_px: int | None, hashes: Collection[str] = ()) -> images.Pixels:
    """Read a picture. Raises ChangedError where there are hashes, and its file's is none of them."""
    look = partial(images.refuse_too_large, long_side_px=None, max_pixels=images.MAX_PIXELS)
    data = read_bytes(where, look)
    if hashes and hashlib.sha256(data).hexdigest() not in hashes:
        raise ChangedError
    # As far as it goes, as a run with --truncated accept has restyled it.
    return images.decode(data, long_side_px=long_side_px, truncated="accept").pixels
