"""What large images take, from file to file: time, strips, and the peak of memory by the system's own count.

python -m tools.bench.large_images --methods compact --sizes 3000x2000,12000x8400 --max-memory none,2GiB

Each image is read, restyled, encoded, scored and written as a worker does it, in a process of its own in
a cgroup of its own (version 1 or 2, which needs the right to make one; elsewhere the process's resident memory counts).
The peak is that above what the process held once it had done a small photo. The cgroup may take no more than that and
the limit: what does more is ended by the system. `own` is the most of it that is no copy of files, which the system
takes back when it needs the room; it is looked at every 20 ms. `cpu_s` is the processor time of all threads: on a busy
machine the one that compares. With a limit of none images are taken whole. Below the table stand how memory grows with
the pixels, and the time over that of the whole-image way.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import ByteSize, TypeAdapter, ValidationError

from stylize import cli
from stylize.errors import UsageError
from stylize.gallery import styles_folder
from stylize.io.files import write_atomic
from stylize.measure.hardware import device_name
from stylize.report.page.markdown import table
from stylize.terminal import say
from tools.arguments import sides_px

CGROUPS = {
    Path("/sys/fs/cgroup/memory"): (
        "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.limit_in_bytes", "rss",
    ),
    Path("/sys/fs/cgroup"): ("memory.current", "memory.peak", "memory.max", "anon"),
}  # fmt: skip
HEADER = (
    "method", "size", "limit", "strips", "passes", "cpu_s", "wall_s", "peak_GiB", "own_GiB", "planned_GiB",
    "planned/own",
)  # fmt: skip
SMALL = "256x256"
WITHOUT_LIMIT = "1024GiB"


def main(argv: Sequence[str]) -> int:
    """Print a table; returns the exit status."""
    parser = cli.Parser(prog="python -m tools.bench.large_images", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--methods", default="compact", help="with commas for several (default compact)")
    parser.add_argument("--sizes", default="3000x2000,6000x4000,12000x8400", help="WIDTHxHEIGHT, several by commas")
    parser.add_argument("--max-memory", default="2GiB", help="with commas for several; none: whole")
    parser.add_argument("--whole-up-to", default="12000x8400", help="larger sizes are left out where the limit is none")
    parser.add_argument("--precision", default="auto", help="as of a job")
    parser.add_argument("--format", default="jpg", help="of the results (default jpg)")
    parser.add_argument("--weights", default=None, help="of methods but compact; none: untrained ones")
    parser.add_argument("--out", type=Path, help="file for the table as Markdown")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.one:
        return _one(json.loads(given.one))
    for size in (*given.sizes.split(","), given.whole_up_to):
        sides_px(size)
    for limit in given.max_memory.split(","):
        _bytes(limit)
    say(" ".join(HEADER))
    rows = []
    for row in _rows(given):
        rows.append(row)
        say(" ".join(_cells(row)))
    below = [*_exponents(rows), *_over_whole(rows)]
    for line in below:
        say(line)
    if given.out is not None:
        command = (
            f"`python -m tools.bench.large_images {' '.join(argv)}` on {device_name('cpu')}, {os.cpu_count()} cores"
        )
        text = [command, "", *table(HEADER, map(_cells, rows)), "", *(f"- {line}" for line in below), ""]
        write_atomic(given.out, "\n".join(text).encode())
    return cli.EXIT_OK


def _rows(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for size in given.sizes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            _photo(Path(folder) / "photos" / "1 small.jpg", SMALL)
            _photo(Path(folder) / "photos" / "2 large.jpg", size)
            _photo(Path(folder) / "artworks" / "artwork.jpg", SMALL)
            for method in given.methods.split(","):
                for limit in given.max_memory.split(","):
                    if limit == "none" and _pixels(size) > _pixels(given.whole_up_to):
                        continue
                    call = {
                        "content": f"{folder}/photos", "styles": f"{folder}/artworks", "out": f"{folder}/out",
                        "stylizer": method, "max_memory": WITHOUT_LIMIT if limit == "none" else limit,
                        "precision": given.precision, "format": given.format, "max_pixels": 2_000_000_000,
                        "weights": None if method == "compact" else given.weights or "random",
                    }  # fmt: skip
                    yield _measured(call, limit) | {
                        "method": method,
                        "size": size,
                        "limit": limit,
                        "pixels": _pixels(size),
                    }


def _pixels(size: str) -> int:
    return math.prod(sides_px(size))


def _bytes(limit: str) -> int | None:
    """Return a limit's bytes, None for none. Raises UsageError."""
    if limit == "none":
        return None
    try:
        return TypeAdapter(ByteSize).validate_python(limit)
    except ValidationError:
        raise UsageError(f"--max-memory {limit}: expected a size such as 2GiB, or none") from None


def _photo(path: Path, size: str) -> None:
    """Write a picture that ships, enlarged to a size, as JPEG."""
    path.parent.mkdir(exist_ok=True)
    with Image.open(min(styles_folder().rglob("*.jpg"))) as image:
        image.convert("RGB").resize(sides_px(size), Image.Resampling.BICUBIC).save(path, quality=90)


def _cells(row: dict[str, Any]) -> list[str]:
    own = [row["method"], row["size"], row["limit"], str(row["strips"]), str(row["passes"])]
    sizes = [f"{row[name] / 2**30:.3f}" for name in ("peak", "own", "planned")]
    return [*own, f"{row['cpu_s']:.1f}", f"{row['wall_s']:.1f}", *sizes, f"{row['planned'] / row['own']:.2f}"]


def _exponents(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield for each method and limit the slope of the peak over pixels, both as logarithms, by least squares."""
    for (method, limit), alike in groupby(sorted(rows, key=_series), key=_series):
        points = [(math.log(row["pixels"]), math.log(row["peak"])) for row in alike]
        if len({x for x, _ in points}) > 1:
            x, y = np.array(points).T
            power = float(np.polyfit(x, y, 1)[0])
            yield f"{method}, limit {limit}: the peak grows with the pixels to the power {power:.2f}"


def _series(row: dict[str, Any]) -> tuple[str, str]:
    return row["method"], row["limit"]


def _over_whole(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield for each image in strips its processor time over that of the largest whole one, scaled by pixels."""
    for row in rows:
        whole = [one for one in rows if one["method"] == row["method"] and one["strips"] == 1]
        if row["strips"] > 1 and whole:
            base = max(whole, key=lambda one: int(one["pixels"]))
            times = row["cpu_s"] / (base["cpu_s"] * row["pixels"] / base["pixels"])
            way = f"the whole-image way, as of {base['size']}"
            yield f"{row['method']} {row['size']}, limit {row['limit']}: {times:.2f} times the processor time of {way}"


def _measured(call: dict[str, Any], limit: str) -> dict[str, Any]:
    """Run one image in a process and a cgroup of its own; return what it says, with the peak above its start."""
    from jobs.scheduler.worker import WORKER_ENV

    group = _group()
    command = [sys.executable, "-m", "tools.bench.large_images", "--one", json.dumps(call)]

    def enter() -> None:
        if group is not None:
            (group[0] / "cgroup.procs").write_text(str(os.getpid()))

    # The child says when it has done the small photo, and waits to be let on: there its start is.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=enter, env=os.environ | WORKER_ENV
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        began = child.stdout.readline()
        watch = None if group is None else _Watch(*group, _bytes(limit))
        if began:  # else it has ended, and said why
            child.stdin.write("go\n")
            child.stdin.flush()
        lines = child.stdout.read().splitlines()
    found = {} if watch is None else watch.end()
    if child.returncode:
        raise UsageError(f"{limit} were not enough, or it failed (exit status {child.returncode})")
    row: dict[str, Any] = json.loads(lines[-1])
    return row | {"own": row["peak"]} | found


class _Watch:
    """Holds a cgroup to a limit above what it holds now, and looks at what it takes, until the end."""

    def __init__(self, folder: Path, usage: str, peak: str, most: str, own: str, limit: int | None) -> None:
        self._folder, self._peak, self._line = folder, peak, own
        self._start, self._own_start = int((folder / usage).read_text()), self._own()
        self._most_own = self._own_start
        (folder / peak).write_text("0")
        if limit is not None:
            (folder / most).write_text(str(self._start + limit))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> dict[str, int]:
        """Return the peaks above the start."""
        self._ended.set()
        self._thread.join()
        peak = int((self._folder / self._peak).read_text()) - self._start
        self._folder.rmdir()
        return {"peak": peak, "own": self._most_own - self._own_start}

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            self._most_own = max(self._most_own, self._own())

    def _own(self) -> int:
        lines = (self._folder / "memory.stat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{self._line} "))


def _group() -> tuple[Path, str, str, str, str] | None:
    for root, names in CGROUPS.items():
        group = root / f"large_images_{os.getpid()}_{time.monotonic_ns()}"
        try:
            group.mkdir()
            (group / names[1]).read_text()
        except OSError:
            continue
        return group, *names
    return None


def _one(call: dict[str, Any]) -> int:
    """Restyle one photo as a worker does, when told to; print what it took."""
    import torch

    import stylize
    from stylize import config as configs
    from stylize.images import header_size
    from stylize.measure.memory import PeakMemory, give_back
    from stylize.pipeline.room import ahead_bytes
    from stylize.pipeline.runner import Runner
    from stylize.stylizers.base import RANDOM
    from tools.bench.inputs import job_tasks

    config = configs.build(call)
    stylizer = stylize.load(
        config.stylizer, precision=config.precision, weights=config.weights, device="cpu", max_memory=config.max_memory
    )
    if stylizer.weights_sha256 == RANDOM:
        # So that results are scored: what that takes is no matter of the weights.
        stylizer.weights_sha256 = "untrained"
    runner = Runner(config, stylizer, run_id="run", worker_id="worker", token=None)
    small, large = job_tasks(config)
    runner.run([small])
    with torch.inference_mode():
        code = stylizer.code(None if stylizer.styles_are_weights else np.zeros((256, 256, 3), np.uint8))
        ahead = ahead_bytes(config.readers, config.max_memory)
        size = header_size(Path(large.pair.content.uri).read_bytes())
        _, planned = stylizer.forecast(*size, code, ahead_bytes=ahead, format=config.format)
    # What the heap keeps for later would be taken for the image's.
    give_back()
    peak = PeakMemory()
    say("ready")
    sys.stdout.flush()
    sys.stdin.readline()
    peak.start()
    begun, cpu = time.perf_counter(), time.process_time()
    (row,) = runner.run([large]).to_pylist()
    took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - begun}
    own = {"peak": peak.stop().image_host_bytes, "strips": row["strips"], "passes": row["passes"]}
    if row["status"] != "ok":
        raise UsageError(f"{row['status']}: {row['error']}")
    say(json.dumps(took | own | {"planned": planned}))
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
