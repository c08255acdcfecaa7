"""The pictures of a report: photo, artwork and results side by side. Looking is a metric, too."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from PIL import Image

from stylize import images
from stylize.errors import CannotContinueError, StylizeError
from stylize.io.files import read_bytes
from stylize.io.location import Location, ObjectUri, locate
from stylize.report import settings
from stylize.report.units import score, seconds, side
from stylize.results.pictures import picture_in

log = logging.getLogger(__name__)

LONG_SIDE_PX = 560
QUALITY = 78


@dataclass(frozen=True)
class Picture:
    """One picture as a data URI, with what stands under it."""

    title: str
    caption: str
    uri: str
    width_px: int
    height_px: int


@dataclass
class Sheet:
    """One photo in one artwork's style, by every method: lines of pictures under a heading each."""

    title: str
    inputs: list[Picture]
    lines: list[tuple[str, list[Picture]]] = field(default_factory=list)

    @property
    def rows(self) -> list[tuple[str, list[Picture]]]:
        """Return photo and artwork on a line of their own; beside the results where these are one line only."""
        if len(self.lines) == 1:
            ((heading, pictures),) = self.lines
            return [(heading, self.inputs + pictures)]
        return [("", self.inputs), *self.lines]


def sheets(rows: pd.DataFrame, most: int, trusted: bool = False) -> list[Sheet]:
    """Return contact sheets of at most `most` pictures; what was moved or deleted, or is untrained, is left out.

    Results are read from OUT/images alone, photos and artworks from OUT; if `trusted`, from wherever rows say that they
    are on this machine, or in a bucket of an OUT.

    One photo of each content type comes before a second of any, each with another artwork. There are none of a store
    that does not answer: asking for each of the others would take minutes.
    """
    try:
        return _sheets(rows, most, _Places(sorted(rows["home"].unique()), trusted))
    except CannotContinueError as error:
        log.warning("no pictures: %s", error)
        return []


class _Places:
    """Where pictures may be read from, whatever rows say."""

    def __init__(self, homes: list[str], trusted: bool) -> None:
        self._buckets = {one.bucket for one in map(locate, homes) if isinstance(one, ObjectUri)}
        self._trusted = trusted

    def of_input(self, home: str, uri: str) -> Location | None:
        """Return where a photo or artwork of OUT `home` may be read."""
        where = locate(uri)
        if isinstance(where, ObjectUri) and where.bucket not in self._buckets:
            return None
        return where if self._trusted or where.is_inside(locate(home)) else None

    def of_result(self, row: pd.Series) -> Location | None:
        """Return where a row's result is."""
        return picture_in(row["home"], row["output_uri"])


def _sheets(rows: pd.DataFrame, most: int, places: _Places) -> list[Sheet]:
    rows = rows[rows["weights_sha256"] != "random"]
    sheets: list[Sheet] = []
    left = most
    for content, style in _pairs(rows):
        part = rows[rows["ok"] & (rows["content_uri"] == content) & (rows["style_uri"] == style)]
        part = part.sort_values("clean", ascending=False, kind="stable")  # a time that counts, if there is one
        variants = part.drop_duplicates(["setup", "method", "precision", "resolution_px", "stylizer"])
        if left < 3 or (sheets and len(variants) + 2 > left):
            break
        shown = [
            ("photo", content),
            *(("artwork", uri) for uri in settings.artworks(style, part["style_uris"].iloc[0])),
        ]
        found = [_input(places, part["home"].iloc[0], uri, word) for word, uri in shown]
        inputs = [one for one in found if one is not None]
        left -= len(inputs)
        sheet = Sheet(f"{part['content'].iloc[0]} in the style of {part['style'].iloc[0]}", inputs)
        for (method, precision), some in variants.groupby(["method", "precision"], sort=True):
            pictures = [_result(places, row) for _, row in some.sort_values("resolution_px").head(left).iterrows()]
            if kept := [one for one in pictures if one is not None]:
                sheet.lines.append((f"{method} {precision}", kept))
                left -= len(kept)
        if sheet.lines:
            sheets.append(sheet)
    return sheets


def _pairs(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return pairs in the order they are worth showing: those made in most ways first, then the most unlike ones."""
    ok = rows[rows["ok"] & rows[["output_uri", "content_uri", "style_uri"]].notna().all(axis=1)]
    if ok.empty:
        return []
    keys = ["content_uri", "style_uri"]
    ways = (
        ok.assign(way=ok["method"] + ok["precision"] + ok["resolution_px"].astype(str)).groupby(keys)["way"].nunique()
    )
    pairs = ok.drop_duplicates(keys).merge(ways.rename("ways").reset_index(), on=keys).sort_values(keys)
    pairs = pairs[pairs["ways"] == pairs["ways"].max()].copy()
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
    ordered = pairs.sort_values(["turn", "rank", "kind", "content_uri"])
    return list(zip(ordered["content_uri"], ordered["style_uri"], strict=True))


def _input(places: _Places, home: str, uri: str, word: str) -> Picture | None:
    return _picture(lambda: places.of_input(home, uri), word, "")


def _result(places: _Places, row: pd.Series) -> Picture | None:
    time = "warm-up" if not row["clean"] else seconds(row["stylize_s"])
    caption = f"{time}, SSIM {score(row['ssim'])}"
    return _picture(lambda: places.of_result(row), side(row["resolution_px"]), caption)


def _picture(find: Callable[[], Location | None], title: str, caption: str) -> Picture | None:
    look = partial(images.refuse_too_large, long_side_px=None, max_pixels=images.MAX_PIXELS)
    try:
        where = find()
        if where is None:
            return None
        pixels = images.decode(read_bytes(where, look)).pixels
    except CannotContinueError:
        raise
    except (StylizeError, OSError):
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
    data = images.encode(np.asarray(picture), "jpg", QUALITY)
    text = base64.b64encode(data).decode()
    return Picture(title, caption, f"data:image/jpeg;base64,{text}", *picture.size)
