"""Rows that are told apart by a number, and what pandas reads of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from stylize.results.schema import to_batch

START = datetime(2026, 1, 1, tzinfo=UTC)


def task_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def rows(numbers: Iterable[int], status: str = "ok", minute: int = 0, **more: Any) -> pa.RecordBatch:
    when = START + timedelta(minutes=minute)
    return to_batch([{"task_id": task_id(n), "status": status, "started_at": when, "seed": n, **more} for n in numbers])


def parts(out: Path) -> list[Path]:
    return sorted((out / "rows").glob("*.parquet"))


def seen(out: Path) -> dict[int, str]:
    """What pandas reads: seed to status. Fails on two rows of a task."""
    frame = pd.read_parquet(out / "rows")
    assert frame.task_id.is_unique
    return dict(zip(frame.seed, frame.status, strict=True))
