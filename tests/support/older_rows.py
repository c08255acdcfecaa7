"""Rows as older programs wrote them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stylize.results.parts import part_paths
from stylize.results.schema import ADDED


def make_older(out: Path, version: int) -> None:
    """Write OUT's parts anew as the program of that schema version did, which had fewer columns."""
    later = [name for added, names in ADDED.items() if added > version for name in names]
    for path in part_paths(out / "rows"):
        older: pa.Table = pq.read_table(path).drop_columns(later)
        pq.write_table(older.replace_schema_metadata({"schema_version": str(version)}), path)
