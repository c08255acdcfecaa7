"""The main job: `python -m jobs.stylize_folder CONTENT STYLES OUT`, also under `ray job submit`; and a call for Python:

from jobs import stylize_folder
result = stylize_folder.run(content="photos", styles="artworks", out="out")
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jobs.progress import json_lines, log_format
from jobs.run import signals
from jobs.run.call import PATHS, parse, progress_asked
from stylize import cli
from stylize.config import JobConfig
from stylize.terminal import say
from stylize.validation import Checked, Origin, validated

if TYPE_CHECKING:
    from jobs.run.result import RunResult


class _Again(Checked):
    """What is done a second time. As a text, "no" would be taken for yes, and pictures be replaced."""

    retry_failed: bool
    redo: bool


def main(argv: Sequence[str]) -> int:
    """Run the job; returns the exit status: 0 all ok, 3 some rows are not."""
    with json_lines.apart(progress_asked(argv)):
        return _main(argv)


def _main(argv: Sequence[str]) -> int:
    call = parse(argv)
    # What does the work, and loads Ray and Arrow, comes after a call that is right.
    from jobs.run.closing import print_result
    from jobs.run.resolve import resolve
    from jobs.run.restyle import restyle

    progress = str(call.values.get("progress", JobConfig.model_fields["progress"].default))
    with json_lines.apart(progress):
        config = resolve(call.values, call.origins)
        if call.dry_run:
            from jobs.run.dry_run import dry_run  # brings pandas, which a run needs at its end alone

            dry_run(config, call.retry_failed, call.redo)
            return cli.EXIT_OK
        command = shlex.join(["python", "-m", "jobs.stylize_folder", *argv])
        result = restyle(config, command, call.retry_failed, say, call.redo)
        job = config.job
        print_result(result, inputs=[job.content, job.styles, job.manifest], takes_cut=job.truncated == "accept")
        status = cli.EXIT_OK if call.allow_failed else result.exit_status
        return json_lines.finished(progress, result.out, result.counts, status)


def run(
    content: str | os.PathLike[str] | None = None,
    styles: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    retry_failed: bool = False,
    redo: bool = False,
    progress: str = "off",
    **settings: Any,
) -> RunResult:
    """Restyle every photo of `content` with the artworks of `styles` into `out`, and return how that ended.

    As the command: the same call resumes, and `settings` are the keys of its --config by name, such as
    `stylizer="gatys"`, `resolution_px=512`, `manifest="pairs.csv"` and `settings={"alpha": 0.5}`. A Ray that this
    process has started is used and stays. Nothing is printed unless `progress` asks for it. Images that fail are rows,
    not errors: see `RunResult.counts`. Raises UsageError for a wrong call, CannotContinueError where the run cannot go
    on (both are StylizeErrors), and KeyboardInterrupt.
    """
    from jobs.run.resolve import resolve
    from jobs.run.restyle import restyle

    given = {"content": content, "styles": styles, "out": out} | settings
    values = {name: os.fspath(value) if isinstance(value, os.PathLike) else value for name, value in given.items()}
    values = {name: value for name, value in values.items() if value is not None or name not in PATHS}
    told = ", ".join(f"{name}={value!r}" for name, value in values.items())
    note: Callable[[str], None] = say if progress != "off" else lambda text: None
    with json_lines.apart(progress):
        again = validated(_Again, {"retry_failed": retry_failed, "redo": redo})
        config = resolve(values | {"progress": progress}, {name: Origin(name) for name in PATHS})
        result = restyle(config, f"jobs.stylize_folder.run({told})", again.retry_failed, note, again.redo)
        json_lines.finished(progress, result.out, result.counts, result.exit_status)
    return result


def entry() -> None:
    log_format.configure(log_format.DRIVER)
    signals.run(main)


if __name__ == "__main__":
    entry()
