"""What is told of rows that are there and were made otherwise: by other code of a method, or an older version."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow.compute as pc

from jobs.run.stored_rows import Rows
from stylize.config import JobConfig
from stylize.errors import counted
from stylize.results.run_record import RunRecord
from stylize.results.settings_json import read_settings

REDO = "--redo does all again"
OF_THE_FILE = 9
"""The schema version from which on quality columns are of the result's file."""


def changed_code_lines(runs: Iterable[RunRecord], rows: Rows, own_code: dict[str, str], otherwise: str) -> list[str]:
    """Return a line for each method of the user's own whose files were changed since rows of it were made.

    own_code: as runs record it, now. otherwise: how to make rows anew.
    """
    by_id = {run.run_id: run for run in runs if run.own_code}
    if not by_id or not own_code:
        return []
    made, changed = Counter[tuple[str | None, str | None]](), Counter[str]()
    for batch in rows.columns(["run_id", "variant"]):
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


def made_otherwise(rows: Rows, config: JobConfig, weights_sha256: str | None) -> list[str]:
    """Return what is to be told of rows that older programs wrote, or that were made with other weights than now.

    weights_sha256: None where it is not known.
    """
    if older := rows.older_rows:
        return [_older_rows_line(older, rows, config, weights_sha256), *quality_lines(older)]
    return [] if weights_sha256 is None else _other_weights_lines(rows, config, weights_sha256)


def _other_weights_lines(rows: Rows, config: JobConfig, weights_sha256: str) -> list[str]:
    """Return a line if rows of these settings were made with other weights than now."""
    made = Counter[str | None]()
    for batch in rows.columns(["settings_json", "weights_sha256"]):
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

    of: how many rows there are, where these are compared with each other: where all are as old, nothing is told.
    """
    number = sum(count for version, count in older.items() if version.isdecimal() and int(version) < OF_THE_FILE)
    if not 0 < number < of:
        return []
    return [
        f"quality columns of {counted(number, 'row')} of an older version are of the pixels before encoding, those of "
        "new rows of the file: by SSIM the older ones look some thousandths better"
    ]


def _older_rows_line(older: dict[str, int], rows: Rows, config: JobConfig, weights_sha256: str | None) -> str:
    """Return what is to be told of rows that older programs wrote, and of those that are not what is asked for now."""
    made: Counter[tuple[str | None, str | None]] = Counter()
    for batch in rows.columns(["settings_json", "weights_sha256"]):
        made.update(zip(*(column.to_pylist() for column in batch.columns), strict=True))
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
