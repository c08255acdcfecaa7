"""A runner in this process, and the tasks of two folders for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import stylize
from stylize import config as configs
from stylize.pipeline.runner import Runner
from stylize.tasks import pairing
from stylize.tasks.task import Task


def make(
    folders: tuple[Path, Path],
    out: Path,
    stylizer: Any = None,
    token: str | None = None,
    model_bytes: tuple[int | None, int | None] = (None, None),
    **settings: Any,
) -> tuple[Runner, list[Task]]:
    content, styles = folders
    values = {"content": str(content), "styles": str(styles), "out": str(out), "stylizer": "identity", "format": "png"}
    config = configs.build(values | settings)
    own = stylizer or stylize.load("identity")
    runner = Runner(config, own, run_id="r", worker_id="w", token=token, model_bytes=model_bytes)
    return runner, list(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))
