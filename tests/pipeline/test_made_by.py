"""A result alone says what made it, and keeps what its photo carried: no Ray."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylize import __version__
from stylize.pipeline.made_by import made_by
from stylize.results.read import read_rows
from tests.support.samples import finished_run, picture


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    """A photo with EXIF, dots per inch and alpha, and an artwork."""
    content, styles = tmp_path / "content", tmp_path / "styles"
    content.mkdir()
    styles.mkdir()
    exif = Image.Exif()
    exif[272], exif[34853] = "Phone 7", {1: "N", 2: (52.0, 31.0, 12.5)}
    clear = np.dstack([picture(3), np.arange(64, dtype=np.uint8)[None].repeat(48, 0) * 4])
    Image.fromarray(clear).save(content / "photo.png", exif=exif, dpi=(300, 300))
    Image.fromarray(picture(4)).save(styles / "artwork.png")
    return content, styles


def made(inputs: tuple[Path, Path], out: Path, **settings: Any) -> tuple[dict[str, Any], Image.Image]:
    """Return the one row of a run, and its result."""
    finished_run(*inputs, out, **settings)
    (row,) = read_rows(out).to_pylist()
    assert row["status"] == "ok", row["error"]
    return row, Image.open(row["output_uri"])


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_a_result_names_its_method_settings_versions_and_task(
    inputs: tuple[Path, Path], tmp_path: Path, format: str
) -> None:
    row, result = made(inputs, tmp_path / "out", stylizer="compact", format=format, resolution_px=48)
    exif = result.getexif()
    assert exif[305] == f"stylize {__version__} (compact, task {row['task_id'][:16]})"
    details = json.loads(exif.get_ifd(0x8769)[0x9286].removeprefix(b"ASCII\0\0\0"))
    assert details["method"] == "compact"
    assert details["settings"]["alpha"] == row["alpha"]
    assert details["settings"]["resolution_px"] == 48
    assert details["versions"]["stylize"] == __version__
    assert {"torch", "numpy", "pillow"} < set(details["versions"])
    for name in ("task_id", "content_sha256", "style_sha256", "weights_sha256", "precision"):
        assert details[name] == row[name]
    assert str(tmp_path) not in json.dumps(details)


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_a_result_keeps_what_its_photo_carried(inputs: tuple[Path, Path], tmp_path: Path, format: str) -> None:
    _, result = made(inputs, tmp_path / "out", format=format)
    exif = result.getexif()
    assert exif[272] == "Phone 7"
    assert exif.get_ifd(0x8825)[1] == "N"
    assert float(exif[282]) == pytest.approx(300, abs=0.1)
    assert result.mode == ("RGB" if format == "jpg" else "RGBA")


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_strip_leaves_out_what_the_photo_carried_alone(inputs: tuple[Path, Path], tmp_path: Path, format: str) -> None:
    _, result = made(inputs, tmp_path / "out", format=format, strip=True)
    exif = result.getexif()
    assert set(exif) == {305, 0x8769}
    assert result.mode == "RGB"
    assert result.info.get("dpi") != (300, 300)


def test_strip_is_another_task_and_its_absence_no_other_than_before(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [made(inputs, tmp_path / str(strip), strip=strip)[0] for strip in (False, True)]
    assert rows[0]["task_id"] != rows[1]["task_id"]
    assert ["strip" in json.loads(row["settings_json"]) for row in rows] == [False, True]


def test_one_task_has_the_same_bytes_again(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [made(inputs, tmp_path / name)[0] for name in ("one", "two")]
    assert rows[0]["task_id"] == rows[1]["task_id"]
    assert rows[0]["output_sha256"] == rows[1]["output_sha256"]


def test_facts_that_are_not_known_are_left_out() -> None:
    said = made_by("own.module:Method", {"task_id": None, "weights_sha256": None, "settings": {}})
    assert said.software == f"stylize {__version__} (own.module:Method)"
    assert set(json.loads(said.details)) == {"method", "settings", "versions"}
