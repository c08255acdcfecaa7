"""A run's rows as a table a person takes in at a glance, for the terminal and for summary.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stylize.errors import counted, one_line
from stylize.report import idle, settings
from stylize.report.evidence.statistics import mean, quantile
from stylize.report.frame import STAGES, whole_seconds
from stylize.report.page import markdown as md
from stylize.report.units import DASH, measured, score, seconds, side
from stylize.results.read import read_rows
from stylize.results.schema import SCORED

_COLUMNS = list(dict.fromkeys([
    "status", "content_type", "style_type", "style_uri", "style_uris", "stylizer", "precision", "stylize_s", "total_s",
    "ssim", "host_peak_rss_bytes", "device_peak_allocated_bytes", "warmup", "width_px", "height_px", "measure_mode",
    "resolution_px", "opaque", "device_name", "threads", *STAGES, *idle.COLUMNS,
]))  # fmt: skip
MAX_ROWS = 15


@dataclass(frozen=True)
class Table:
    """A titled table of text cells."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def load(out: Path) -> pd.DataFrame:
    """Return the columns of OUT's rows that a summary needs, one row per task."""
    # Most runs have one set of settings, and the same long text in each of a million rows need not be in memory.
    several = settings.several(out)
    frame: pd.DataFrame = read_rows(out, _COLUMNS + settings.COLUMNS * several).to_pandas()
    return frame if several else frame.assign(**dict.fromkeys(settings.COLUMNS))


def tables(frame: pd.DataFrame) -> list[Table]:
    """Return tables by method, content type and style. Times leave warm-up rows out and count only `ok` rows.

    Methods are told apart by every setting that differs, and so are the lines of the other tables where there are
    several: what two settings make is never averaged together.
    """
    known = {name: measured(frame[name]) for name in (*STAGES, "total_s", "ssim")}
    memory = frame["device_peak_allocated_bytes"].fillna(frame["host_peak_rss_bytes"])
    frame = frame.assign(**known, memory_bytes=memory, style=settings.style_names(frame))
    frame["whole_s"] = whole_seconds(frame)
    frame["ok"] = frame["status"] == "ok"
    frame["clean"] = frame["ok"] & frame["warmup"].ne(True)
    method = (frame["stylizer"].fillna("?") + " " + _precisions(frame)).str.strip()
    frame = frame.assign(method=settings.told_apart(frame, method, but=("resolution_px",)) + _where(frame))
    also = ["method"] if frame["method"].nunique() > 1 else []
    listed = [
        _table("By method", ["method"], frame),
        _table("By content type", ["content_type", *also], frame),
        _table("By style", ["style", *also], frame),
    ]
    return [table for table in listed if table.rows]


def _precisions(frame: pd.DataFrame) -> pd.Series:
    """Return each row's precision; nothing for a picture that was made elsewhere."""
    return frame["precision"].fillna("?").where(frame["measure_mode"] != SCORED, "")


def _where(frame: pd.DataFrame) -> pd.Series:
    """Return at which size, how and on what each row was measured, where that differs among rows.

    Such times are never averaged together, nor read beside each other as if they were of like work.
    """
    told = pd.Series("", frame.index)
    made = frame["measure_mode"] != SCORED
    # On a card they are not what decides.
    threads = frame["threads"].where(frame["device"] == "cpu").map(_threads).astype(object)
    machine = frame["device_name"].where(frame["device_name"].isna(), frame["device_name"].astype(str) + threads)
    for values in (frame["resolution_px"].map(side).astype(object), frame["measure_mode"], machine):
        here = values.where(made)
        if here.nunique() > 1:
            told += (", " + here.fillna("?")).where(made, "")
    return told


def _threads(number: Any) -> str:
    return "" if pd.isna(number) else f", {counted(int(number), 'thread')}"


def _table(title: str, keys: list[str], frame: pd.DataFrame) -> Table:
    header = (
        *(key.replace("_", " ") for key in keys), "ok", "not ok",
        "stylize p50", "stylize p95", "whole p50", "SSIM mean", "peak memory",
    )  # fmt: skip
    keyed = [frame[key].fillna("(none)") for key in keys]
    groups = list(frame[["ok", "clean", "stylize_s", "whole_s", "ssim", "memory_bytes"]].groupby(keyed, sort=True))
    rows = [(*(one_line(name) for name in names), *_numbers(part)) for names, part in groups[:MAX_ROWS]]
    if len(groups) > MAX_ROWS:
        rows.append((f"... and {len(groups) - MAX_ROWS} more", *[""] * (len(header) - 1)))
    return Table(title, header, rows)


def _numbers(part: pd.DataFrame) -> tuple[str, ...]:
    ok, clean = part["ok"].to_numpy(bool), part["clean"].to_numpy(bool)
    stylize_s, whole_s = (part[name].to_numpy(float)[clean] for name in ("stylize_s", "whole_s"))
    return (
        str(ok.sum()),
        str((~ok).sum()),
        seconds(quantile(stylize_s)),
        seconds(quantile(stylize_s, 0.95)),
        seconds(quantile(whole_s)),
        score(mean(part["ssim"].to_numpy(float)[ok])),
        DASH if pd.isna(most := part["memory_bytes"][ok].max()) else f"{most / 1e6:.0f} MB",
    )


def failures(frame: pd.DataFrame) -> dict[str, int]:
    """Return how many rows there are of each status but `ok`."""
    counts = frame["status"].value_counts()
    return {str(status): int(n) for status, n in counts.items() if status != "ok"}


def remarks(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return sentences on what the rows show that nobody asked for, such as why there is no time."""
    return tuple(sentence for sentence in (_only_warm_up(frame), idle.told(frame), _opaque(frame)) if sentence)


def _only_warm_up(frame: pd.DataFrame) -> str | None:
    made = frame[(frame["status"] == "ok") & (frame["measure_mode"] != SCORED)]
    if made.empty or made["warmup"].ne(True).any():
        return None
    return "No time is shown, as each image is a worker's first, its warm-up; --warmup-images 0 counts those, too."


def _opaque(frame: pd.DataFrame) -> str | None:
    lost = int((frame["opaque"].eq(True) & (frame["status"] == "ok")).sum())
    if not lost:
        return None
    return f"Transparency is left out of {counted(lost, 'result')}, as JPEG has none: png and webp keep it."


def markdown(frame: pd.DataFrame, heading: str, listed: Sequence[Table]) -> str:
    """Return the summary as Markdown. listed: its tables. Names from files cannot break them."""
    lines = [f"# {md.escaped(heading)}", ""]
    ok = int((frame["status"] == "ok").sum())
    bad = failures(frame)
    named = f": {', '.join(f'{n} {md.escaped(status)}' for status, n in bad.items())}" if bad else ""
    lines += [f"{ok} ok, {len(frame) - ok} not ok{named}. All rows of the folder count, whichever run made them.", ""]
    mode = md.escaped(", ".join(sorted(frame["measure_mode"].dropna().unique())))
    lines += [
        f"Measured in {mode or 'no'} mode. `stylize` is the stylizer's call alone, `whole` from reading to writing "
        "with waits; warm-up images are left out of times. Peak memory is the worker process's, or on a card that of "
        "its tensors, weights included.",
        "",
    ]
    for remark in remarks(frame):
        lines += [remark, ""]
    for table in listed:
        lines += [f"## {table.title}", "", *md.table(table.header, table.rows), ""]
    return "\n".join(lines)
