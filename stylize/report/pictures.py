"""The pictures of a report: photo, artwork and results side by side. Looking is a metric, too."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from PIL import Image

from stylize import images
from stylize.errors import CannotContinueError, StylizeError
from stylize.io.files import read_bytes
from stylize.report import settings
from stylize.report.units import score, seconds, side

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


def sheets(rows: pd.DataFrame, most: int) -> list[Sheet]:
    """Return contact sheets of at most `most` pictures; what was moved or deleted, or is untrained, is left out.

    One photo of each content type comes before a second of any, each with another artwork. There are none of a store
    that does not answer: asking for each of the others would take minutes.
    """
    try:
        return _sheets(rows, most)
    except CannotContinueError as error:
        log.warning("no pictures: %s", error)
        return []


def _sheets(rows: pd.DataFrame, most: int) -> list[Sheet]:
    rows = rows[rows["weights_sha256"] != "random"]
    sheets: list[Sheet] = []
    left = most
    for content, style in _pairs(rows):
        part = rows[rows["ok"] & (rows["content_uri"] == content) & (rows["style_uri"] == style)]
        part = part.sort_values("clean", ascending=False, kind="stable")  # a time that counts, if there is one
        variants = part.drop_duplicates(["setup", "method", "precision", "resolution_px", "stylizer"])
        if left < 3 or (sheets and len(variants) + 2 > left):
            break
        artworks = settings.artworks(part["style_uri"].iloc[0], part["style_uris"].iloc[0])
        shown = [_input(content, "photo"), *(_input(one, "artwork") for one in artworks)]
        inputs = [one for one in shown if one is not None]
        left -= len(inputs)
        sheet = Sheet(f"{part['content'].iloc[0]} in the style of {part['style'].iloc[0]}", inputs)
        for (method, precision), some in variants.groupby(["method", "precision"], sort=True):
            pictures = [_result(row) for _, row in some.sort_values("resolution_px").head(left).iterrows()]
            if kept := [one for one in pictures if one is not None]:
                sheet.lines.append((f"{method} {precision}", kept))
                left -= len(kept)
        if sheet.lines:
            sheets.append(sheet)
    return sheets


def _pairs(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return pairs in the order they are worth showing: those made in most ways first, then the most unlike ones."""
    ok = rows[rows["ok"] & rows["output_uri"].notna()]
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


def _input(uri: str, word: str) -> Picture | None:
    return _picture(uri, word, "")


def _result(row: pd.Series) -> Picture | None:
    time = "warm-up" if not row["clean"] else seconds(row["stylize_s"])
    caption = f"{time}, SSIM {score(row['ssim'])}"
    return _picture(str(row["output_uri"]), side(row["resolution_px"]), caption)


def _picture(uri: str, title: str, caption: str) -> Picture | None:
    try:
        pixels = images.decode(read_bytes(uri)).pixels
    except CannotContinueError:
        raise
    except (StylizeError, OSError):
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
    data = images.encode(np.asarray(picture), "jpg", QUALITY)
    text = base64.b64encode(data).decode()
    return Picture(title, caption, f"data:image/jpeg;base64,{text}", *picture.size)
