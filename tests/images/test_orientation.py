"""Every image comes out upright, turned once."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylize.images import decode, from_image, resize
from tests.support.image_files import PHOTO, saved
from tests.support.samples import picture

UNDO = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("long_side_px", [None, 60])
def test_every_exif_orientation_comes_out_upright(orientation: int, long_side_px: int | None) -> None:
    upright = Image.fromarray(picture(3, 120, 90))
    stored = upright.transpose(Image.Transpose(UNDO[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(saved(stored, "JPEG", quality=97, subsampling=0, exif=exif), long_side_px=long_side_px)
    assert (decoded.source_width_px, decoded.source_height_px) == (120, 90)
    expected = np.asarray(upright) if long_side_px is None else resize(np.asarray(upright), 60, 45)
    assert np.abs(decoded.pixels.astype(int) - expected).mean() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(1, 7), (7, 1)])
def test_what_is_one_pixel_wide_or_high_is_turned_for_torch(size: tuple[int, int], orientation: int) -> None:
    upright = Image.fromarray(picture(3, *size))
    stored = upright.transpose(Image.Transpose(UNDO[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(saved(stored, "PNG", exif=exif)).pixels
    assert torch.equal(torch.from_numpy(pixels), torch.from_numpy(np.array(upright)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_orientation_counts_once_in_every_format_that_has_it(format: str, orientation: int) -> None:
    upright = Image.fromarray(PHOTO)
    stored = upright.transpose(Image.Transpose(UNDO[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    decoded = decode(saved(stored, format, exif=exif, **options))
    assert (decoded.pixels == PHOTO).all()
    assert (decoded.source_width_px, decoded.source_height_px) == (64, 48)


def xmp(orientation: int) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        f'tiff:Orientation="{orientation}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


@pytest.mark.parametrize("orientation", [3, 5, 6, 7, 8])
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_an_orientation_in_xmp_alone_counts_too(format: str, orientation: int) -> None:
    stored = Image.fromarray(PHOTO).transpose(Image.Transpose(UNDO[orientation]))
    told = xmp(orientation)
    options: dict[str, Any] = {"tiffinfo": {700: told}}
    if format == "PNG":
        options = {"pnginfo": PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", told.decode())
    elif format == "WEBP":
        options = {"xmp": told, "lossless": True}
    decoded = decode(saved(stored, format, **options))
    assert (decoded.source_width_px, decoded.source_height_px) == (64, 48)
    assert (decoded.pixels == PHOTO).all()


def test_an_orientation_in_an_avifs_xmp_counts_for_nothing() -> None:
    stored = Image.fromarray(PHOTO)
    data = saved(stored, "AVIF", xmp=xmp(6))
    with Image.open(io.BytesIO(data)) as image:
        assert from_image(image).shape == PHOTO.shape
    assert decode(data).pixels.shape == PHOTO.shape


@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_an_orientation_in_a_pngs_text_counts_too(name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(PHOTO).transpose(Image.Transpose(UNDO[6]))
    # XMP can bear the same name, and says nothing here.
    for block, shown in ((exif.tobytes(), PHOTO), (b"http://ns.adobe.com/xap/1.0/\0<x/>", np.asarray(stored))):
        text = PngInfo()
        text.add_text(f"Raw profile type {name}", f"\n{name}\n{len(block):8}\n{block.hex()}\n", zip=True)
        data = saved(stored, "PNG", pnginfo=text)
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(from_image(image), shown)
        assert np.array_equal(decode(data).pixels, shown)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_a_cut_tiff_that_is_accepted_is_upright(mode: str, orientation: int) -> None:
    shown = PHOTO if mode == "RGB" else PHOTO[..., 0].astype(np.uint16) * 257
    stored = Image.fromarray(shown)
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(UNDO[orientation]))
    # Pillow's own TIFF says first what follows.
    data = saved(stored, "TIFF", tiffinfo={274: orientation})
    decoded = decode(data[: -len(stored.tobytes()) // 3], truncated="accept")
    assert decoded.truncated
    assert (decoded.source_width_px, decoded.source_height_px) == (64, 48)
    wanted = PHOTO if mode == "RGB" else PHOTO[..., :1]
    assert (decoded.pixels == wanted).all(axis=-1).mean() > 0.6


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
