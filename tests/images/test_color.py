"""Colours come out in sRGB."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from stylize.errors import UnsupportedImageError
from stylize.images import Pixels, decode, from_image, heif
from tests.support.image_files import PHOTO, SRGB, box, in_linear_light, png_chunk, red_and_blue_swapped, saved


def by_python(data: bytes) -> Pixels:
    """Return the pixels of a file that Pillow opened, which are the same when it is loaded."""
    with Image.open(io.BytesIO(data)) as image:
        first = from_image(image)
        assert (from_image(image) == first).all()
    return first


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(format: str) -> None:
    # Pillow writes a CMYK JPEG as Adobe does: with its marker, and inverted.
    data = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), format)
    assert (b"Adobe" in data) == (format == "JPEG")
    pixel = decode(data).pixels[8, 8].astype(int)
    assert pixel[0] > 200
    assert pixel[1:].max() < 60


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_a_foreign_colour_profile_is_converted_whatever_its_name(mode: str) -> None:
    red = Image.new("RGB", (8, 8), "red").convert(mode)
    pixels = decode(saved(red, "PNG", icc_profile=red_and_blue_swapped())).pixels
    assert np.abs(pixels.astype(int) - (0, 0, 255)).max() <= 2


@pytest.mark.parametrize("kind", ["sRGB", "LAB", "XYZ", "broken", "empty"])
def test_an_srgb_profile_or_one_that_cannot_be_the_images_changes_nothing(kind: str) -> None:
    made = {"sRGB": SRGB, "broken": b"no profile at all", "empty": b""}
    profile = made[kind] if kind in made else ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes()  # type: ignore[arg-type]
    data = saved(Image.fromarray(PHOTO), "PNG", icc_profile=profile)
    assert (decode(data).pixels == PHOTO).all()


@pytest.mark.parametrize("share", [0.97, 0.995])
def test_a_profile_that_is_only_near_srgb_is_converted(share: float) -> None:
    profile = bytearray(SRGB)
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    (red,) = struct.unpack_from(">I", profile, tags[b"rXYZ"] + 4)
    (x,) = struct.unpack_from(">i", profile, red + 8)
    struct.pack_into(">i", profile, red + 8, round(share * x))
    pixel = decode(saved(Image.new("RGB", (8, 8), (200, 100, 100)), "PNG", icc_profile=bytes(profile))).pixels[0, 0]
    assert pixel[0] < 200
    assert np.abs(pixel.astype(int) - (200, 100, 100)).max() < 40


def with_v5_header(data: bytes, profile: bytes, kind: bytes = b"DEBM") -> bytes:
    """A BMP file of Pillow's with the longest header, which embeds a profile behind the pixels."""
    header, pixels = data[14:54], data[54:]
    header = struct.pack("<I", 124) + header[4:] + bytes(16) + kind + bytes(36 + 12)
    header += struct.pack("<4I", 4, 124 + len(pixels), len(profile), 0)
    body = header + pixels + profile
    return data[:2] + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + 124) + body


@pytest.mark.parametrize("start", [0, 14], ids=["BMP", "DIB"])
def test_a_profile_that_a_bmp_embeds_is_converted(start: int) -> None:
    data = with_v5_header(saved(Image.new("RGB", (8, 8), "red"), "BMP"), red_and_blue_swapped())
    assert np.abs(decode(data[start:]).pixels.astype(int) - (0, 0, 255)).max() <= 2
    assert (by_python(data[start:]) == decode(data[start:]).pixels).all()


@pytest.mark.parametrize(
    ("kind", "profile"),
    [(b"BGRs", red_and_blue_swapped()), (b"KNIL", b"C:\\a.icc\0"), (b"DEBM", b""), (b"DEBM", b"no")],
    ids=["sRGB", "linked", "empty", "no profile"],
)
def test_a_bmp_that_embeds_no_profile_stays_as_it_is(kind: bytes, profile: bytes) -> None:
    data = with_v5_header(saved(Image.fromarray(PHOTO), "BMP"), profile, kind)
    assert (decode(data).pixels == PHOTO).all()


def test_a_grey_images_own_profile_is_converted() -> None:
    header = struct.pack(">II4s4s4s4s", 0, 0x02100000, b"", b"mntr", b"GRAY", b"XYZ ") + bytes(12) + b"acsp"
    white = struct.pack(">4s4x3i", b"XYZ ", *(round(65_536 * value) for value in (0.9642, 1, 0.8249)))
    tags = (b"wtpt", white), (b"kTRC", b"curv" + bytes(8))  # a curve of no points: linear light
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags:
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(value))
        body += value
    profile = header.ljust(128, b"\0") + table + body
    profile = struct.pack(">I", len(profile)) + profile[4:]
    pixel = decode(saved(Image.new("L", (8, 8), 55), "PNG", icc_profile=profile)).pixels[4, 4]
    assert np.abs(pixel.astype(int) - 128).max() <= 1  # sRGB's middle has 55 of 255 of the light


@pytest.mark.parametrize(("format", "mode"), [("JPEG", "L"), ("PNG", "L"), ("PNG", "LA"), ("TIFF", "L"), ("WEBP", "L")])
def test_a_profile_of_colours_counts_for_grey_as_for_colours(format: str, mode: str) -> None:
    data = saved(Image.new("L", (8, 8), 55).convert(mode), format, icc_profile=in_linear_light())
    pixel = decode(data).pixels[4, 4]
    assert np.abs(pixel.astype(int) - 128).max() <= 1  # sRGB's middle has 55 of 255 of the light
    assert (by_python(data) == decode(data).pixels).all()


def expected_from(primaries: str, rgb: tuple[float, ...]) -> list[int]:
    """Return 8-bit sRGB of a colour in another space, by published matrices from linear to linear."""
    matrices = {
        "Display P3": [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0196, -0.0786, 1.0979]],
        "PAL": [[1.0440, -0.0440, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0118, 0.9882]],
        "SMPTE 170M": [[0.9395, 0.0502, 0.0103], [0.0178, 0.9658, 0.0164], [-0.0016, -0.0044, 1.0060]],
        "BT.2020": [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    }
    linear = np.array([((v + 0.055) / 1.055) ** 2.4 if v > 0.04045 else v / 12.92 for v in rgb])
    out = (np.array(matrices[primaries]) @ linear).clip(0, 1)
    return [round(255 * (1.055 * v ** (1 / 2.4) - 0.055 if v > 0.0031308 else 12.92 * v)) for v in out]


COLOUR = (0.8, 0.4, 0.3)
FLAT = Image.new("RGB", (64, 64), tuple(round(255 * value) for value in COLOUR))


def png_with_cicp(primaries: int, transfer: int, image: Image.Image = FLAT, **options: object) -> bytes:
    data = saved(image, "PNG", **options)
    at = data.index(b"IDAT") - 4
    return data[:at] + png_chunk(b"cICP", bytes([primaries, transfer, 0, 1])) + data[at:]


def heif_with_nclx(format: str, primaries: int, transfer: int) -> bytes:
    """Return a file whose main picture signals colour as HEIF does: Pillow and pillow-heif write an `nclx` of sRGB."""
    if format == "AVIF":
        data = saved(FLAT, "AVIF", quality=100, subsampling="4:4:4")
    else:
        file = io.BytesIO()
        pytest.importorskip("pillow_heif").from_pillow(FLAT).save(file, quality=-1, chroma=444)
        data = file.getvalue()
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def signalling(format: str, primaries: int, transfer: int) -> bytes:
    if format == "PNG":
        return png_with_cicp(primaries, transfer)
    return heif_with_nclx(format, primaries, transfer)


@pytest.mark.parametrize(("primaries", "name"), [(12, "Display P3"), (9, "BT.2020")])
@pytest.mark.parametrize("format", ["PNG", "HEIF", "AVIF"])
def test_signalled_primaries_are_converted(format: str, primaries: int, name: str) -> None:
    data = signalling(format, primaries, 13)
    pixels = decode(data).pixels
    assert np.abs(pixels[32, 32].astype(int) - expected_from(name, COLOUR)).max() <= 3
    if format != "HEIF":  # which Pillow opens by a plugin alone
        assert (by_python(data) == pixels).all()


@pytest.mark.parametrize("format", ["PNG", "HEIF", "AVIF"])
def test_signalled_srgb_and_unspecified_change_nothing(format: str) -> None:
    for primaries, transfer in ((1, 13), (1, 1), (2, 2)):
        pixel = decode(signalling(format, primaries, transfer)).pixels[32, 32].astype(int)
        assert np.abs(pixel - FLAT.getpixel((0, 0))).max() <= 2


def test_a_heif_that_pillow_opened_by_its_plugin_has_the_same_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = pytest.importorskip("pi_heif.as_plugin")
    for primaries in (1, 9, 12):
        data = heif_with_nclx("HEIF", primaries, 13)
        assert (from_image(plugin.HeifImageFile(io.BytesIO(data), "")) == decode(data).pixels).all()


def test_signalled_linear_light_is_converted() -> None:
    # 204, 102 and 76 of linear light.
    assert decode(png_with_cicp(1, 8)).pixels[0, 0].tolist() == [231, 170, 148]


@pytest.mark.parametrize("colour", [(200, 40, 60), (77, 102, 204), (255, 0, 0), (0, 0, 255)])
@pytest.mark.parametrize(("primaries", "name"), [(5, "PAL"), (6, "SMPTE 170M"), (9, "BT.2020"), (12, "Display P3")])
def test_saturated_colours_are_the_nearest_that_srgb_has(
    primaries: int, name: str, colour: tuple[int, int, int]
) -> None:
    pixel = decode(png_with_cicp(primaries, 13, Image.new("RGB", (8, 8), colour))).pixels[4, 4]
    expected = expected_from(name, tuple(value / 255 for value in colour))
    assert np.abs(pixel.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("primaries", "transfer", "expected"),
    # sRGB's formula of (204/255) ** 2.8 and so on; the greenish white of cinemas, adapted by Bradford's matrix.
    [(1, 5, [193, 78, 52]), (11, 13, [215, 95, 68])],
)
def test_what_is_seldom_signalled_is_converted_too(primaries: int, transfer: int, expected: list[int]) -> None:
    assert decode(png_with_cicp(primaries, transfer)).pixels[0, 0].tolist() == expected


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize("format", ["PNG", "HEIF", "AVIF"])
def test_high_dynamic_range_is_unsupported_and_named(format: str, transfer: int, name: str) -> None:
    with pytest.raises(UnsupportedImageError, match=name):
        decode(signalling(format, 9, transfer))


def test_an_unknown_signal_is_said_not_ignored() -> None:
    with pytest.raises(UnsupportedImageError, match="primaries 22"):
        decode(png_with_cicp(22, 13))


def with_chunks(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG with more chunks behind its header."""
    at = 8 + 25
    return data[:at] + b"".join(png_chunk(*one) for one in chunks) + data[at:]


def test_a_pngs_signal_counts_before_its_profile() -> None:
    both = decode(png_with_cicp(1, 13, icc_profile=red_and_blue_swapped())).pixels[0, 0]
    assert both.tolist() == list(np.asarray(FLAT)[0, 0])


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_signalled_transfer_counts_for_grey_as_for_colours(mode: str) -> None:
    grey = Image.new("L", (8, 8), 102)
    deep = Image.fromarray(np.full((8, 8), 102 * 257, np.uint16))
    for chunk in ((b"cICP", bytes([12, 8, 0, 1])), (b"gAMA", struct.pack(">I", 100_000))):
        data = with_chunks(saved(deep if mode == "I;16" else grey.convert(mode), "PNG"), chunk)
        assert decode(data).pixels[0, 0].tolist() == [170] * 3
        colours = with_chunks(saved(grey.convert("RGB"), "PNG"), chunk)
        assert (decode(data).pixels == decode(colours).pixels).all()


P3_CORNERS = (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
LINEAR = (b"gAMA", struct.pack(">I", 100_000))
NO_LIGHTS = (b"cHRM", struct.pack(">8I", 31270, 32900, *[33000] * 6))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([P3_CORNERS], expected_from("Display P3", COLOUR)),
        ([P3_CORNERS, (b"gAMA", struct.pack(">I", 45_455))], expected_from("Display P3", COLOUR)),
        ([LINEAR], [231, 170, 148]),
        # An old Mac's: the formula of (204/255) ** 1.8 and so on.
        ([(b"gAMA", struct.pack(">I", 55_556))], [214, 121, 94]),
        *(([(b"gAMA", struct.pack(">I", gamma))], [204, 102, 76]) for gamma in (0, 45_455)),
        ([NO_LIGHTS], [204, 102, 76]),
        ([(b"sRGB", b"\0"), P3_CORNERS, LINEAR], [204, 102, 76]),
        ([(b"cICP", bytes([1, 13, 0, 1])), P3_CORNERS, LINEAR], [204, 102, 76]),
        ([(b"cICP", bytes([1, 13, 0, 0]))], [219, 100, 70]),  # (204 - 16) * 255 / 219 and so on
    ],
)
def test_a_pngs_gamma_and_chromaticities_count_as_browsers_show_them(
    chunks: list[tuple[bytes, bytes]], expected: list[int]
) -> None:
    data = with_chunks(saved(FLAT, "PNG"), *chunks)
    assert np.abs(decode(data).pixels[0, 0].astype(int) - expected).max() <= 2
    # A bad checksum of what does not matter changes nothing.
    damaged = with_chunks(data, (b"tEXt", b"Comment\0of no use")).replace(b"of no use", b"of no Use")
    assert (decode(damaged).pixels == decode(data).pixels).all()
    assert (by_python(data) == decode(data).pixels).all()


def test_a_profile_counts_before_gamma_and_chromaticities() -> None:
    data = with_chunks(saved(FLAT, "PNG", icc_profile=SRGB), P3_CORNERS, LINEAR)
    assert decode(data).pixels[0, 0].tolist() == [204, 102, 76]


@pytest.mark.parametrize(
    ("index", "space", "shown"), [("R03", 65535, (231, 102, 73)), ("R98", 65535, None), ("R03", 1, None)]
)
def test_adobe_rgb_that_exif_alone_says_is_converted(index: str, space: int, shown: tuple[int, ...] | None) -> None:
    exif = Image.Exif()
    exif[0x8769] = {0xA001: space, 0xA005: {1: index}}
    options: dict[str, Any] = {"quality": 100, "subsampling": 0, "exif": exif}
    data = saved(FLAT, "JPEG", **options)
    pixels = decode(data).pixels
    assert np.abs(pixels[32, 32].astype(int) - (shown or (204, 102, 76))).max() <= 2
    assert (by_python(data) == pixels).all()
    profiled = decode(saved(FLAT, "JPEG", icc_profile=SRGB, **options)).pixels
    assert np.abs(profiled[32, 32].astype(int) - (204, 102, 76)).max() <= 2


def test_lab_becomes_rgb() -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.fromarray(PHOTO), to_lab)
    assert lab is not None
    assert np.abs(decode(saved(lab, "TIFF")).pixels.astype(int) - PHOTO).mean() < 4


def test_of_several_pictures_in_a_heif_the_main_ones_signal_counts_or_its_tiles() -> None:
    colours = [box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, 13, 1, 128)) for primaries in (9, 12)]
    # The first picture has the first property, the second has both a size and the last.
    owned = struct.pack(">II", 0, 2) + struct.pack(">HBB", 1, 1, 1) + struct.pack(">HBBB", 7, 2, 2, 3)
    properties = box(b"ipco", colours[0] + box(b"ispe", bytes(12)) + colours[1]) + box(b"ipma", owned)
    tiles = box(b"iref", bytes(4) + box(b"dimg", struct.pack(">3H", 5, 1, 7)))
    for main, primaries in ((1, 9), (7, 12), (5, 12)):
        meta = bytes(4) + box(b"pitm", struct.pack(">IH", 0, main)) + tiles + box(b"iprp", properties)
        assert heif.signal(box(b"ftyp", b"heic") + box(b"meta", meta)) == (primaries, 13, False)
