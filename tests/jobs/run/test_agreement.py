"""What a replay says of the file that a row tells of."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs.run.agreement import SCORES, Told, compare_images, compare_scores
from stylize import images
from stylize.images.encode import FORMATS
from stylize.results.schema import SCHEMA
from tests.support.made_rows import row
from tests.support.samples import picture

PIXELS = picture(3)
DATA = images.encode(PIXELS, "png", 95)


def told(out: Path, now: bytes, kept: bytes | None, recorded: bytes = DATA, batch_size: int = 1) -> Told:
    """What is said of a row of a picture where a replay makes `now`, and OUT has `kept`."""
    (out / "images").mkdir(parents=True)
    uri = out / "images" / "a.png"
    if kept is not None:
        uri.write_bytes(kept)
    then, new = (
        row(1, batch_size=batch_size, strips=1, output_uri=str(uri), output_sha256=hashlib.sha256(data).hexdigest())
        for data in (recorded, now)
    )
    compare_images(said := Told(), str(out), then, new, images.decode(now).pixels)
    return said


def written(pixels: images.Pixels, kind: str) -> bytes:
    """A file of a format of results, or of another one."""
    if kind in FORMATS:
        return images.encode(pixels, kind, 95)
    Image.fromarray(pixels).save(file := io.BytesIO(), kind)
    return file.getvalue()


def test_nothing_is_said_of_a_file_that_is_still_the_rows(tmp_path: Path) -> None:
    assert told(tmp_path, DATA, DATA).lines == ["same    image: the same bytes"]


@pytest.mark.parametrize(
    ("kept", "line"),
    [(DATA + b" ", "is another than the row tells of: it was changed since"), (None, "cannot be read: ")],
)
def test_a_file_that_was_changed_or_is_gone_is_told_though_the_row_was_made_again(
    tmp_path: Path, kept: bytes | None, line: str
) -> None:
    said = told(tmp_path, DATA, kept)
    assert said.agrees
    assert said.lines[0] == "same    image: the same bytes"
    assert f"        its file in OUT {line}" in said.lines[1]


def test_where_the_row_is_not_made_again_it_is_told_that_what_it_was_compared_with_was_changed(tmp_path: Path) -> None:
    said = told(tmp_path, images.encode(255 - PIXELS, "png", 95), images.encode(PIXELS // 2, "png", 95))
    assert not said.agrees
    assert said.lines[0].startswith("DIFFERS image: other bytes; values differ by")
    assert said.lines[1:] == ["        its file in OUT is another than the row tells of: it was changed since"]


@pytest.mark.parametrize(
    ("levels", "batch_size", "kind", "agrees"),
    [
        (1, 1, "png", False),
        (1, 4, "png", True),
        (5, 4, "png", False),
        (2, 4, "jpg", True),
        (2, 1, "jpg", False),
        (40, 4, "jpg", False),
        (1, 4, "webp", True),
        (90, 4, "webp", False),
        (2, 4, "bmp", False),  # which no run writes
    ],
)
def test_a_picture_of_a_batch_may_differ_by_rounding(
    levels: int, batch_size: int, kind: str, agrees: bool, tmp_path: Path
) -> None:
    smooth = np.add.outer(np.arange(48), np.arange(64))[..., None].repeat(3, 2).astype(np.uint8)
    other = smooth.copy()
    other[::8, ::8] += np.uint8(levels)
    now, kept = (written(pixels, kind) for pixels in (smooth, other))
    said = told(tmp_path, now, kept, recorded=kept, batch_size=batch_size)
    assert said.agrees == agrees
    assert ("are allowed in a batch" in said.lines[0]) == agrees


@pytest.mark.parametrize(
    ("how", "factor", "agrees"),
    [
        ({}, 1.0009, True),
        ({}, 1.002, False),
        ({"batch_size": 4}, 1.009, True),
        ({"batch_size": 4}, 1.02, False),
        ({"strips": 3}, 1.009, True),
        ({"device": "cuda:0"}, 1.009, True),
        ({"device": "cuda:0", "iterations": 9}, 1.09, True),
        ({"device": "cuda:0", "iterations": 9}, 1.2, False),
    ],
)
def test_scores_may_differ_by_no_more_than_sums_in_another_order(
    how: dict[str, Any], factor: float, agrees: bool
) -> None:
    plain = {"batch_size": 1, "strips": 1, "iterations": None, "content_loss": 2.0}
    said, then = Told(), row(1, **(plain | how))
    compare_scores(said, then, then | {"content_loss": 2.0 * factor})
    assert said.agrees == agrees


def test_every_score_of_a_result_is_compared() -> None:
    names = SCHEMA.names[SCHEMA.names.index("ssim") : SCHEMA.names.index("workers")]
    of_results = [name for name in names if not name.startswith("content_") and not name.endswith("_variant")]
    told = "name a new score in SCORES of jobs/run/agreement.py, or a replay does not see that it differs"
    assert {*of_results, "content_distance", "content_loss"} == set(SCORES), told


def test_a_score_that_is_not_measured_any_more_differs_and_a_new_one_does_not() -> None:
    plain = row(1, batch_size=1, strips=1, iterations=None)
    said = Told()
    compare_scores(said, plain | {"lpips": None}, plain | {"lpips": 0.2})
    assert said.agrees
    compare_scores(said, plain | {"lpips": 0.2}, plain | {"lpips": None})
    assert said.lines[-1] == "DIFFERS lpips: 0.2 then, not measured now"
    assert not said.agrees
