"""What tells rows of one method apart: the settings that differ among them."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from stylize.results.settings_json import read_settings

COLUMNS = ["settings_json", "weights_sha256", "style_sha256"]
"""What `told_apart` needs of the rows."""
_NOT_TOLD = ("stylizer", "precision", "settings", "stylizer_settings", "weights_files")
"""Keys of `settings_json` that a method's name says already, or that are written out one by one."""
_SHOWN_DIGITS = 8


def told_apart(rows: pd.DataFrame, methods: pd.Series) -> pd.Series:
    """Return the methods' names, each with the settings and weights that differ among its rows: `compact (alpha=0.5)`.

    rows: with COLUMNS. methods: a name for each row.
    """
    texts = rows["settings_json"].fillna("{}")
    flat = _flattened(list(texts.unique()))
    # Where the artworks are the weights, as johnson's, other weights are no other setting.
    weights = rows["weights_sha256"].where(rows["weights_sha256"] != rows["style_sha256"])
    names = methods.copy()
    for method in methods.unique():
        mine = methods == method
        settings = {text: flat[text] for text in texts[mine].unique()}
        keys = _differing(list(settings.values()))
        labels = {text: [f"{key}={one.get(key)}" for key in keys] for text, one in settings.items()}
        told = texts[mine].map({text: ", ".join(label) for text, label in labels.items()})
        if weights[mine].nunique() > 1:
            which = "weights=" + weights[mine].fillna("?").str[:_SHOWN_DIGITS]
            told = which.where(told == "", told + ", " + which)
        names = names.mask(mine & (told.reindex(names.index, fill_value="") != ""), f"{method} (" + told + ")")
    return names


def _flattened(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Return all settings by name for each `settings_json`."""
    read = {text: read_settings(text) for text in texts}
    # The row of a task whose worker was lost says what was asked for alone; others of the same call say the rest.
    whole = {_asked(one): one["stylizer_settings"] for one in read.values() if "stylizer_settings" in one}
    return {
        text: {name: value for name, value in one.items() if name not in _NOT_TOLD}
        | whole.get(_asked(one), one.get("settings", {}))
        for text, one in read.items()
    }


def _asked(settings: dict[str, Any]) -> str:
    kept = {name: value for name, value in settings.items() if name not in ("stylizer_settings", "weights_files")}
    return json.dumps(kept, sort_keys=True)


def _differing(settings: list[dict[str, Any]]) -> list[str]:
    names = sorted(set().union(*settings))
    return [name for name in names if len({json.dumps(one.get(name), sort_keys=True) for one in settings}) > 1]
