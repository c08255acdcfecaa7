"""One table of a report: text cells, each with the value it sorts by; as Markdown and Parquet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stylize.report.page import markdown as md

Format = Callable[[Any], str]
Columns = dict[str, tuple[str, Format]]
"""Column of a data frame -> its heading and how its values are written."""


@dataclass(frozen=True)
class Cell:
    """One cell: its text, and the number or word it sorts by."""

    text: str
    sort: float | str


@dataclass(frozen=True)
class Table:
    """A titled table. `name` is its anchor and its `table` in tables.parquet."""

    name: str
    title: str
    note: str
    header: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: list[tuple[Cell, ...]]
    frame: pd.DataFrame


def make(name: str, title: str, note: str, frame: pd.DataFrame, columns: Columns) -> Table:
    """Make a table; columns that are empty, or say the same of every row and no more, are left out."""
    kept = {
        key: shape for key, shape in columns.items()
        if key in frame and _tells(key, frame[key])
    }  # fmt: skip
    rows = [
        tuple(
            Cell(form(value), _sort(value, form(value))) for value, (_, form) in zip(line, kept.values(), strict=True)
        )
        for line in frame[list(kept)].itertuples(index=False, name=None)
    ]
    numeric = tuple(pd.api.types.is_numeric_dtype(frame[key]) and frame[key].dtype != bool for key in kept)
    return Table(name, title, note, tuple(head for head, _ in kept.values()), numeric, rows, frame)


def _tells(key: str, values: pd.Series) -> bool:
    if key in ("setup", "workers", "scaling", "resolution_px"):
        return bool(values.nunique(dropna=False) > 1)
    if key == "not_ok":
        return bool((values > 0).any())
    if key == "best":  # of one method with nothing beside it none is
        return bool(values.eq(True).any())
    return bool(values.notna().any() and (values != "").any())


def _sort(value: Any, text: str) -> float | str:
    if isinstance(value, str):
        return text
    number = float(value) if not pd.isna(value) else math.nan
    return number if math.isfinite(number) else ""


def as_markdown(table: Table, most: int = 200) -> str:
    """Return a table, its title and note as Markdown; names from files cannot break it."""
    lines = [f"## {table.title}", ""]
    if table.note:
        lines += [table.note, ""]
    rows = [[cell.text for cell in row] for row in table.rows[:most]]
    if len(table.rows) > most:
        rows.append([f"... and {len(table.rows) - most} more", *[""] * (len(table.header) - 1)])
    return "\n".join([*lines, *md.table(table.header, rows), ""])


def as_parquet(tables: Iterable[Table]) -> pd.DataFrame:
    """Return all tables in one: their columns side by side, `table` saying which."""
    frames = [table.frame.assign(table=table.name).astype(object) for table in tables]
    whole = pd.concat(frames, ignore_index=True).infer_objects()
    whole.insert(0, "table", whole.pop("table"))
    return whole
