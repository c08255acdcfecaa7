"""The rows of runs as the page asks for them: whole columns, or some rows with all of theirs."""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from stylize.errors import UsageError, harmless, one_line
from stylize.naming import name_below
from stylize.report.frame import VARIANT, method_names
from stylize.report.names import distinct, run_names
from stylize.results.older import NAMED_BY
from stylize.results.parts import DICTIONARY
from stylize.results.read import read_rows
from stylize.results.schema import SCHEMA

KINDS = {"result": "output", "photo": "content", "artwork": "style"}
"""Pictures of a row -> what the names of its columns begin with."""
CHUNK_ROWS = 200
LONGEST_TEXT = 2_000
"""Characters of a value that the page shows."""
NO_TEXT = 0xFFFFFFFF
_OWN = {"run": "the run that the row is of", "method": "the method, with the settings that differ among its rows",
        "picture": "kind of the result's file; null where there is none"}  # fmt: skip
_SUFFIXES = ("jpg", "jpeg", "png", "webp")
_METHOD_OF = ["variant", "stylizer", "backbone", "settings_json", "device_name", "weights_sha256"]


class Table:
    """All rows of some runs, numbered from 0, texts of few values as dictionaries, with columns of the viewer's own.

    homes: OUT of each run, in the order of `run_of`.
    """

    def __init__(self, runs: Mapping[Path, str]) -> None:
        """Read the rows. runs: the folder with a run's rows -> its OUT.

        Raises UsageError as `read_rows` does, and where there are none.
        """
        self.homes = list(runs.values())
        parts = [read_rows(folder) for folder in runs]
        self.run_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        rows = pa.concat_tables(parts).combine_chunks()
        if not len(rows):
            raise UsageError(
                f"no rows in {', '.join(map(one_line, self.homes))}: a run has some after its first images"
            )
        for name, uri in NAMED_BY.items():
            told = _told_apart(_named(rows[name], rows[uri]), rows[uri], rows[uri.replace("uri", "sha256")])
            rows = rows.set_column(rows.schema.get_field_index(name), name, told)
        for name, values in zip(rows.schema.names, rows.columns, strict=True):
            if pa.types.is_boolean(values.type):
                values = values.cast(pa.string())
            elif name in DICTIONARY:
                values = values.dictionary_encode()
            rows = rows.set_column(rows.schema.get_field_index(name), name, values)
        own = {
            "run": pa.DictionaryArray.from_arrays(self.run_of, run_names(list(runs))),
            "method": _methods(rows),
            "picture": _kinds(rows),
        }
        self.rows = pa.table(own | dict(zip(rows.schema.names, rows.columns, strict=True)))

    def __len__(self) -> int:
        return len(self.rows)

    @functools.cached_property
    def columns(self) -> list[dict[str, Any]]:
        """Return of each column that has any value its name, kind, unit, meaning, and whether values differ."""
        return [
            {"name": name, "kind": _kind(values.type), **_about(name), "varies": _varies(values)}
            for name, values in zip(self.rows.schema.names, self.rows.columns, strict=True)
            if name in _OWN or values.null_count < len(self)
        ]

    def column(self, name: str) -> dict[str, Any] | None:
        """Return a column's values as base64 of little-endian numbers; None for an unknown one.

        Of texts 32-bit places in `names`, NO_TEXT for null; else 64-bit floats, NaN for null, times as ms since 1970.
        """
        if name not in self.rows.schema.names:
            return None
        values = self.rows[name]
        if _kind(values.type) != "text":
            return {"data": _base64(_numbers(values).astype("<f8"))}
        texts = coded(values)
        codes = texts.indices.cast(pa.int64()).fill_null(NO_TEXT).to_numpy(zero_copy_only=False)
        return {"data": _base64(codes.astype("<u4")), "names": [_shown(one) for one in texts.dictionary.to_pylist()]}

    def chunk(self, number: int) -> list[dict[str, Any]] | None:
        """Return the rows from CHUNK_ROWS * number on with all their columns, nulls left out; None past the end."""
        start = number * CHUNK_ROWS
        if not 0 <= start < len(self):
            return None
        part = self.rows.slice(start, CHUNK_ROWS)
        rows: list[dict[str, Any]] = [{} for _ in range(len(part))]
        for name, values in zip(part.schema.names, part.columns, strict=True):
            is_text = _kind(values.type) == "text"
            for row, value in zip(rows, values.to_pylist() if is_text else _numbers(values).tolist(), strict=True):
                if value is not None and value == value:
                    row[name] = _shown(value) if is_text else value
        return rows

    def value(self, name: str, row: int) -> Any:
        """Return one value of a row, as Python has it."""
        return self.rows[name][row].as_py()

    def first_of(self, kind: str) -> list[int]:
        """Return the first row of each photo or artwork of each run: pictures of these are asked for by it."""
        uris = coded(self.rows[f"{KINDS[kind]}_uri"]).indices
        keys = self.run_of * (len(self) + 1) + uris.fill_null(len(self)).to_numpy(zero_copy_only=False)
        return sorted(np.unique(keys, return_index=True)[1].tolist())

    def find(self, run_ids: list[str], task_ids: list[str]) -> list[int | None]:
        """Return the rows of these runs' tasks, None for what is not here."""
        index, places = self._index
        found = index.get_indexer(pd.MultiIndex.from_arrays([run_ids, task_ids]))
        return [int(places[one]) if one >= 0 else None for one in found]

    @functools.cached_property
    def _index(self) -> tuple[pd.MultiIndex, np.ndarray]:
        index = pd.MultiIndex.from_arrays([self.rows["run_id"].to_pylist(), self.rows["task_id"].to_pylist()])
        first = ~index.duplicated()
        return index[first], np.flatnonzero(first)


def coded(values: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return values as numbers of the different ones among them."""
    whole = values.combine_chunks()
    return whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()


def _about(name: str) -> dict[str, str]:
    if name in _OWN:
        return {"unit": "", "meaning": _OWN[name]}
    metadata = SCHEMA.field(name).metadata
    return {"unit": metadata[b"unit"].decode(), "meaning": metadata[b"meaning"].decode()}


def _varies(values: pa.ChunkedArray) -> bool:
    if pa.types.is_dictionary(values.type):
        return len(values.chunk(0).dictionary) > 1
    low, high = pc.min_max(values).as_py().values()
    return bool(low != high)


def _kind(of: pa.DataType) -> str:
    if pa.types.is_timestamp(of):
        return "time"
    return "number" if pa.types.is_floating(of) or pa.types.is_integer(of) else "text"


def _numbers(values: pa.ChunkedArray) -> np.ndarray:
    """Return numbers as floats, NaN for null; times in milliseconds."""
    times = pa.types.is_timestamp(values.type)
    numbers: np.ndarray = (values.cast(pa.int64()) if times else values).to_pandas().to_numpy(float)
    return numbers / 1000 if times else numbers


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _shown(text: str) -> str:
    """Return a text as the page may show it: nothing in it turns other text around or is endless."""
    return harmless(text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "...")


def _named(names: pa.ChunkedArray, uris: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the names of photos or artworks; of rows without one, what their URI ends with."""
    if names.null_count == 0:
        return names
    coded = uris.combine_chunks().dictionary_encode()
    last = pa.array([name_below(uri, None) for uri in coded.dictionary.to_pylist()], pa.string())
    return pc.coalesce(names, last.take(coded.indices))


def _told_apart(names: pa.ChunkedArray, uris: pa.ChunkedArray, hashes: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the names; with more of their URIs where several files are called the same and are not."""
    alike = pa.table({"name": names.cast(pa.string()), "hash": hashes.cast(pa.string())}).filter(pc.is_valid(hashes))
    counts = alike.group_by("name").aggregate([("hash", "count_distinct")])
    several = counts.filter(pc.greater(counts["hash_count_distinct"], 1))["name"]
    where = pc.and_(pc.is_in(names.cast(pa.string()), value_set=several.combine_chunks()), pc.is_valid(uris))
    if not pc.any(where).as_py():
        return names
    called = distinct(uris.filter(where).cast(pa.string()).unique().to_pylist())
    told = [_with_folders(called.get(uri), name) for uri, name in zip(uris.to_pylist(), names.to_pylist(), strict=True)]
    longer = pa.chunked_array([pa.array(told, pa.string())])
    return pc.if_else(where, longer, names.cast(pa.string()))


def _with_folders(called: str | None, name: str) -> str | None:
    """Return the end of a URI that tells it apart, with all folders that its name has: another name may end so, too."""
    lacking = name.count("/") - called.count("/") if called else 0
    return "/".join([*name.split("/")[:lacking], called]) if called and lacking > 0 else called


def _kinds(rows: pa.Table) -> pa.DictionaryArray:
    """Return the suffix of each ok row's result, one that browsers show, else jpg."""
    suffix = pc.utf8_lower(pc.replace_substring_regex(rows["output_uri"], r"(?s).*\.", ""))
    known = pc.if_else(pc.is_in(suffix, pa.array(_SUFFIXES)), suffix, "jpg")
    there = pc.and_(pc.equal(rows["status"].cast(pa.string()), "ok"), pc.is_valid(rows["output_uri"]))
    return pc.if_else(there, known, pa.scalar(None, pa.string())).combine_chunks().dictionary_encode()


def _methods(rows: pa.Table) -> pa.DictionaryArray:
    """Return each row's method as reports call it: what rows say of it is looked at once for all that say the same."""
    said = rows.select(_METHOD_OF)
    # Where the artworks are the weights, as johnson's, other weights are no other setting.
    same = pc.equal(rows["weights_sha256"].cast(pa.string()), rows["style_sha256"].cast(pa.string())).fill_null(False)
    weights = pc.if_else(same, pa.scalar(None, pa.string()), rows["weights_sha256"].cast(pa.string()))
    said = said.set_column(len(_METHOD_OF) - 1, "weights_sha256", weights)
    frame = pd.DataFrame({name: said[name].to_pandas().astype(object) for name in _METHOD_OF})
    group = frame.groupby(_METHOD_OF, dropna=False, sort=False).ngroup().to_numpy()
    _, first = np.unique(group, return_index=True)
    different = frame.iloc[first].reset_index(drop=True)
    labels = different["variant"].astype("string").str.extract(VARIANT)["method"]
    names = method_names(different, labels)
    return pa.array(names.to_numpy(object), pa.string()).take(pa.array(group)).dictionary_encode()
