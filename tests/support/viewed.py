"""Runs to look at: pictures of two methods, a failure, photos beside OUT."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stylize import images
from stylize.viewer.server import Viewer, listening, server
from tests.support.made_rows import row, written
from tests.support.samples import picture

METHODS = ("compact", "microast")


def viewed_run(
    out: Path, photos: int = 3, artworks: int = 2, methods: tuple[str, ...] = METHODS, /, **changes: Any
) -> Path:
    """A run with a picture of each but the first, which failed; rows in the order of photo, artwork, method."""
    inputs = out.parent / "inputs"
    made = []
    number = 0
    for p in range(photos):
        for a in range(artworks):
            for method in methods:
                paths = [inputs / f"photo{p}.png", inputs / f"art{a}.png", out / "images" / method / f"{p}-{a}.jpg"]
                for seed, path in zip((p, 50 + a, 100 + number), paths, strict=True):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if not path.exists():
                        path.write_bytes(images.encode(picture(seed, 96, 64), path.suffix[1:], 90))
                told = {
                    "content_uri": str(paths[0]), "style_uri": str(paths[1]), "photo": f"photo{p}", "style": f"art{a}",
                    "output_uri": str(paths[2]), "stylizer": method, "ssim": number / 100, "width_px": 96,
                    "height_px": 64, "gram_distance": 9 - number / 10,
                    "output_sha256": hashlib.sha256(paths[2].read_bytes()).hexdigest(),
                }  # fmt: skip
                if number == 0:
                    told |= {"status": "failed", "error": "the disk was gone", "output_uri": None, "ssim": None}
                made.append(row(number, **(told | changes)))
                number += 1
    return written(out, made, run_id="r")


@contextlib.contextmanager
def served(viewer: Viewer, port: int = 0) -> Iterator[str]:
    """The address of a viewer that answers meanwhile, in a thread."""
    sock = listening(port)
    answering = server(viewer)
    thread = threading.Thread(target=answering.run, args=([sock],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/{viewer.token}/"
    finally:
        answering.should_exit = True
        thread.join()
        sock.close()
