"""What a result says of what made it: method, settings, versions, task. No path and no time, so bytes stay the same."""

from __future__ import annotations

import functools
import json
from typing import Any

from stylize import __version__
from stylize.images import MadeBy
from stylize.measure.hardware import versions
from stylize.results.schema import Row

TASK_DIGITS = 16
"""Of a task's key, in the few words."""
_OF_ROW = ("task_id", "content_sha256", "style_sha256", "weights_sha256", "precision", "runtime")
_OF_SETTINGS = ("seed", "resolution_px", "style_resolution_px", "style_weights", "quality", "strip")
_PACKAGES = ("torch", "numpy", "pillow", "simplejpeg")


def row_made_by(row: Row) -> MadeBy:
    """Return what the result of a row says; a replay of the row says the same."""
    settings = json.loads(row["settings_json"])
    facts = {name: row.get(name) for name in _OF_ROW}
    if row.get("style_uris"):
        facts["style_sha256"] = row["style_sha256"].split(",")
    own = {name: settings[name] for name in _OF_SETTINGS if name in settings}
    return made_by(row["stylizer"], facts | {"settings": own | settings.get("stylizer_settings", {})})


def made_by(method: str, facts: dict[str, Any]) -> MadeBy:
    """Return what a result of `method` says; `facts` that are None are left out, a `task_id` also stands in front."""
    known = {name: value for name, value in facts.items() if value is not None}
    task = f", task {known['task_id'][:TASK_DIGITS]}" if "task_id" in known else ""
    details = {"method": method, **known, "versions": _versions()}
    return MadeBy(f"stylize {__version__} ({method}{task})", json.dumps(details, sort_keys=True, default=str))


@functools.cache
def _versions() -> dict[str, str | None]:
    installed = versions()
    return {"stylize": __version__} | {name: installed[name] for name in _PACKAGES}
