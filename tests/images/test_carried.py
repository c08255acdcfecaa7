"""What a photo's file carried is in its result, in every format: EXIF and alpha."""

from __future__ import annotations

import io
import random
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylize.images import MadeBy, decode, encode
from stylize.images.exif import MAX_BYTES
from tests.support.image_files import PHOTO, SRGB, png_chunk, saved
from tests.support.samples import picture

MADE_BY = MadeBy("stylize 1 (compact)", '{"method": "compact"}')
FORMATS = ("jpg", "png", "webp")
CAMERA, GPS, INTEROPERABILITY = 0x8769, 0x8825, 0xA005
MAKER_NOTE = b"AOC\0MM\0\1" + bytes(range(200))


def phone_exif(**more: Any) -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[272], exif[305], exif[306] = "Maker", "Phone 7", "17.1", "2024:05:06 07:08:09"
    exif[33432] = "A. Person"
    exif[CAMERA] = {
        0x829A: 0.008, 0x927C: MAKER_NOTE, 0x9003: "2024:05:06 07:08:09", 0xA001: 65535, 0xA002: 4000, 0xA003: 3000,
        INTEROPERABILITY: {1: "R03"},
    }  # fmt: skip
    exif[GPS] = {1: "N", 2: (52.0, 31.0, 12.5)}
    for tag, value in more.items():
        exif[int(tag.removeprefix("tag"))] = value
    return exif


def with_thumbnail(block: bytes, thumbnail: bytes) -> bytes:
    """Return a block of Pillow's with a second directory that holds a thumbnail, as cameras write it."""
    data = bytearray(block)
    order, end = end_of_first(block)
    struct.pack_into(order + "I", data, end, len(data) - 6)
    start = len(data) - 6 + 2 + 24 + 4
    data += struct.pack(order + "HHHIIHHIII", 2, 513, 4, 1, start, 514, 4, 1, len(thumbnail), 0) + thumbnail
    return bytes(data)


def end_of_first(block: bytes) -> tuple[str, int]:
    """Return a block's byte order, and where it says at which offset its second directory stands."""
    order = "<" if block[6:8] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", block, 10)
    (entries,) = struct.unpack_from(order + "H", block, 6 + first)
    return order, 6 + first + 2 + 12 * entries


def next_directory(block: bytes) -> int:
    order, end = end_of_first(block)
    offset: int = struct.unpack_from(order + "I", block, end)[0]
    return offset


def result_of(data: bytes, format: str, made_by: MadeBy | None = MADE_BY, **options: Any) -> Image.Image:
    """Return the opened result of a photo whose pixels stay as they are."""
    decoded = decode(data, metadata=True, alpha=True, **options)
    return Image.open(io.BytesIO(encode(decoded.pixels, format, 95, carried=decoded.carried, made_by=made_by)))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("photo", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_stays_but_what_is_no_longer_true(photo: str, format: str) -> None:
    data = saved(Image.fromarray(picture(3, 120, 90)), photo, exif=phone_exif(tag274=6).tobytes())
    exif = result_of(data, format, long_side_px=60).getexif()
    assert (exif[271], exif[272], exif[33432]) == ("Maker", "Phone 7", "A. Person")
    assert exif.get(274, 1) == 1
    camera, place = exif.get_ifd(CAMERA), exif.get_ifd(GPS)
    assert (camera[0x9003], camera[0x927C]) == ("2024:05:06 07:08:09", MAKER_NOTE)
    assert float(camera[0x829A]) == pytest.approx(0.008)
    assert (camera[0xA002], camera[0xA003], camera[0xA001]) == (45, 60, 1)
    assert INTEROPERABILITY not in camera
    assert place[1] == "N"
    assert [float(part) for part in place[2]] == [52.0, 31.0, 12.5]
    assert exif[305] == MADE_BY.software


@pytest.mark.parametrize("format", FORMATS)
def test_makers_notes_stay_where_their_own_offsets_count_from(format: str) -> None:
    data = saved(Image.fromarray(PHOTO), "JPEG", exif=phone_exif())
    before = decode(data, metadata=True).carried
    assert before is not None
    assert before.exif is not None
    after = result_of(data, format).info["exif"].removeprefix(b"Exif\0\0")
    assert after.index(MAKER_NOTE) == before.exif.removeprefix(b"Exif\0\0").index(MAKER_NOTE)


@pytest.mark.parametrize("format", FORMATS)
def test_the_thumbnail_is_gone(format: str) -> None:
    thumbnail = saved(Image.fromarray(picture(9, 160, 120)), "JPEG")
    data = saved(Image.fromarray(PHOTO), "JPEG", exif=with_thumbnail(phone_exif().tobytes(), thumbnail))
    assert thumbnail in data
    assert next_directory(data[data.index(b"Exif") :]) > 0
    result = result_of(data, format)
    block = result.info["exif"]
    assert next_directory(block if block.startswith(b"Exif") else b"Exif\0\0" + block) == 0
    assert thumbnail[200:400] not in block
    assert result.getexif()[272] == "Phone 7"


def test_a_thumbnail_between_values_is_blanked() -> None:
    thumbnail = saved(Image.fromarray(picture(9, 160, 120)), "JPEG")
    block = bytearray(with_thumbnail(phone_exif().tobytes(), thumbnail))
    order, _ = end_of_first(bytes(block))
    # The last of the first directory's values, behind the thumbnail instead.
    entry = block.index(struct.pack(order + "HHI", 33432, 2, 10)) + 8
    struct.pack_into(order + "I", block, entry, len(block) - 6)
    block += b"B. Person\0"
    result = result_of(saved(Image.fromarray(PHOTO), "JPEG", exif=bytes(block)), "jpg")
    assert result.getexif()[33432] == "B. Person"
    assert thumbnail[200:400] not in result.info["exif"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_result_says_what_made_it_though_the_photo_says_nothing(format: str) -> None:
    result = result_of(saved(Image.fromarray(PHOTO), "PNG"), format)
    exif = result.getexif()
    assert exif[305] == MADE_BY.software
    assert exif.get_ifd(CAMERA)[0x9286] == b"ASCII\0\0\0" + MADE_BY.details.encode()
    if format == "png":
        assert (result.info["Software"], result.info["Comment"]) == MADE_BY


def test_the_photos_own_words_are_not_written_over() -> None:
    comment = b"ASCII\0\0\0on holiday"
    exif = phone_exif(tag270="")
    exif[CAMERA] = {**exif[CAMERA], 0x9286: comment}
    described = result_of(saved(Image.fromarray(PHOTO), "JPEG", exif=exif), "jpg").getexif()
    assert described.get_ifd(CAMERA)[0x9286] == comment
    assert described[270] == MADE_BY.details
    exif[270] = "the sea"
    both = result_of(saved(Image.fromarray(PHOTO), "JPEG", exif=exif), "jpg").getexif()
    assert (both[270], both.get_ifd(CAMERA)[0x9286], both[305]) == ("the sea", comment, MADE_BY.software)


@pytest.mark.parametrize("format", ["png", "webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_alpha_is_scaled_and_turned_as_the_pixels_are(format: str, orientation: int) -> None:
    alpha = np.zeros((90, 120), np.uint8)
    alpha[:, :60] = 255
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(Image.fromarray(np.dstack([picture(3, 120, 90), alpha])), "PNG", exif=exif)
    result = np.asarray(result_of(data, format, long_side_px=60))
    expected = alpha[::2, ::2] if orientation == 1 else np.rot90(alpha[::2, ::2], -1)
    assert result.shape == (*expected.shape, 4)
    assert np.abs(result[..., 3].astype(int) - expected).mean() < 3


@pytest.mark.parametrize("mode", ["LA", "P", "PA", "L"])
def test_every_kind_of_transparency_becomes_alpha(mode: str) -> None:
    options: dict[str, Any] = {}
    if mode == "LA":
        image = Image.merge("LA", (Image.new("L", (8, 8), 90), Image.new("L", (8, 8), 128)))
    elif mode == "PA":
        image = Image.merge("RGBA", [Image.new("L", (8, 8), 128)] * 4).quantize(4)
    else:
        image, options = Image.new(mode, (8, 8), 3), {"transparency": 3}
        if mode == "P":
            image.putpalette(bytes(range(24)))
    result = result_of(saved(image, "PNG", **options), "png")
    assert result.mode == "RGBA"
    assert result.getchannel("A").getextrema() == ((0, 0) if options else (128, 128))


def test_a_large_photos_alpha_is_scaled_in_bands_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 200, 4), np.uint8)
    data = saved(Image.fromarray(noise), "PNG")
    whole = decode(data, long_side_px=20, alpha=True).carried
    monkeypatch.setattr("stylize.images.pixels.BAND_PIXELS", 5000)
    banded = decode(data, long_side_px=20, alpha=True).carried
    assert whole is not None
    assert banded is not None
    assert np.array_equal(whole.alpha, banded.alpha)  # type: ignore[arg-type]


def test_an_alpha_that_hides_nothing_and_jpegs_are_written_without() -> None:
    opaque = saved(Image.fromarray(PHOTO).convert("RGBA"), "PNG")
    clear = saved(Image.fromarray(np.dstack([PHOTO, PHOTO[..., 0]])), "PNG")
    assert result_of(opaque, "png").mode == result_of(clear, "jpg").mode == "RGB"


@pytest.mark.parametrize("format", FORMATS)
def test_the_photos_colour_profile_is_not_copied(format: str) -> None:
    assert "icc_profile" not in result_of(saved(Image.fromarray(PHOTO), "JPEG", icc_profile=SRGB), format).info


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "block", [b"", b"II*\0", b"not EXIF at all", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", bytes(64)]
)
def test_a_damaged_block_is_left_out(format: str, block: bytes) -> None:
    data = saved(Image.fromarray(PHOTO), "JPEG", exif=b"Exif\0\0" + block)
    exif = result_of(data, format).getexif()
    assert exif[305] == MADE_BY.software
    assert set(exif) <= {305, CAMERA, 282, 283, 296}


def test_a_value_outside_of_its_block_is_left_out_alone() -> None:
    block = bytearray(phone_exif().tobytes().removeprefix(b"Exif\0\0"))
    del block[block.index(b"A. Person") + 4 :]
    exif = result_of(saved(Image.fromarray(PHOTO), "JPEG", exif=b"Exif\0\0" + bytes(block)), "jpg").getexif()
    assert 33432 not in exif
    assert exif[272] == "Phone 7"


@pytest.mark.parametrize("format", FORMATS)
def test_a_block_too_large_for_a_segment_is_left_out(format: str) -> None:
    exif = phone_exif()
    exif[CAMERA] = {**exif[CAMERA], 0x927C: bytes(MAX_BYTES)}
    result = result_of(saved(Image.fromarray(PHOTO), "PNG", exif=exif), format).getexif()
    assert 272 not in result
    assert result[305] == MADE_BY.software


def test_no_damage_costs_a_result() -> None:
    whole = with_thumbnail(phone_exif(tag274=6).tobytes(), saved(Image.fromarray(PHOTO), "JPEG"))
    dice = random.Random(7)
    for _ in range(100):
        block = bytearray(whole)
        for _ in range(dice.randint(1, 12)):
            block[dice.randrange(6, 400)] = dice.choice((0, 1, 255, dice.randrange(256)))
        photo = png_with(bytes(block[6:]))
        for format in FORMATS:
            assert result_of(photo, format).getexif()[305] == MADE_BY.software


def png_with(block: bytes) -> bytes:
    """Return a small PNG with any bytes as its EXIF."""
    bare = saved(Image.fromarray(PHOTO[:8, :8]), "PNG")
    return bare[:33] + png_chunk(b"eXIf", block) + bare[33:]


@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_imagemagicks_exif_in_a_png_counts(name: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    block, text = phone_exif().tobytes(), PngInfo()
    text.add_text(f"Raw profile type {name}", f"\n{name}\n{len(block):8}\n{block.hex()}\n", zip=True)
    assert result_of(saved(Image.fromarray(PHOTO), "PNG", pnginfo=text), "jpg").getexif()[272] == "Phone 7"


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_not_asked_for_is_not_carried(format: str) -> None:
    clear = np.dstack([PHOTO, PHOTO[..., 0]])
    data = saved(Image.fromarray(clear), "PNG", exif=phone_exif(), dpi=(300, 300))
    decoded = decode(data)
    assert decoded.carried is None
    with Image.open(io.BytesIO(encode(decoded.pixels, format, 95))) as result:
        assert result.mode == "RGB"
        assert not result.getexif()
        assert not {"exif", "dpi", "Software"} & set(result.info)


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_arguments_give_the_same_bytes(format: str) -> None:
    decoded = decode(saved(Image.fromarray(PHOTO), "JPEG", exif=phone_exif(), dpi=(300, 300)), metadata=True)
    once, again = (encode(decoded.pixels, format, 95, carried=decoded.carried, made_by=MADE_BY) for _ in range(2))
    assert once == again
