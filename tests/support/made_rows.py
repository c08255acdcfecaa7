"""Rows whose answers are known: what reports conclude from them can be held to the truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from stylize.report import frame
from stylize.results.schema import SCHEMA, Row, to_batch
from stylize.results.store import RowStore

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EVIL = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">$x_'
"""A name that would do harm where it is taken for markup."""


def row(number: int, **changes: Any) -> Row:
    """An ok row of `compact` at 512x384 in 0.1 s and 100 MB."""
    made: Row = {
        "run_id": "r", "task_id": hashlib.sha256(str(number).encode()).hexdigest(), "attempt": 1,
        "content_uri": f"/photos/day/{number}.jpg", "style_uri": "/art/ink/wash.jpg", "content_type": "day",
        "style_type": "ink", "stylizer": "compact", "precision": "fp32", "resolution_px": 512, "width_px": 512,
        "height_px": 384, "status": "ok", "started_at": BEGIN + timedelta(seconds=number), "stylize_s": 0.1,
        "total_s": 0.15, "read_s": 0.001, "decode_s": 0.01, "score_s": 0.01, "encode_s": 0.005, "write_s": 0.002,
        "warmup": False, "measure_mode": "isolated", "image_host_bytes": 100_000_000, "model_host_bytes": 5_000_000,
        "ssim": 0.5, "settings_json": "{}", "device": "cpu", "device_name": "A processor", "threads": 2,
        "worker_id": "worker-1", "workers": 1,
    }  # fmt: skip
    return made | changes


def of_sweep(number: int, method: str, asked: str, px: int, workers: int = 1, each: str = "", **changes: Any) -> Row:
    """A row as a sweep makes it, 3:2, in 0.1 s and 200 MB a megapixel; `px` is its long side."""
    width, height = px, px * 2 // 3
    pixels = width * height / 1e6
    made = {
        "variant": f"{method} {asked} {px} px x{workers}{each}", "repeat": 1, "precision": asked,
        "resolution_px": px, "width_px": width, "height_px": height, "workers": workers, "stylize_s": 0.1 * pixels,
        "total_s": 0.1 * pixels + 0.02, "image_host_bytes": int(2e8 * pixels),
        "content_uri": f"/photos/day/{number % 7}.jpg",
    }  # fmt: skip
    return row(number, **(made | changes))


def rows(made: Iterable[Row]) -> pd.DataFrame:
    """As `frame.load` would give them, without a folder."""
    table: pd.DataFrame = to_batch(list(made)).to_pandas()
    assert list(table) == SCHEMA.names
    return frame.derive(table.assign(home="/out"))


@dataclass(frozen=True)
class GivenRows:
    """Rows as a store gives them."""

    made: list[Row]
    older_rows: dict[str, int] = field(default_factory=dict)

    def columns(self, names: list[str]) -> list[pa.RecordBatch]:
        return [to_batch(self.made).select(names)]


def written(out: Path, made: Iterable[Row], **record: Any) -> Path:
    """The folder of a run with these rows."""
    with RowStore.open(out) as store:
        store.add(to_batch(list(made)))
    (out / "run.json").write_text(json.dumps(record))
    return out
