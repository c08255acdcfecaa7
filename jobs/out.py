"""OUT, for every job that writes one: where it is, and what its run.json says."""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stylize.errors import UsageError
from stylize.results.read import write_json_atomic
from stylize.storage import local_path, one_line, writing


def absolute_out(uri: str) -> Path:
    """OUT as an absolute path. Raises UsageError for a relative one in a submitted job's copy."""
    out = local_path(uri)
    if not out.is_absolute() and _submitted():
        raise UsageError(
            f"OUT {one_line(uri)!r} is relative: a submitted job runs in a temporary copy of the working "
            "folder, and its results would be lost with it; give an absolute path"
        )
    return Path(os.path.abspath(out))  # noqa: PTH100 - symlinks stay


def _submitted() -> bool:
    # Where Ray unpacks a job's working folder.
    return "runtime_resources" in Path.cwd().parts


def new_run_id() -> str:
    """Sorts by time, and no two are the same."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def write_record(out: Path, record: dict[str, Any]) -> None:
    """run.json: this run, and the earlier ones of the same OUT below it, as their rows stay."""
    path = out / "run.json"
    earlier: list[Any] = []
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        earlier = old.pop("earlier_runs", [])
        if old.get("run_id") != record["run_id"]:
            earlier.append(old)
    except (OSError, ValueError, AttributeError):
        pass
    with writing(path):
        write_json_atomic(path, record | {"earlier_runs": earlier})
