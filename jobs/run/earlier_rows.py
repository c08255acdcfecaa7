"""What is told of rows that are there and were made otherwise: by other code of a method, or an older version."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stylize.config import JobConfig
from stylize.errors import counted
from stylize.results.parts import facts, part_paths
from stylize.results.read import read_rows
from stylize.results.run_record import RunRecord, read_runs
from stylize.results.settings_json import read_settings

REDO = "--redo does all again"
OF_CODE = ["run_id", "variant"]
"""The columns that `changed_code_lines` needs."""
OF_WEIGHTS = ["settings_json", "weights_sha256"]
OF_THE_FILE = 9
"""The schema version from which on quality columns are of the result's file."""


def changed_code_in(folder: Path, own_code: dict[str, str], otherwise: str) -> list[str]:
    """Return what `changed_code_lines` gives, of an OUT that may be nowhere yet and is not to be written."""
    if not own_code or not (folder / "rows").is_dir():
        return []
    return changed_code_lines(read_runs(folder), read_rows(folder, OF_CODE).to_batches(), own_code, otherwise)


def changed_code_lines(
    runs: Iterable[RunRecord], rows: Iterable[pa.RecordBatch], own_code: dict[str, str], otherwise: str
) -> list[str]:
    """Return a line for each method of the user's own whose files were changed since rows of it were made.

    rows: OF_CODE of all rows. own_code: as runs record it, now. otherwise: how to make rows anew.
    """
    by_id = {run.run_id: run for run in runs if run.own_code}
    if not by_id or not own_code:
        return []
    made, changed = Counter[tuple[str | None, str | None]](), Counter[str]()
    for batch in rows:
        made.update(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    for (run_id, variant), number in made.items():
        run = by_id.get(run_id or "", RunRecord())
        name = run.settings_of(variant).get("stylizer")
        if name in own_code and own_code[name] != run.own_code.get(name, own_code[name]):
            changed[name] += number
    return [
        f"{name}: its code has changed since {counted(number, 'row')} of OUT, which {'stay' if number > 1 else 'stays'}"
        f" as made then; {otherwise}"
        for name, number in sorted(changed.items())
    ]


def older_rows_in(folder: Path) -> dict[str, int]:
    """Return how many rows of an OUT older programs wrote, by the schema version that they gave them."""
    counts: Counter[str] = Counter()
    for one in map(facts, part_paths(folder / "rows")):
        if one.older_version is not None:
            counts[one.older_version] += one.rows
    return dict(counts)


def made_otherwise(
    older: dict[str, int], rows: Callable[[], Iterable[pa.RecordBatch]], config: JobConfig, weights_sha256: str | None
) -> list[str]:
    """Return what is to be told of rows that older programs wrote, or that were made with other weights than now.

    older: as `older_rows_line`. rows: gives columns OF_WEIGHTS of all rows. weights_sha256: None where it is not known.
    """
    if older:
        return [older_rows_line(older, rows(), config, weights_sha256), *quality_lines(older)]
    return [] if weights_sha256 is None else other_weights_lines(rows(), config, weights_sha256)


def other_weights_lines(rows: Iterable[pa.RecordBatch], config: JobConfig, weights_sha256: str) -> list[str]:
    """Return a line if rows of these settings, with columns OF_WEIGHTS, were made with other weights than now."""
    made = Counter[str | None]()
    for batch in rows:
        others = pc.fill_null(pc.not_equal(batch.column("weights_sha256"), weights_sha256), False)
        made.update(batch.filter(others).column("settings_json").to_pylist())
    now = config.result_settings()
    number = sum(count for text, count in made.items() if result_settings(text) == now)
    if not number:
        return []
    stay = "they stay, and new ones come beside them" if number > 1 else "it stays, and a new one comes beside it"
    return [f"{counted(number, 'row')} of OUT had other weights than {config.stylizer} has now: {stay}"]


def quality_lines(older: dict[str, int], of: float = math.inf) -> list[str]:
    """Return a line if some of the rows that older programs wrote measure another picture than rows of today.

    of: how many rows there are in all, where they are held against each other: nothing is told of all.
    """
    number = sum(count for version, count in older.items() if version.isdecimal() and int(version) < OF_THE_FILE)
    if not 0 < number < of:
        return []
    return [
        f"quality columns of {counted(number, 'row')} of an older version are of the pixels before encoding, those of "
        "new rows of the file: by SSIM the older ones look some thousandths better"
    ]


def older_rows_line(
    older: dict[str, int], rows: Iterable[pa.RecordBatch], config: JobConfig, weights_sha256: str | None
) -> str:
    """Return what is to be told of rows that older programs wrote, and of those that are not what is asked for now.

    older: how many there are, by schema version. rows: `settings_json` and `weights_sha256` of all rows.
    """
    made: Counter[tuple[str | None, str | None]] = Counter()
    for batch in rows:
        made.update(zip(*(batch.column(name).to_pylist() for name in ("settings_json", "weights_sha256")), strict=True))
    now, others = config.result_settings(), Counter[str]()
    for (text, weights), number in made.items():
        then = result_settings(text)
        names = [f"{name} {then.get(name)}" for name in now if then.get(name) != now[name]]
        if weights_sha256 is not None and weights not in (weights_sha256, None):
            names.append("other weights")
        if names:
            others[", ".join(names)] += number
    versions = ", ".join(sorted(older))
    told = f"{counted(sum(older.values()), 'row')} of an older version (schema {versions}) stay, with the results"
    if not others:
        return told
    listed = "; ".join(f"{number} with {names}" for names, number in others.items())
    return f"{told}; rows that were made otherwise do not count as done, and new ones come beside them: {listed}"


def result_settings(settings_json: str | None) -> dict[str, Any]:
    """Return what `JobConfig.result_settings` gave for a row, from its `settings_json`."""
    settings = read_settings(settings_json)
    for told in ("stylizer_settings", "weights_files"):
        settings.pop(told, None)
    return settings
