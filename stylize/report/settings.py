"""What tells rows of one method apart: the settings that differ among them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from stylize.report.names import distinct
from stylize.results.parts import iter_part, open_parts
from stylize.results.settings_json import read_settings, read_uris

COLUMNS = ["settings_json", "weights_sha256", "style_sha256"]
"""What `told_apart` needs of the rows."""
NOT_TOLD = ("stylizer", "precision", "settings", "stylizer_settings", "weights_files")
"""Keys of `settings_json` that a method's name says already, or that are written out one by one."""
_SHOWN_DIGITS = 8
_TOLD = re.compile(r".* \(\w+=.*\)", re.DOTALL)
"""A name that tells settings already, as a sweep's label may."""


def several(*outs: Path) -> bool:
    """Return whether the rows of these runs have several settings or weights."""
    told: set[str | None] = set()
    weights: set[str | None] = set()
    for rows in (out / "rows" for out in outs if (out / "rows").is_dir()):
        with open_parts(rows) as parts:
            for batch in (batch for part in parts for batch in iter_part(part, COLUMNS[:2])):
                told.update(pc.unique(batch.column("settings_json")).to_pylist())
                weights.update(pc.unique(batch.column("weights_sha256")).to_pylist())
    return len(told) > 1 or len(weights) > 1


def told_apart(
    rows: pd.DataFrame, methods: pd.Series, but: Collection[str] = (), within: pd.Series | None = None
) -> pd.Series:
    """Return the methods' names, each with the settings and weights that differ among its rows: `compact (alpha=0.5)`.

    rows: with COLUMNS; without `style_sha256` no artworks are weights. methods: a name for each row. but: settings by
    which the rows are told apart elsewhere. within: what counts is what differs among rows that have the same of this.
    """
    texts = rows["settings_json"].fillna("{}")
    flat = flattened(list(texts.unique()), {*NOT_TOLD, *but})
    # Of what made a picture elsewhere no setting is known: that it lacks those of ours is no difference.
    elsewhere = {text for text in flat if "precision" not in read_settings(text)}
    weights = rows["weights_sha256"]
    if "style_sha256" in rows:
        # Where the artworks are the weights, as johnson's, other weights are no other setting.
        weights = weights.where(weights != rows["style_sha256"])
    names = methods.copy()
    for method in methods.unique():
        mine = methods == method
        settings = {text: flat[text] for text in texts[mine].unique()}
        parts = [texts[mine]] if within is None else [part for _, part in texts[mine].groupby(within[mine])]
        keys = set().union(*(_differing_in(part, flat, elsewhere) for part in parts))
        labels = {
            text: [f"{k}={one[k]}" for k in sorted(keys) if one.get(k) is not None] for text, one in settings.items()
        }
        told = texts[mine].map({text: ", ".join(label) for text, label in labels.items()})
        if any(weights[part.index].nunique() > 1 for part in parts):
            which = "weights=" + weights[mine].fillna("?").str[:_SHOWN_DIGITS]
            told = which.where(told == "", told + ", " + which)
        opened = f"{method[:-1]}, " if _TOLD.fullmatch(method) else f"{method} ("
        names = names.mask(mine & (told.reindex(names.index, fill_value="") != ""), opened + told + ")")
    return names


def differing(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the settings that differ within any pair of `settings_json`: its name to `0.5, not 1.0`, second first."""
    found: dict[str, str] = {}
    for pair in pairs:
        one, other = (flattened([text], NOT_TOLD)[text] for text in pair)
        for name in sorted(_differing([one, other]) - found.keys()):
            found[name] = f"{other.get(name)}, not {one.get(name)}"
    return found


def flattened(texts: list[str], without: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return all settings by name for each `settings_json`, those of the method among them. without: keys left out."""
    read = {text: read_settings(text) for text in texts}
    # The row of a task whose worker was lost says what was asked for alone; others of the same call say the rest.
    whole = {_asked(one): one["stylizer_settings"] for one in read.values() if "stylizer_settings" in one}
    return {
        text: {name: value for name, value in one.items() if name not in without}
        | (one.get("stylizer_settings") or whole.get(_asked(one), one.get("settings", {})))
        for text, one in read.items()
    }


def artworks(style_uri: Any, style_uris: Any) -> list[str]:
    """Return the artworks of a row: its one, or all that are mixed."""
    return (read_uris(style_uris) if isinstance(style_uris, str) else []) or [str(style_uri)]


def style_names(rows: pd.DataFrame) -> list[str]:
    """Return a name for each row's artwork, or its several, that tells it from all others. rows: with both columns."""
    shown = [artworks(*one) for one in zip(rows["style_uri"], rows["style_uris"], strict=True)]
    called = distinct(chain.from_iterable(shown))
    return [" + ".join(called[uri] for uri in uris) for uris in shown]


def _asked(settings: dict[str, Any]) -> str:
    kept = {name: value for name, value in settings.items() if name not in ("stylizer_settings", "weights_files")}
    return json.dumps(kept, sort_keys=True)


def _differing_in(texts: pd.Series, flat: dict[str, dict[str, Any]], elsewhere: Collection[str]) -> set[str]:
    """Return the settings that differ among rows: among those made here, and among those made elsewhere."""
    groups = [[flat[text] for text in texts.unique() if (text in elsewhere) is kind] for kind in (False, True)]
    return _differing(groups[0]) | _differing(groups[1])


def _differing(settings: list[dict[str, Any]]) -> set[str]:
    names = set().union(*settings)
    return {name for name in names if len({json.dumps(one.get(name), sort_keys=True) for one in settings}) > 1}
