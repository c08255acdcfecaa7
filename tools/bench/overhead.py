"""What the tool itself costs: `python -m tools.bench.overhead` prints two numbers for docs/benchmarks.md.

1. The whole job's images/s over those of a bare loop of the same stylizer in memory, interleaved in one run.
2. SSIM's time on one core beside scikit-image's, and how far the two differ.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from jobs.run.resolve import resolve, scheduler_options
from jobs.scheduler.ray_runtime import local_or_cluster
from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.worker import MakeRunner, load_stylizer
from stylize import cli, images
from stylize.config import JobConfig
from stylize.results.store import RowStore
from tools.arguments import one_of
from tools.bench.fake_worker import lost, run_tasks
from tools.bench.inputs import job_tasks, write_inputs

WIDTH_PX, HEIGHT_PX = 768, 512
IMAGES = 64
REPEATS = 5
CORES = 2
PARTS = ("job", "ssim")


def main(argv: Sequence[str]) -> int:
    """Print the chosen numbers; returns 0."""
    parser = cli.Parser(
        prog="python -m tools.bench.overhead", description="What the tool itself costs on this machine."
    )
    parser.add_argument("parts", nargs="*", type=one_of("part", PARTS), help=f"of {', '.join(PARTS)}; none: all")
    parser.add_argument("--precision", default="fp32", help="of the job's stylizer (default fp32)")
    given = parser.parse_args(argv)
    chosen = given.parts or PARTS
    if "ssim" in chosen:
        show_ssim()
    if "job" in chosen:
        for workers, threads in ((1, CORES), (CORES, 1)):
            show_job(given.precision, workers, threads)
    return cli.EXIT_OK


def show_ssim() -> None:
    """Print SSIM's time beside that of scikit-image's."""
    from tools.bench.ssim_speed import ssim_speed

    ours_ms, theirs_ms, difference = ssim_speed()
    print(
        f"SSIM {WIDTH_PX}x{HEIGHT_PX} colour, one core: {ours_ms:.1f} ms; scikit-image {theirs_ms:.1f} ms; "
        f"largest difference {difference:.1e}",
        flush=True,
    )


def show_job(precision: str, workers: int, threads: int) -> None:
    """Print the whole job's pace against bare loops, taking turns so that drift falls on all alike."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        photos, style = write_inputs(root, IMAGES, WIDTH_PX, HEIGHT_PX)
        folders = {name: str(root / name) for name in ("content", "styles", "out")}
        resolved = resolve(folders | {"precision": precision, "actors": workers, "cpus_per_actor": threads})
        config = resolved.job
        bare = _Bare(config, photos, style, threads=workers * threads)
        job_s, bare_s = [], []
        with (
            local_or_cluster(config.address, config.cpus),
            Scheduler(MakeRunner(config, "overhead", None), lost, scheduler_options(config)) as scheduler,
            RowStore.open(root / "out") as store,
        ):
            _run_job(scheduler, store, config, "warm")
            bare.run()
            for turn in range(REPEATS):
                bare_s.append(bare.run())
                job_s.append(_run_job(scheduler, store, config, f"turn {turn}"))
    _show_job(config, job_s, bare_s)


def _show_job(config: JobConfig, job_s: list[float], bare_s: list[float]) -> None:
    job, bare = IMAGES / statistics.median(job_s), IMAGES / statistics.median(bare_s)
    ratios = sorted(b / j for j, b in zip(job_s, bare_s, strict=True))
    print(
        f"{IMAGES} images {WIDTH_PX}x{HEIGHT_PX}, {config.stylizer} {config.precision}, {REPEATS} turns each: "
        f"whole job, {config.actors} workers of {config.cpus:g} threads, {job:.2f} images/s; "
        f"bare loop, 1 process of as many threads, {bare:.2f} images/s; "
        f"job over bare {statistics.median(ratios):.2f} (median; {ratios[0]:.2f} to {ratios[-1]:.2f})",
        flush=True,
    )


class _Bare:
    """The loop anyone would write first: images in memory, style encoded, all cores for one process."""

    def __init__(self, config: JobConfig, photos: list[Path], style: Path, threads: int) -> None:
        import torch

        from stylize.stylizers.base import to_tensor

        torch.set_num_threads(threads)
        self.stylizer = load_stylizer(config)
        device = self.stylizer.device
        self.contents = [to_tensor(images.decode(path.read_bytes()).pixels, device) for path in photos]
        pixels = images.decode(style.read_bytes(), long_side_px=config.style_resolution_px).pixels
        with torch.inference_mode():
            self.code = self.stylizer.encode_style(to_tensor(pixels, device))

    def run(self) -> float:
        """Return seconds for all images."""
        import torch

        start = time.perf_counter()
        with torch.inference_mode():
            for content in self.contents:
                self.stylizer.stylize(content, self.code)
        return time.perf_counter() - start


def _run_job(scheduler: Scheduler, store: RowStore, config: JobConfig, label: str) -> float:
    """Return seconds for all images: reading to rows on disk."""
    start = time.perf_counter()
    run_tasks(scheduler, store, job_tasks(config, turn=label), IMAGES)
    return time.perf_counter() - start


if __name__ == "__main__":
    cli.run(main)
