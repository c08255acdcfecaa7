"""Pixels agree with a second reader's (libvips) over every kind that it knows, else with those that were written."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylize.images import Pixels, alpha_of, decode, from_image
from tests.support.image_files import saved, tiff
from tests.support.samples import picture

pyvips = pytest.importorskip("pyvips")
pillow_heif = pytest.importorskip("pillow_heif")
pytest.importorskip("pillow_jxl")

WIDTH, HEIGHT = 66, 50
PHOTO = picture(1, WIDTH, HEIGHT)
RGB = Image.fromarray(PHOTO)
ALPHA = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
MODES = {
    "RGB": RGB,
    "RGBA": Image.fromarray(np.dstack([PHOTO, ALPHA])),
    "palette": RGB.quantize(60),
    "grey": RGB.convert("L"),
    "grey with alpha": Image.merge("LA", (RGB.convert("L"), Image.fromarray(ALPHA))),
    "one bit": RGB.convert("1"),
    "16-bit grey": Image.fromarray(PHOTO[..., 0].astype(np.uint16) * 257),
}


def by_vips(data: bytes) -> Pixels:
    image = pyvips.Image.new_from_buffer(data, "").autorot()
    if image.interpretation in ("rgb16", "grey16"):
        image = image.colourspace("srgb" if image.bands > 2 else "b-w")
    if image.hasalpha():
        image = image.flatten(background=[255] * (image.bands - 1))
    if image.bands == 1:
        image = image.bandjoin([image, image])
    return np.asarray(image.cast("uchar").numpy())


def from_pillow() -> Iterator[tuple[str, bytes]]:
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True, "exact": True}, "GIF": {}, "TIFF": {},
        "AVIF": {"quality": 95, "subsampling": "4:4:4"}, "MPO": {},
    }  # fmt: skip
    writes_not = {"JPEG": ("RGBA", "palette", "grey with alpha", "16-bit grey"), "MPO": MODES.keys() - {"RGB", "grey"}}
    for format, mode in itertools.product(options, MODES):
        if mode not in writes_not.get(format, ()) and (mode != "16-bit grey" or format in ("PNG", "TIFF")):
            yield f"{format} {mode}", saved(MODES[mode], format, **options[format])
    for more in ({"progressive": True}, {"subsampling": 2}, {"restart_marker_rows": 1}):
        yield f"JPEG {more}", saved(RGB, "JPEG", quality=95, **more)
    for compression, mode in itertools.product(("tiff_lzw", "packbits", "tiff_adobe_deflate"), MODES):
        yield f"TIFF {compression} {mode}", saved(MODES[mode], "TIFF", compression=compression)
    yield "TIFF jpeg", saved(RGB, "TIFF", compression="jpeg", quality=95)
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield f"TIFF {compression}", saved(MODES["one bit"], "TIFF", compression=compression)
    for bits in (1, 2, 4):
        yield f"PNG {bits} bits", saved(MODES["grey"].quantize(2**bits), "PNG", bits=bits)


def from_tifffile() -> Iterator[tuple[str, bytes]]:
    for order, big, deep in itertools.product("<>", (False, True), (False, True)):
        photo = PHOTO.astype(np.uint16) * 257 if deep else PHOTO
        alpha = ALPHA.astype(np.uint16) * 257 if deep else ALPHA
        rgba = np.dstack([photo, alpha])
        weighted = rgba.copy()
        weighted[..., :3] = photo.astype(float) * alpha[..., None] / (65_535 if deep else 255)
        planes = np.ascontiguousarray(np.moveaxis(photo, 2, 0))
        grey = np.ascontiguousarray(photo[..., 0])
        name = f"TIFF {'II' if order == '<' else 'MM'}{' big' if big else ''} {16 if deep else 8} bits"
        same: dict[str, Any] = {"byteorder": order, "bigtiff": big}
        for rows in (8, HEIGHT):
            yield f"{name} strips of {rows}", tiff(photo, photometric="rgb", rowsperstrip=rows, **same)
            yield (
                f"{name} planes in strips of {rows}",
                tiff(planes, photometric="rgb", planarconfig="separate", rowsperstrip=rows, **same),
            )
        yield f"{name} tiles", tiff(photo, photometric="rgb", tile=(16, 32), **same)
        yield (
            f"{name} deflated planes",
            tiff(planes, photometric="rgb", planarconfig="separate", compression="zlib", **same),
        )
        yield f"{name} predictor", tiff(photo, photometric="rgb", compression="zlib", predictor=True, **same)
        yield f"{name} black is zero", tiff(grey, photometric="minisblack", **same)
        yield f"{name} white is zero", tiff(grey, photometric="miniswhite", **same)
        yield f"{name} white is zero, deflated", tiff(grey, photometric="miniswhite", compression="zlib", **same)
        yield f"{name} alpha", tiff(rgba, photometric="rgb", extrasamples=["unassalpha"], **same)
        yield f"{name} weighted by alpha", tiff(weighted, photometric="rgb", extrasamples=["assocalpha"], **same)
        yield (
            f"{name} planes with alpha",
            tiff(
                np.ascontiguousarray(np.moveaxis(rgba, 2, 0)),
                photometric="rgb", planarconfig="separate", extrasamples=["unassalpha"], **same,
            ),
        )  # fmt: skip
        yield (
            f"{name} grey with alpha",
            tiff(
                np.ascontiguousarray(rgba[..., 2:]),
                photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"], **same,
            ),
        )  # fmt: skip


def from_vips() -> Iterator[tuple[str, bytes]]:
    image = pyvips.Image.new_from_memory(PHOTO.tobytes(), WIDTH, HEIGHT, 3, "uchar").copy(interpretation="srgb")
    deep = (image.cast("ushort") * 257).copy(interpretation="rgb16")
    yield "PNG interlaced", image.pngsave_buffer(interlace=True)
    yield "PNG 16 bits", deep.pngsave_buffer()
    yield "PNG 16 bits interlaced with alpha", deep.bandjoin(40_000).pngsave_buffer(interlace=True)
    yield "GIF interlaced", image.gifsave_buffer(interlace=True)
    yield "TIFF pyramid", image.tiffsave_buffer(pyramid=True, tile=True, tile_width=32, tile_height=32)
    for bits, turned in itertools.product((1, 2, 4), (False, True)):
        if not turned or bits == 1:
            grey = image.colourspace("b-w").tiffsave_buffer(bitdepth=bits, miniswhite=turned)
            yield f"TIFF {bits} bits{' white is zero' if turned else ''}", grey


FILES = dict(itertools.chain(from_pillow(), from_tifffile(), from_vips()))


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_a_second_reader(name: str) -> None:
    ours, theirs = decode(FILES[name]).pixels.astype(int), by_vips(FILES[name])
    assert ours.shape == theirs.shape
    # Decoders of JPEG round and smooth in ways of their own.
    assert np.abs(ours - theirs).max() <= (8 if name.startswith(("JPEG", "MPO", "AVIF", "TIFF jpeg")) else 2)


def bottom_up_bmp(header: bool) -> bytes:
    rows = b"".join(row[:, ::-1].tobytes() + bytes(-3 * WIDTH % 4) for row in PHOTO[::-1])
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 24, 0, len(rows), 2835, 2835, 0, 0)
    return (struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54) if header else b"") + info + rows


def top_down_tga() -> bytes:
    return struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, WIDTH, HEIGHT, 24, 0x20) + PHOTO[..., ::-1].tobytes()


def text_ppm() -> bytes:
    return f"P3\n# a remark\n{WIDTH} {HEIGHT}\n255\n{' '.join(map(str, PHOTO.ravel()))}\n".encode()


def encoded(format: str, image: Image.Image = RGB, **options: Any) -> bytes:
    if format == "HEIF":
        file = io.BytesIO()
        pillow_heif.from_pillow(image).save(file, quality=-1, chroma=444, **options)
        return file.getvalue()
    return saved(image, format, **options)


WRITTEN = {
    "BMP": bottom_up_bmp(True), "DIB": bottom_up_bmp(False), "TGA": top_down_tga(), "PPM as text": text_ppm(),
    "PPM": f"P6 {WIDTH} {HEIGHT} 255\n".encode() + PHOTO.tobytes(), "HEIC": encoded("HEIF"),
    "JPEG XL": encoded("JXL", lossless=True), "JPEG XL in boxes": encoded("JXL", lossless=True, use_container=True),
    "JPEG 2000": encoded("JPEG2000"), "JPEG 2000 codestream": encoded("JPEG2000", no_jp2=True),
    "APNG": encoded("PNG", save_all=True, append_images=[Image.new("RGB", RGB.size)]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_pixels_are_those_that_were_written(name: str) -> None:
    assert np.abs(decode(WRITTEN[name]).pixels.astype(int) - PHOTO).max() <= (2 if name == "HEIC" else 0)


def test_a_bitmap_of_one_bit_is_black_where_it_is_one() -> None:
    for data in (b"P4 9 2\n" + bytes([0b10101010, 0x80, 0, 0]), b"P1\n9 2\n101010101 000000000"):
        pixels = decode(data).pixels
        assert pixels[0, :, 0].tolist() == [0, 255] * 4 + [0]
        assert (pixels[1] == 255).all()


def four_channels(alpha: int) -> dict[str, bytes]:
    """Return 32-bit files whose alpha is the same everywhere: a BMP that names its channels, and a TGA."""
    blue_first = np.dstack([PHOTO[..., ::-1], np.full((HEIGHT, WIDTH), alpha, np.uint8)])
    info = struct.pack("<IiiHHIIiiII", 108, WIDTH, -HEIGHT, 1, 32, 3, blue_first.size, 2835, 2835, 0, 0)
    info += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    head = struct.pack("<2sIHHI", b"BM", 14 + len(info) + blue_first.size, 0, 0, 14 + len(info))
    tga = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, WIDTH, HEIGHT, 32, 0x20)
    return {"BMP": head + info + blue_first.tobytes(), "TGA": tga + blue_first.tobytes()}


@pytest.mark.parametrize("format", ["BMP", "TGA"])
def test_a_fourth_channel_of_zeros_is_no_alpha_and_another_is(format: str) -> None:
    data = four_channels(0)[format]
    assert (decode(data).pixels == PHOTO).all()
    opened = Image.open(io.BytesIO(data))
    assert (from_image(opened) == PHOTO).all()
    assert alpha_of(opened) is None
    assert (decode(data[:-4000], truncated="accept").pixels[:10] == PHOTO[:10]).all()
    half = decode(four_channels(128)[format]).pixels.astype(int)
    assert np.abs(half - (PHOTO * (128 / 255) + 127)).max() <= 2


@pytest.mark.parametrize("mode", ["RGBA", "grey", "grey with alpha"])
@pytest.mark.parametrize("format", ["HEIF", "JXL", "JPEG2000"])
def test_grey_and_alpha_come_through_where_the_second_reader_cannot_tell(format: str, mode: str) -> None:
    options = {"JXL": {"lossless": True}, "HEIF": {}, "JPEG2000": {}}[format]
    ours = decode(encoded(format, MODES[mode], **options)).pixels.astype(int)
    # Libvips' own view of the same pixels in a PNG.
    assert np.abs(ours - by_vips(saved(MODES[mode], "PNG"))).max() <= 4


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_planes_in_tiles_are_put_together(order: str, deep: bool) -> None:
    # Libvips does not read these.
    photo = PHOTO.astype(np.uint16) * 257 if deep else PHOTO
    planes = np.ascontiguousarray(np.moveaxis(photo, 2, 0))
    data = tiff(planes, byteorder=order, photometric="rgb", planarconfig="separate", tile=(16, 32))
    assert (decode(data).pixels == PHOTO).all()


def test_planes_of_grey_and_alpha_are_told_apart() -> None:
    # Libvips mistakes these.
    for deep in (False, True):
        planes = np.stack([PHOTO[..., 0], ALPHA]).astype(np.uint16 if deep else np.uint8) * (257 if deep else 1)
        data = tiff(planes, photometric="minisblack", planarconfig="separate", extrasamples=["unassalpha"])
        expected = by_vips(saved(Image.merge("LA", [Image.fromarray(one) for one in (PHOTO[..., 0], ALPHA)]), "PNG"))
        assert np.abs(decode(data).pixels.astype(int) - expected).max() <= 2
