"""How long the viewer takes to show a large run, in a headless Chromium:

    python -m tools.bench.viewer --rows 100000

Prints seconds from opening the address to the first rows in sight, of a frame while scrolling, and of each view.
"""

from __future__ import annotations

import hashlib
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from stylize import cli
from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from stylize.viewer.server import Viewer, listening, server
from tools.arguments import positive_int

REPEATS = 3
SCROLL = """async () => {
  const box = document.querySelector(".scroller"), times = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < 150; i++) {
    box.scrollTop += 180;
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times.sort((a, b) => a - b);
}"""
VIEWS = {
    "sorted by SSIM": "#sort=-ssim",
    "filtered": "#f=ssim~ge~0.5",
    "grid": "#view=grid",
    "plot": "#view=plot&x=stylize_s&y=ssim",
    "vote": "#view=vote",
}


def main(argv: Sequence[str]) -> int:
    """Make a run of rows without pictures, look at it, and print what that took; returns the exit status."""
    parser = cli.Parser(prog="python -m tools.bench.viewer", description="Measure the viewer on a large run.")
    parser.add_argument(
        "--rows", type=positive_int, default=100_000, metavar="N", help="rows of the run (default 100000)"
    )
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        _make(out, given.rows)
        begin = time.perf_counter()
        viewer = Viewer({out: str(out)}, Path(folder, "cache"))
        print(f"reading {given.rows} rows: {time.perf_counter() - begin:.2f} s")
        sock = listening(0)
        answering = server(viewer)
        thread = threading.Thread(target=answering.run, args=([sock],), daemon=True)
        thread.start()
        _look(f"http://127.0.0.1:{sock.getsockname()[1]}/{viewer.token}/")
        answering.should_exit = True
        thread.join()
    return cli.EXIT_OK


def _make(out: Path, rows: int) -> None:
    with RowStore.open(out) as store:
        for start in range(0, rows, 10_000):
            store.add(to_batch([_row(number) for number in range(start, min(rows, start + 10_000))]))


def _row(number: int) -> dict[str, Any]:
    photo, rest = divmod(number, 100)
    art, method = divmod(rest, 2)
    return {
        "run_id": "simulated", "task_id": hashlib.sha256(str(number).encode()).hexdigest(), "attempt": 1,
        "content_uri": f"/photos/day/{photo}.jpg", "style_uri": f"/art/ink/{art}.jpg", "photo": f"day/{photo}",
        "style": f"ink/{art}", "stylizer": ("compact", "microast")[method], "status": "ok",
        "ssim": number * 7919 % 1000 / 1000, "stylize_s": 0.05 + number * 104729 % 997 / 1000,
    }  # fmt: skip


def _look(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        firsts = []
        for _ in range(REPEATS):
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            begin = time.perf_counter()
            page.goto(url)
            page.wait_for_selector(".lines .line")
            firsts.append(time.perf_counter() - begin)
        print("first rows in sight: " + ", ".join(f"{one:.2f}" for one in firsts) + " s")
        times = page.evaluate(SCROLL)
        print(f"a frame while scrolling: median {statistics.median(times):.0f} ms, 95 % within {times[142]:.0f} ms")
        for name, hash in VIEWS.items():
            before = page.evaluate("document.body.dataset.shown")
            begin = time.perf_counter()
            page.evaluate("hash => { location.hash = hash; }", hash)
            page.wait_for_function("before => document.body.dataset.shown !== before", arg=before)
            print(f"{name}: {time.perf_counter() - begin:.2f} s")
        browser.close()


if __name__ == "__main__":
    cli.run(main)
