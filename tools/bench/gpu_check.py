"""What the first half hour on a GPU must settle, one JSON line per measurement; needs no Ray:

    python -m tools.bench.gpu_check SECTION... [--microast FOLDER] [--vgg FILE]
    python -m tools.bench.gpu_check --device cpu --small     # every section that a CPU can try, in a minute

What each section decides is in its docstring, which `--help` shows.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylize import cli, images
from stylize import config as configs
from stylize.machine.devices import KINDS, out_of_memory
from stylize.measure import on_device
from stylize.measure.ssim import ssim
from stylize.pipeline.runner import Runner
from stylize.pipeline.transfers import Transfers
from stylize.stylizers.base import to_pixels, to_tensor
from tools.arguments import one_of
from tools.bench.device_bench import MIB, Bench, put, rss_mib, tf32
from tools.bench.inputs import job_tasks


def numerics(bench: Bench) -> None:
    """SSIM of each precision against IEEE fp32 on the device: the default precision, and whether fp32 may be TF32."""
    side = 96 if bench.small else 512
    for method in bench.weights:

        def results(precision: str, allowed: bool, method: str = method) -> list[Any]:
            with tf32(allowed), torch.inference_mode():
                stylizer = bench.load(method, precision)
                codes = [bench.code(stylizer, side, artwork) for artwork in range(2)]
                pairs = itertools.product(codes, range(4))
                return [to_pixels(stylizer.stylize(bench.photo(side, photo), code)) for code, photo in pairs]

        wanted = results("fp32", False)
        for precision, allowed in (("fp32", True), (bench.half, False), (bench.half, True), ("bf16", True)):
            both = list(zip(wanted, results(precision, allowed), strict=True))
            put(
                section="numerics", method=method, precision=precision, tf32=allowed,
                ssim_min=min(ssim(a, b) or 0.0 for a, b in both),
                levels_max=max(int(np.abs(a.astype(int) - b).max()) for a, b in both),
            )  # fmt: skip


def speed(bench: Bench) -> None:
    """ms per image by layout, folding, batch and search of kernels: the defaults of all four."""
    times = 3 if bench.small else 15
    for method, last in itertools.product(bench.weights, (True, False)):
        for folded in (True, False) if method in ("microast", "johnson") else (None,):
            settings = {} if folded is None else {"folded": folded}
            stylizer = bench.load(method, bench.half, channels_last=last, **settings)
            for side in (64,) if bench.small else (256, 768, 1024, 2048):
                with torch.inference_mode():
                    code, one = bench.code(stylizer, min(side, 512)), bench.photo(side)
                    for count, search in ((1, False), (1, True), (2, False), (4, False), (8, False)):
                        if count > 1 and side > 768:
                            continue
                        torch.backends.cudnn.benchmark = search
                        took = bench.ms(partial(stylizer.stylize_batch, torch.stack([one] * count), code), times)
                        put(
                            section="speed", method=method, side=side, channels_last=last, folded=folded,
                            batch=count, search=search, ms_per_image=took / count,
                        )  # fmt: skip
                    torch.backends.cudnn.benchmark = False
        gc.collect()


def shapes(bench: Bench) -> None:
    """What a new size costs beside the same size again: whether such an image is marked as a warm-up."""
    side = 64 if bench.small else 512
    for method in ("compact", "microast", "adain"):
        stylizer = bench.load(method, bench.half)
        with torch.inference_mode():
            code = bench.code(stylizer, side)
            bench.ms(partial(stylizer.stylize, bench.photo(side), code), 5)
            first: list[float] = []
            again: list[float] = []
            before = rss_mib()
            for k in range(4 if bench.small else 40):
                x = bench.picture(bench.photos[k % len(bench.photos)], side + 8 * (k % 7), side - 40 + 2 * k)
                for times in (first, again):
                    times.append(bench.once_ms(partial(stylizer.stylize, x, code)))
        put(
            section="shapes", method=method, new_ms=statistics.median(first), same_ms=statistics.median(again),
            worst_ms=max(first), rss_grew_mib=rss_mib() - before,
        )  # fmt: skip


def threads(bench: Bench) -> None:
    """What a new thread per image costs and leaks, as isolated mode makes one: whether it must keep a lasting one."""
    side = 64 if bench.small else 512
    for method in ("compact", "microast", "adain"):
        stylizer = bench.load(method, bench.half)
        with torch.inference_mode():
            code, x = bench.code(stylizer, side), bench.photo(side)
        took: list[float] = []

        def one(stylizer: Any = stylizer, x: Tensor = x, code: Any = code, took: list[float] = took) -> None:
            with torch.inference_mode():
                took.append(bench.once_ms(lambda: stylizer.stylize(x, code)))

        before = rss_mib()
        for _ in range(3 if bench.small else 30):
            thread = threading.Thread(target=one)
            thread.start()
            thread.join()
        put(
            section="threads", method=method, first_ms=took[0], later_ms=statistics.median(took[1:]),
            rss_grew_mib=rss_mib() - before,
        )  # fmt: skip


def _plainly(pixels: Any, device: torch.device) -> Any:
    return to_pixels(to_tensor(pixels, device))


def copies(bench: Bench) -> None:
    """Copies out of pinned memory on streams of their own: whether they are right, and faster than plain ones."""
    transfers = Transfers(bench.device)
    for side in (64,) if bench.small else (512, 2048):
        pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)

        def there_and_back(pixels: Any = pixels) -> Any:
            return transfers.download(transfers.upload(pixels).tensor()).arrays()[0]

        put(
            section="copies", side=side, right=bool((there_and_back() == pixels).all()),
            ms=bench.ms(there_and_back, 5), plain_ms=bench.ms(partial(_plainly, pixels, bench.device), 5),
        )  # fmt: skip


def scores(bench: Bench) -> None:
    """SSIM and statistics on the device: how far from the CPU's, and how fast, for one picture and for eight."""
    side = 64 if bench.small else 768
    photo = to_pixels(bench.photo(side))
    other = to_pixels(bench.photo(side, 1))
    for count in (1, 8):
        a, b = (torch.from_numpy(np.stack([one] * count)).to(bench.device) for one in (photo, other))
        off = float(on_device.scores(a, b)[0, 0]) - (ssim(photo, other) or 0.0)
        took = bench.ms(partial(on_device.scores, a, b), 5)
        put(section="scores", side=side, batch=count, ssim_off=off, ms_per_image=took / count)


def memory(bench: Bench) -> None:
    """The card's memory that no column holds: the context, cuDNN, cuBLAS."""
    stylizer = bench.load("compact", bench.half)
    with torch.inference_mode():
        stylizer.stylize(bench.photo(64 if bench.small else 512), bench.code(stylizer))
    if bench.cuda:
        free, total = torch.cuda.mem_get_info()
        put(section="memory", used_mib=(total - free) / MIB, reserved_mib=torch.cuda.memory_reserved() / MIB)
    put(section="memory", rss_mib=rss_mib())


def worker(bench: Bench) -> None:
    """Images/s of a worker's whole pipeline, without Ray, one by one and as they join: what batches bring in a job."""
    folder, side, count = bench.folder / "worker", 64 if bench.small else 768, 6 if bench.small else 512
    for kind in ("photos", "artworks"):
        (folder / kind).mkdir(parents=True)
    (folder / "artworks" / "a.jpg").write_bytes(bench.artworks[0].read_bytes())
    files = [images.encode(to_pixels(bench.photo(side, number)), "jpg", 90) for number in range(len(bench.photos))]
    for number in range(count):
        (folder / "photos" / f"{number}.jpg").write_bytes(files[number % len(files)])
    for size in (1, "auto", 1, "auto", 8):
        config = configs.build(
            {
                "content": str(folder / "photos"), "styles": str(folder / "artworks"), "out": str(folder / "out"),
                "batch_size": size, "cpus_per_actor": os.cpu_count(), "gpus_per_actor": int(bench.cuda),
            }
        )  # fmt: skip
        runner = Runner(config, bench.load("compact", bench.half), run_id="r", worker_id="w", token=None)
        tasks = list(job_tasks(config))
        runner.run(tasks[:32])
        start = time.perf_counter()
        rows = runner.run(tasks).to_pylist()
        took = time.perf_counter() - start
        runner.close(wait=True)
        put(
            section="worker", batch_size=size, images_per_s=count / took, ok=sum(row["status"] == "ok" for row in rows),
            batch_mean=statistics.mean(row["batch_size"] for row in rows),
            score_ms=1e3 * statistics.median(row["score_s"] for row in rows),
        )  # fmt: skip


def oom(bench: Bench) -> None:
    """How running out looks, whether it counts as `oom`, and whether a small image works afterwards. CUDA alone."""
    if not bench.cuda:
        return put(section="oom", skipped="no CUDA device")
    for share, side in ((1.0, 8192), (0.05, 2048), (0.03, 2048), (0.02, 1024)):
        torch.cuda.set_per_process_memory_fraction(share)
        for method, precision in itertools.product(bench.weights, ("fp16", "fp32")):
            gc.collect()
            torch.cuda.empty_cache()
            what = after = "ok"
            with torch.inference_mode():
                stylizer = bench.load(method, precision)
                code = bench.code(stylizer)
                try:
                    stylizer.stylize(bench.photo(side), code)
                    torch.cuda.synchronize()
                except Exception as error:
                    what = f"{type(error).__name__} counted_as_oom={out_of_memory(error)}: {str(error)[:110]}"
                try:
                    stylizer.stylize(bench.photo(256), code)
                    torch.cuda.synchronize()
                except Exception as error:
                    after = f"{type(error).__name__}: {str(error)[:60]}"
            put(section="oom", share=share, side=side, method=method, precision=precision, what=what, then_256=after)
    torch.cuda.set_per_process_memory_fraction(1.0)


def gatys(bench: Bench) -> None:
    """Whether half precision brings the content loss down as fp32 does: the default precision of `gatys`."""
    side, steps = (64, 2) if bench.small else (512, 120)
    for precision, allowed in (("fp32", False), ("fp32", True), ("bf16", True), (bench.half, True)):
        stylizer = bench.load("gatys", precision, iterations=steps)  # before inference mode: it needs gradients
        with tf32(allowed), torch.inference_mode():
            code = bench.code(stylizer, side)
            took = bench.once_ms(partial(stylizer.stylize, bench.photo(side, 2), code))
        put(section="gatys", precision=precision, tf32=allowed, seconds=took / 1e3, **stylizer.outcome())


SECTIONS = {
    call.__name__: call for call in (numerics, gatys, copies, scores, memory, shapes, threads, speed, worker, oom)
}


def main(argv: Sequence[str]) -> int:
    """Run the sections, each in its turn whatever became of those before; return 1 if any failed."""
    told = "\n".join(["sections:", *(f"  {name:10} {call.__doc__}" for name, call in SECTIONS.items())])
    parser = cli.Parser("python -m tools.bench.gpu_check", description=told)
    parser.formatter_class = argparse.RawTextHelpFormatter
    parser.add_argument("sections", nargs="*", metavar="SECTION", type=one_of("section", SECTIONS), help="none: all")
    parser.add_argument("--device", default="cuda", help="what is checked (default cuda)")
    parser.add_argument("--microast", default="random", help="folder of its published weights")
    parser.add_argument("--vgg", help="VGG19's weights, for gatys")
    parser.add_argument("--small", action="store_true", help="tiny pictures: whether it runs, not how fast")
    given = parser.parse_args(argv)
    if (kind := given.device.partition(":")[0]) not in (known := ("cpu", *KINDS)):
        parser.error(f"unknown --device {kind}; known: {', '.join(known)}")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(given, Path(folder))
        for name in given.sections or SECTIONS:
            start = time.perf_counter()
            try:
                SECTIONS[name](bench)
            except Exception as error:
                failed = True
                put(section=name, failed=f"{type(error).__name__}: {error}"[:500])
            put(section=name, done_s=time.perf_counter() - start)
    return int(failed)


if __name__ == "__main__":
    cli.run(main)
