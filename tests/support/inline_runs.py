"""A runner in this process, and the tasks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import stylize
from stylize import config as configs
from stylize.config import JobConfig
from stylize.pipeline.runner import Runner
from stylize.tasks import pairing
from stylize.tasks.listing import FileKind
from stylize.tasks.output_names import OutputNames
from stylize.tasks.task import Task


def make(
    folders: tuple[Path, Path], out: Path, stylizer: Any = None, kind: FileKind = "images", **settings: Any
) -> tuple[Runner, list[Task]]:
    """Those of two folders, with PNG files as results. stylizer: a loaded one; None: identity."""
    content, styles = folders
    own = stylizer or stylize.load("identity")
    given = {name: settings.pop(name) for name in ("token", "model_bytes") if name in settings}
    values = {"content": str(content), "styles": str(styles), "out": str(out), "stylizer": own.name, "format": "png"}
    return made(configs.build(values | settings), own, kind, **given)


def made(
    config: JobConfig, stylizer: Any, kind: FileKind = "images", names: OutputNames | None = None, **given: Any
) -> tuple[Runner, list[Task]]:
    """Those of a config. names: None for results with keys in their names; given: to the runner."""
    runner = Runner(config, stylizer, **({"run_id": "r", "worker_id": "w", "token": None} | given))
    pairs, name = pairing.pairs(config, kind), None if names is None else names.name
    return runner, list(pairing.tasks(pairs, config.result_settings(), None, config.format, name))
