"""What large images take, from file to file: time, strips, and the peak of memory by the system's own count.

python -m tools.bench.large_images --methods compact --sizes 3000x2000,12000x8400 --max-memory 2GiB [--weights FOLDER]

Each image is a process of its own in a cgroup of its own (version 1 or 2, which needs the right to make one; elsewhere
the process's own resident memory counts). The peak is that above what the process held once its method was loaded.
`cpu_s` is the processor time of all threads: on a busy machine the one that compares.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylize import cli
from stylize.errors import UsageError
from stylize.gallery import styles_folder
from stylize.terminal import say

CGROUPS = {
    Path("/sys/fs/cgroup/memory"): ("memory.usage_in_bytes", "memory.max_usage_in_bytes"),
    Path("/sys/fs/cgroup"): ("memory.current", "memory.peak"),
}


def main(argv: Sequence[str]) -> int:
    """Print a table; returns the exit status."""
    parser = cli.Parser(prog="python -m tools.bench.large_images", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--methods", default="compact")
    parser.add_argument("--sizes", default="3000x2000,6000x4000,12000x8400")
    parser.add_argument("--max-memory", default="2GiB", help="with commas for several")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--weights", default=None, help="of methods but compact; none: untrained ones")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.one:
        return _one(json.loads(given.one))
    say("method size max_memory | strips passes cpu_s wall_s | peak_GiB planned_GiB")
    with tempfile.TemporaryDirectory() as folder:
        for size in given.sizes.split(","):
            photo = _photo(Path(folder) / f"{size}.jpg", size)
            for method in given.methods.split(","):
                for limit in given.max_memory.split(","):
                    weights = None if method == "compact" else given.weights or "random"
                    call = {"photo": str(photo), "method": method, "max_memory": limit, "weights": weights}
                    row = _measured(call | {"precision": given.precision, "out": f"{folder}/result.jpg"})
                    say(
                        f"{method} {size} {limit} | {row['strips']} {row['passes']} {row['cpu_s']:.1f} "
                        f"{row['wall_s']:.1f} | {row['peak'] / 2**30:.2f} {row['planned'] / 2**30:.2f}"
                    )
    return cli.EXIT_OK


def _photo(path: Path, size: str) -> Path:
    """Write a picture that ships, enlarged to a size, as JPEG."""
    try:
        width, height = map(int, size.split("x"))
    except ValueError:
        raise UsageError(f"--sizes {size}: expected WIDTHxHEIGHT") from None
    with Image.open(min(styles_folder().rglob("*.jpg"))) as image:
        image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC).save(path, quality=90)
    return path


def _measured(call: dict[str, Any]) -> dict[str, Any]:
    """Run one image in a process and a cgroup of its own; return what it says, with the peak above its start."""
    group = _group()
    command = [sys.executable, "-m", "tools.bench.large_images", "--one", json.dumps(call)]

    def enter() -> None:
        if group is not None:
            (group[0] / "cgroup.procs").write_text(str(os.getpid()))

    # The child says when its method is loaded, and waits to be let on: there its start is.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=enter) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        start = 0
        if group is not None:
            start = int((group[0] / group[1]).read_text())
            (group[0] / group[2]).write_text("0")
        child.stdin.write("go\n")
        child.stdin.flush()
        lines = child.stdout.read().splitlines()
    if child.returncode:
        raise SystemExit(child.returncode)
    row: dict[str, Any] = json.loads(lines[-1])
    if group is not None:
        row["peak"] = int((group[0] / group[2]).read_text()) - start
        group[0].rmdir()
    return row


def _group() -> tuple[Path, str, str] | None:
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
    """Restyle one image from file to file, when told to; print what it took."""
    import torch

    import stylize
    from stylize import images
    from stylize.measure.memory import PeakMemory

    stylizer = stylize.load(
        call["method"], precision=call["precision"], weights=call["weights"], device="cpu",
        max_memory=call["max_memory"],
    )  # fmt: skip
    artwork = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    with torch.inference_mode():
        code = stylizer.code(None if stylizer.styles_are_weights else artwork)
        stylizer.stylize(torch.rand(3, 256, 256), code)
    peak = PeakMemory()
    say("ready")
    sys.stdout.flush()
    sys.stdin.readline()
    peak.start()
    begun, cpu = time.perf_counter(), time.process_time()
    photo = images.decode(Path(call["photo"]).read_bytes(), max_pixels=2**31).pixels
    height, width = photo.shape[:2]
    with torch.inference_mode():
        plan = stylizer.plan_within(width, height, code)
        result = stylizer.restyle(photo, code, plan)
    assert result is not None
    Path(call["out"]).write_bytes(images.encode(result.numpy(), "jpg", 95))
    took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - begun}
    own = {"peak": peak.stop().image_host_bytes, "planned": plan.bytes + 6 * photo.shape[0] * photo.shape[1]}
    say(json.dumps(took | own | {"strips": plan.strips, "passes": plan.passes}))
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
