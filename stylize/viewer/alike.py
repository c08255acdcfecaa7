"""Which results may be held against each other: those that are alike in all but what is compared."""

from __future__ import annotations

import base64
import json

import numpy as np
import pandas as pd
import pyarrow as pa

from stylize.report import settings
from stylize.viewer.table import Table, coded

COMPARED = ("method", "run", "precision", "variant", "alpha", "resolution_px")
"""Columns by which results may be held against each other."""
_INPUTS = ("content_uri", "style_uri", "style_uris", "style_weights")
_METHOD = ("stylizer", "backbone", "weights_sha256", "alpha")
_MAY_BE_UNKNOWN = ("precision", "runtime")
"""Of pictures that were made elsewhere, and of older rows: the page holds them equal where both are known."""
_IMPLIED = {
    "method": {*_METHOD, "settings"},
    "variant": {*_METHOD, "settings", *_MAY_BE_UNKNOWN},
}
"""What a column's values say beside themselves."""


def alike(table: Table, by: str) -> dict[str, object]:
    """Return for each row the number of those it may be held against, as base64 of 32 bits each, and other columns in
    which two of them must not differ where both have a value.
    """
    free = {by} | _IMPLIED.get(by, set())
    same = [name for name in (*_INPUTS, *_METHOD, "resolution_px") if name not in free]
    columns = {name: _codes(coded(table.rows[name])) for name in same}
    if "settings" not in free:
        columns["settings"] = _settings(coded(table.rows["settings_json"]), by)
    numbers = pd.DataFrame(columns).groupby(list(columns), sort=False).ngroup().to_numpy("<u4")
    return {
        "data": base64.b64encode(numbers.tobytes()).decode(),
        "same": [name for name in _MAY_BE_UNKNOWN if name not in free],
    }


def _settings(texts: pa.DictionaryArray, by: str) -> np.ndarray:
    known = texts.dictionary.to_pylist()
    flat = settings.flattened(known, settings.NOT_TOLD)
    but = {by, "resolution_px", *_MAY_BE_UNKNOWN}
    told = [json.dumps({k: v for k, v in flat[text].items() if k not in but}, sort_keys=True) for text in known]
    numbers: np.ndarray = np.append(pd.factorize(np.array(told, object))[0], -1)[_codes(texts)]
    return numbers


def _codes(values: pa.DictionaryArray) -> np.ndarray:
    codes: np.ndarray = values.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes
