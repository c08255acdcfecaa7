"""Files whose pixels, transparency or colours Pillow gets wrong without a word: right, or refused in words."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from stylize.errors import CorruptImageError, UnsupportedImageError
from stylize.images import decode, from_image, header_size
from tests.support.image_files import png_chunk, saved, tiff
from tests.support.samples import picture

PHOTO = picture(1, 40, 30)
GREY = PHOTO[..., 0]
ALPHA = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (30, 1))
SHOWN = (GREY * (ALPHA / 255) + 255 - ALPHA + 0.5).astype(np.uint8)


def png(kind: int, bits: int, line: bytes, transparent: bytes) -> bytes:
    """A PNG of one line of two pixels."""
    header = struct.pack(">IIBBBBB", 2, 1, bits, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress(b"\0" + line)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*one) for one in chunks)


@pytest.mark.parametrize(
    ("data", "alpha"),
    [
        (png(0, 4, b"\x0c", b"\0\x0c"), [255, 0]),
        (png(0, 2, b"\x60", b"\0\x01"), [0, 255]),
        (png(0, 8, b"\x0c\xcc", b"\0\x0c"), [0, 255]),
        (png(0, 16, bytes.fromhex("1000 10ff"), b"\x10\0"), [0, 255]),
        (png(2, 16, bytes.fromhex("1234 1234 1234 ffff 0000 ffff"), bytes.fromhex("1234 1234 1234")), [0, 255]),
        (png(2, 16, bytes.fromhex("ff00 ff00 ff00 0000 0000 0000"), bytes.fromhex("ff00 ff00 ff00")), [0, 255]),
    ],
    ids=["grey of 4 bits", "grey of 2 bits", "grey of 8 bits", "grey of 16 bits", "colours of 16 bits", "bright ones"],
)  # fmt: skip
def test_a_pngs_transparent_colour_is_so_at_any_depth(data: bytes, alpha: list[int]) -> None:
    decoded = decode(data, alpha=True)
    assert decoded.carried is not None
    assert decoded.carried.alpha is not None
    assert decoded.carried.alpha.tolist() == [alpha]
    with Image.open(io.BytesIO(data)) as image:
        for _ in range(2):
            assert (from_image(image) == decoded.pixels).all()


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=["raw", "deflate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_plane_of_alpha_beside_grey_is_read(byteorder: Any, options: dict[str, Any]) -> None:
    more: dict[str, Any] = {"photometric": "minisblack", "byteorder": byteorder, **options}
    planar = tiff(np.stack([GREY, ALPHA]), planarconfig="separate", extrasamples=["unassalpha"], **more)
    multiplied = (GREY * (ALPHA / 255) + 0.5).astype(np.uint8)
    together = tiff(np.dstack([multiplied, ALPHA]), planarconfig="contig", extrasamples=["assocalpha"], **more)
    for data in (planar, together):
        decoded = decode(data, alpha=True)
        assert np.abs(decoded.pixels.astype(int) - SHOWN[..., None]).max() <= 2
        assert decoded.carried is not None
        assert decoded.carried.alpha is not None
        assert np.array_equal(decoded.carried.alpha, ALPHA)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=["raw", "deflate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_floats_are_read_whatever_their_order(photometric: str, byteorder: Any, options: dict[str, Any]) -> None:
    shown = 255 - GREY if photometric == "miniswhite" else GREY
    data = tiff((GREY / 255).astype(np.float32), photometric=photometric, byteorder=byteorder, **options)
    assert (decode(data).pixels == shown[..., None]).all()


@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
def test_alpha_behind_another_channel_is_read(photometric: str) -> None:
    colours = PHOTO if photometric == "rgb" else GREY[..., None]
    values = np.concatenate([colours, 255 - GREY[..., None], ALPHA[..., None]], axis=2)
    extra = ["unspecified", "unassalpha"]
    decoded = decode(tiff(values, photometric=photometric, planarconfig="contig", extrasamples=extra), alpha=True)
    assert decoded.carried is not None
    assert np.array_equal(decoded.carried.alpha, ALPHA)  # type: ignore[arg-type]
    shown = colours * (ALPHA / 255)[..., None] + 255 - ALPHA[..., None]
    assert np.abs(decoded.pixels - shown).max() <= 2


def test_colours_of_12_bits_are_read_right_where_imagecodecs_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = (PHOTO.astype(int) * 4095 // 255).astype(np.uint16)
    packed = np.packbits((levels.reshape(30, -1, 1) >> np.arange(11, -1, -1) & 1).astype(np.uint8)).reshape(30, 60, 3)
    data = tiff(packed, photometric="rgb").replace(
        struct.pack("<HHII", 256, 4, 1, 60), struct.pack("<HHII", 256, 4, 1, 40)
    )
    data = data.replace(struct.pack("<3H", 8, 8, 8), struct.pack("<3H", 12, 12, 12))
    monkeypatch.setattr("tifffile._imagecodecs.packints_decode", lambda *_, **__: levels.ravel())
    assert np.abs(decode(data).pixels.astype(int) - PHOTO).max() <= 1


@pytest.mark.parametrize("inks", [4, 9])
def test_inks_other_than_cmyk_are_not_shown_as_cmyk(inks: int) -> None:
    options: dict[str, Any] = {"photometric": "separated", "planarconfig": "contig"}
    values = np.zeros((30, 40, inks), np.uint8)
    with pytest.raises(UnsupportedImageError, match="inks other than CMYK"):
        decode(tiff(values, extratags=[(332, 3, 1, 2, True)], **options))
    assert (decode(tiff(values, extratags=[(332, 3, 1, 1, True)], **options)).pixels == 255).all()


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("deep", [np.uint8, np.uint16])
def test_several_grey_channels_are_not_shown_as_their_first(deep: Any, planes: bool, order: Any) -> None:
    options = {"photometric": "minisblack", "planarconfig": "separate" if planes else "contig", "byteorder": order}
    for bands, read in ((2, True), (3, False), (5, False)):
        values = np.stack([GREY.astype(deep) * (257 if deep is np.uint16 else 1)] * bands, axis=0 if planes else -1)
        if read:
            assert (decode(tiff(values, **options)).pixels == GREY[..., None]).all()
        else:
            with pytest.raises(UnsupportedImageError, match=f"{bands} grey channels, which does not say"):
                decode(tiff(values, **options))


def test_a_number_of_channels_that_no_picture_has_is_refused_before_they_are_read() -> None:
    data = tiff(np.zeros((3, 4, 5), np.float32), photometric="rgb", planarconfig="contig")
    samples = struct.pack("<HHI", 277, 3, 1)
    with pytest.raises(CorruptImageError, match="no room for 60000 channels"):
        decode(data.replace(samples + struct.pack("<I", 5), samples + struct.pack("<I", 60_000)))
    with pytest.raises(UnsupportedImageError, match="a TIFF of 40 channels"):
        decode(tiff(np.zeros((3, 4, 40), np.uint8), photometric="rgb", planarconfig="contig"))


def test_what_no_reader_here_can_is_unsupported_and_says_what_to_do() -> None:
    lab = bytearray(tiff(np.moveaxis(PHOTO, -1, 0), photometric="rgb", planarconfig="separate"))
    with Image.open(io.BytesIO(bytes(lab))) as image:
        assert image.size == (40, 30)
    at = lab.index(struct.pack("<HHIH", 262, 3, 1, 2))
    lab[at + 8] = 8
    with pytest.raises(UnsupportedImageError, match="CIELAB in planes"):
        decode(bytes(lab))


@pytest.mark.parametrize("loaded", [False, True])
def test_what_pillow_opened_and_misreads_is_refused_and_the_rest_is_not(loaded: bool) -> None:
    planes = np.moveaxis(PHOTO, -1, 0)
    deep: dict[str, Any] = {"photometric": "rgb", "planarconfig": "separate"}
    files = {
        tiff(planes.astype(np.uint16) * 257, **deep): False,
        tiff(GREY.astype(np.uint16) * 257, photometric="miniswhite"): False,
        tiff(planes.astype(np.uint16) * 257, compression="zlib", **deep): True,
        tiff(planes, **deep): True,
        tiff(GREY, photometric="miniswhite"): True,
    }
    for data, right in files.items():
        image = Image.open(io.BytesIO(data))
        if loaded:
            image.load()
        if right:
            assert np.abs(from_image(image).astype(int) - decode(data).pixels).max() <= 1
        else:
            with pytest.raises(UnsupportedImageError, match="Pillow misreads"):
                from_image(image)


def test_a_scan_with_white_at_zero_keeps_its_resolution() -> None:
    for values, options in (
        (GREY.astype(np.uint16) * 257, {"photometric": "miniswhite"}),
        (np.moveaxis(PHOTO, -1, 0).astype(np.uint16) * 257, {"photometric": "rgb", "planarconfig": "separate"}),
    ):
        data = tiff(values, resolution=(300, 300), resolutionunit="inch", **options)
        carried = decode(data, metadata=True).carried
        assert carried is not None
        assert carried.dpi == (300, 300)


def test_an_animated_jpeg_xl_is_refused_as_its_decoder_gives_the_last_frame() -> None:
    pytest.importorskip("pillow_jxl")
    # How a file of two frames of 64 x 48 px begins.
    data = bytes.fromhex("ff0a0f054d002026080401 00300b4b28a2ba45fa39b80ef2a5c2a0146e241414")
    with pytest.raises(UnsupportedImageError, match="animated JPEG XL"):
        decode(data)


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3)], ids=["grey", "RGB"])
def test_a_tiff_that_does_not_say_what_its_values_mean_is_refused(shape: tuple[int, ...]) -> None:
    data = bytearray(tiff(np.zeros(shape, np.uint8), photometric="rgb" if len(shape) == 3 else "minisblack"))
    entry = data.index(struct.pack("<HHI", 262, 3, 1))
    data[entry : entry + 2] = struct.pack("<H", 260)  # a tag of another meaning, in its place
    with pytest.raises(UnsupportedImageError, match="Photometric"):
        decode(bytes(data))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_grey_values_of_12_bits_are_not_taken_for_those_of_16(compression: str | None) -> None:
    deep = (GREY.astype(np.uint32) * 4095 // 255).astype(np.uint16)
    first, second = deep[:, ::2], deep[:, 1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype(np.uint8)
    data = tiff(packed.reshape(30, 60), photometric="minisblack", compression=compression)
    for tag, before, after in ((256, 60, 40), (258, 8, 12)):
        (kind,) = (kind for kind in (3, 4) if struct.pack("<HHII", tag, kind, 1, before) in data)
        data = data.replace(struct.pack("<HHII", tag, kind, 1, before), struct.pack("<HHII", tag, kind, 1, after))
    assert np.abs(decode(data).pixels[..., 1].astype(int) - GREY).max() <= 1
    with Image.open(io.BytesIO(data)) as image, pytest.raises(UnsupportedImageError, match="misreads"):
        from_image(image)


@pytest.mark.parametrize("scale", [1, 257])
def test_a_palette_of_8_bits_is_not_taken_for_one_of_16(scale: int) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (3, 256))
    data = tiff(GREY, photometric="palette", colormap=(colours * scale).astype(np.uint16))
    assert (decode(data).pixels == colours.T[GREY]).all()


@pytest.mark.parametrize(("unit", "across"), [(2, 300), (3, 300 / 2.54)], ids=["inch", "centimetre"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("deep", [np.float64(1 / 255), np.uint8(1)], ids=["floats", "8 bits"])
def test_what_a_tiff_says_of_its_photo_stays_where_pillow_cannot_open_it(
    deep: Any, big: bool, order: Any, unit: int, across: float
) -> None:
    extra = [(271, 2, 0, "Maker", True), (274, 3, 1, 6, True)]
    options: dict[str, Any] = {"resolution": (across, across / 2), "resolutionunit": unit, "extratags": extra}
    decoded = decode(tiff(PHOTO * deep, photometric="rgb", byteorder=order, bigtiff=big, **options), metadata=True)
    assert decoded.pixels.shape == (40, 30, 3)
    assert decoded.carried is not None
    assert decoded.carried.dpi == pytest.approx((150, 300), abs=0.1)
    block = Image.Exif()
    block.load(decoded.carried.exif or b"")
    assert block[271] == "Maker"


def without_adobes_marker(data: bytes) -> bytes:
    start = data.index(b"\xff\xee")
    return data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4], "big") :]


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_of_inks_that_does_not_say_which_way_round_is_refused(progressive: bool) -> None:
    data = saved(Image.fromarray(PHOTO).convert("CMYK"), "JPEG", progressive=progressive)
    untold = without_adobes_marker(data)
    decode(data)
    for read in (decode, header_size):
        with pytest.raises(UnsupportedImageError, match=r"without Adobe's marker.*save it as RGB first"):
            read(untold)
    with Image.open(io.BytesIO(untold)) as image, pytest.raises(UnsupportedImageError, match="without Adobe's marker"):
        from_image(image)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_without_inks_needs_no_marker(mode: str) -> None:
    data = saved(Image.fromarray(PHOTO).convert(mode), "JPEG")
    assert b"Adobe" not in data
    decode(data)


@pytest.mark.parametrize("bits", [8, 32])
def test_a_tiff_whose_first_page_is_a_thumbnail_is_refused(bits: int) -> None:
    file = io.BytesIO()
    page = PHOTO if bits == 8 else (PHOTO / 255).astype(np.float32)
    with tifffile.TiffWriter(file) as writer:
        writer.write(page[::2, ::2].copy(), subfiletype=1, photometric="rgb", metadata=None)
        writer.write(page, photometric="rgb", metadata=None)
    with pytest.raises(UnsupportedImageError, match=r"a thumbnail of another; save the other one alone"):
        decode(file.getvalue())


def test_a_page_that_says_so_alone_or_behind_the_picture_is_no_thumbnail() -> None:
    assert (decode(tiff(PHOTO, subfiletype=1)).pixels == PHOTO).all()
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(PHOTO, metadata=None)
        writer.write(PHOTO[::2, ::2].copy(), subfiletype=1, metadata=None)
    assert (decode(file.getvalue()).pixels == PHOTO).all()
    with Image.open(file) as image:
        image.seek(1)
        assert (from_image(image) == PHOTO[::2, ::2]).all()


def test_a_tiff_of_ycbcr_in_another_range_than_a_jpegs_is_unsupported() -> None:
    image = Image.fromarray(PHOTO).convert("YCbCr")
    assert np.abs(decode(saved(image, "TIFF")).pixels.astype(int) - PHOTO).max() <= 3
    data = saved(image, "TIFF", tiffinfo={532: (16, 235, 128, 240, 128, 240)})
    with pytest.raises(UnsupportedImageError, match="YCbCr of another range is not read; convert it to RGB"):
        decode(data)
    with Image.open(io.BytesIO(data)) as opened, pytest.raises(UnsupportedImageError, match="another range"):
        from_image(opened)
