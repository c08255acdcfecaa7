"""Dots per inch of a photo are in its result, turned with it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from tests.images.test_carried import result_of
from tests.support.image_files import PHOTO, saved


def stated(dpi: tuple[float, float] | None, orientation: int = 1, unit: int = 2) -> bytes:
    exif = Image.Exif()
    exif[271], exif[274] = "Maker", orientation
    if dpi is not None:
        exif[282], exif[283], exif[296] = *dpi, unit
    return exif.tobytes()


@pytest.mark.parametrize("format", ["jpg", "png"])
@pytest.mark.parametrize("photo", ["JPEG", "PNG", "TIFF", "BMP"])
def test_dots_per_inch_stay(photo: str, format: str) -> None:
    result = result_of(saved(Image.fromarray(PHOTO), photo, dpi=(300, 300)), format)
    assert [float(dots) for dots in result.info["dpi"]] == pytest.approx([300, 300], abs=0.1)
    assert float(result.getexif()[282]) == pytest.approx(300, abs=0.1)


@pytest.mark.parametrize("rows", [len(PHOTO), PHOTO.shape[1]], ids=["wide", "square"])
@pytest.mark.parametrize("photo", ["JPEG", "TIFF"])
def test_webp_has_dots_per_inch_in_exif_and_a_turned_photos_are_turned(photo: str, rows: int) -> None:
    exif = Image.Exif()
    exif[274] = 6
    image = Image.fromarray(PHOTO).resize((PHOTO.shape[1], rows))
    exif = result_of(saved(image, photo, dpi=(300, 150), exif=exif), "webp").getexif()
    assert (float(exif[282]), float(exif[283]), exif[296]) == (150, 300, 2)


def test_a_tiff_that_says_no_dots_per_inch_gives_none() -> None:
    assert "dpi" not in result_of(saved(Image.fromarray(PHOTO), "TIFF"), "png").info


@pytest.mark.parametrize("dpi", [(0, 0), (1e9, 1e9)])
def test_senseless_dots_per_inch_are_left_out(dpi: tuple[float, float]) -> None:
    image = Image.fromarray(PHOTO)
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = *dpi, 2
    for photo in ("TIFF", "JPEG"):
        assert "dpi" not in result_of(saved(image, photo, exif=exif), "png").info


@pytest.mark.parametrize(("unit", "inches"), [(2, 1.0), (3, 2.54)])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("photo", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_those_that_exif_alone_says_are_turned_too(photo: str, orientation: int, unit: int, inches: float) -> None:
    data = saved(Image.fromarray(PHOTO), photo, exif=stated((200, 100), orientation, unit))
    across, down = (100, 200) if orientation in (6, 8) else (200, 100)
    for format in ("jpg", "png", "webp"):
        result = result_of(data, format)
        exif = result.getexif()
        dots = [float(exif[282]), float(exif[283])]
        assert dots == pytest.approx([across * inches, down * inches], abs=0.1)
        assert exif[296] == 2
        if format != "webp":
            assert [float(one) for one in result.info["dpi"]] == pytest.approx(dots, abs=1)


@pytest.mark.parametrize(("orientation", "dots"), [(1, (2, 1)), (3, (2, 1)), (8, (1, 2))])
def test_how_wide_a_dot_is_for_its_height_is_turned_too(orientation: int, dots: tuple[float, float]) -> None:
    exif = result_of(saved(Image.fromarray(PHOTO), "JPEG", exif=stated((2, 1), orientation, unit=1)), "jpg").getexif()
    assert (float(exif[282]), float(exif[283]), exif[296], exif[274]) == (*dots, 1, 1)


def test_a_heif_that_is_turned_has_them_turned() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    image = pillow_heif.from_pillow(Image.fromarray(PHOTO))
    image.info["exif"] = stated((200, 100), 6)
    exif = result_of(written(image), "jpg").getexif()
    assert (float(exif[282]), float(exif[283])) == (100, 200)


def written(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, quality=90)
    return file.getvalue()


def test_a_jpeg_that_says_none_gives_none() -> None:
    result = result_of(saved(Image.fromarray(PHOTO), "JPEG", exif=stated(None)), "png")
    assert "dpi" not in result.info
    assert 282 not in result.getexif()
