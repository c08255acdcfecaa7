"""A report that several files of tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize import images
from stylize.report.evidence import claims
from stylize.report.frame import load
from stylize.report.page import page
from tests.support.made_rows import EVIL, of_sweep, written
from tests.support.samples import picture


@pytest.fixture(scope="package")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a run whose names are all hostile, of two methods, three sizes, two workers, with pictures."""
    folder = tmp_path_factory.mktemp("report")
    paths = [folder / "out" / "images" / f"{name}.jpg" for name in ("result", *range(6))]
    paths[0].parent.mkdir(parents=True)
    for seed, path in enumerate(paths):
        size = (300, 200) if seed else (900, 600)  # of photos, each is decoded for each size
        path.write_bytes(images.encode(picture(seed, *size), "jpg", 90))
    made = []
    for number, (method, precision, px, workers, photo) in enumerate(
        (method, precision, px, workers, photo)
        for method in (EVIL, "compact") for precision in ("fp32", "bf16") for px in (300, 600, 1200)
        for workers in (1, 2) for photo in paths[1:]
    ):  # fmt: skip
        made.append(of_sweep(
            number, method, precision, px, workers, content_type=f"day{number % 3}{EVIL}", content_uri=str(photo),
            style_uri=f"/gone/{EVIL.replace('/', '')}.jpg", output_uri=str(paths[0]), ssim=0.3 + number / 1000,
            gram_distance=5.0 + number, measure_mode="throughput", host_peak_rss_bytes=300_000_000 + 200 * px * px,
        ))  # fmt: skip
    made.append(of_sweep(999, EVIL, "int8", 600, status="oom", error=f"no room {EVIL}", stylize_s=None))
    out = written(folder / "out", made, title=f"Title {EVIL}", command="python -m jobs.benchmark x", environment={})
    rows = load([out])
    found = page.build(rows, [out], title=f"Title {EVIL}", claims=claims.check(rows), most_pictures=20)
    page.write(found, folder / "made")
    return folder / "made"
