"""Every image comes out upright, turned once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize.images import decode, resize
from tests.support.image_files import PHOTO, saved
from tests.support.samples import picture


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("long_side_px", [None, 60])
def test_every_exif_orientation_comes_out_upright(orientation: int, long_side_px: int | None) -> None:
    upright = Image.fromarray(picture(3, 120, 90))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(saved(stored, "JPEG", quality=97, subsampling=0, exif=exif), long_side_px=long_side_px)
    assert (decoded.source_width_px, decoded.source_height_px) == (120, 90)
    expected = np.asarray(upright) if long_side_px is None else resize(np.asarray(upright), 60, 45)
    assert np.abs(decoded.pixels.astype(int) - expected).mean() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_orientation_counts_once_in_every_format_that_has_it(format: str, orientation: int) -> None:
    upright = Image.fromarray(PHOTO)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    decoded = decode(saved(stored, format, exif=exif, **options))
    assert (decoded.pixels == PHOTO).all()
    assert (decoded.source_width_px, decoded.source_height_px) == (64, 48)


def test_an_orientation_that_is_none_is_ignored() -> None:
    for orientation in (0, 9, 65_535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        assert (decode(saved(Image.fromarray(PHOTO), "PNG", exif=exif)).pixels == PHOTO).all()


def test_a_jpeg_packed_as_jpeg_xl_is_turned_by_its_exif(tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(saved(Image.fromarray(PHOTO).transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif))
    packed = decode(saved(Image.open(photo), "JXL", lossless_jpeg=True)).pixels
    assert packed.shape == PHOTO.shape
    assert np.abs(packed.astype(int) - decode(photo.read_bytes()).pixels).mean() < 4
