"""Whether reports notice a busy neighbour: cells of times alone and beside a busy loop, in turns.

    python -m tools.bench.neighbours

Each cell is a few images of the bundled model, measured as isolated mode does it, and judged as reports judge it.
Beside the loop all cells should be flagged, without it none; where others use the machine meanwhile, some are theirs.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np

import stylize
from stylize import cli, config
from stylize.gallery import styles_folder, write_demo_photos
from stylize.pipeline.runner import Runner
from stylize.report import frame
from stylize.report.evidence.stability import Stability, stability
from stylize.tasks.task import Task
from tools.arguments import positive_int
from tools.bench.inputs import job_tasks

SIDE_PX = 256


def main(argv: Sequence[str]) -> int:
    """Measure and print; returns the exit status: 0 where all and none were flagged."""
    parser = cli.Parser(
        prog="python -m tools.bench.neighbours",
        description="Count the cells that are flagged beside a busy loop and alone.",
    )
    parser.add_argument("--cells", type=positive_int, default=20, metavar="N", help="cells of each kind (default 20)")
    parser.add_argument("--images", type=positive_int, default=8, metavar="N", help="images of a cell (default 8)")
    given = parser.parse_args(argv)
    flagged: dict[bool, list[bool]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        runner, tasks = _runner(Path(folder), given.images)
        _cell(runner, tasks)  # the first call of all is slow for reasons of its own
        for number in range(2 * given.cells):
            beside = bool(number % 2)
            with _busy_loop() if beside else nullcontext():
                found, wait = _cell(runner, tasks)
            flagged[beside].append("busy neighbours" in found.causes)
            print(
                f"{'beside a busy loop' if beside else 'alone':<20} waited {wait:6.1%} of a call  {found}", flush=True
            )
        runner.close()
    for beside, cells in flagged.items():
        print(f"{'beside a busy loop' if beside else 'alone'}: {sum(cells)} of {len(cells)} flagged")
    return cli.EXIT_OK if all(flagged[True]) and not any(flagged[False]) else cli.EXIT_NOT_ALL_OK


def _runner(folder: Path, images: int) -> tuple[Runner, list[Task]]:
    write_demo_photos(folder / "photos")
    settings = config.build({
        "content": str(folder / "photos"), "styles": str(styles_folder()), "out": str(folder / "out"),
        "resolution_px": SIDE_PX, "measure_mode": "isolated", "warmup_images": 0,
    })  # fmt: skip
    runner = Runner(settings, stylize.load(), run_id="neighbours", worker_id="worker", token=None)
    return runner, list(itertools.islice(job_tasks(settings), images))


def _cell(runner: Runner, tasks: list[Task]) -> tuple[Stability, float]:
    """Return a cell's judgement, and the median share of its calls that its threads waited."""
    rows = frame.derive(runner.run(tasks).to_pandas().assign(home="neighbours"))
    return stability(rows), float(np.median(rows["cpu_wait_s"] / rows["stylize_s"]))


@contextmanager
def _busy_loop() -> Iterator[None]:
    loop = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    assert loop.stdout is not None
    loop.stdout.readline()  # it runs
    try:
        yield
    finally:
        loop.kill()
        loop.wait()
        loop.stdout.close()


if __name__ == "__main__":
    cli.run(main)
