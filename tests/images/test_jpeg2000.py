"""JPEG 2000 files of which Pillow passes over what they say of their colours and channels."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from stylize.errors import UnsupportedImageError
from stylize.images import decode, encode, from_image, header_size
from tests.support.image_files import red_and_blue_swapped, saved
from tests.support.samples import picture

PHOTO = picture(1, 40, 30)


def with_profile(data: bytes, profile: bytes) -> bytes:
    """A JPEG 2000 file whose box of colours holds a profile in place of a number."""
    start = data.index(b"colr") - 4
    old = int.from_bytes(data[start : start + 4], "big")
    box = struct.pack(">I4sBBB", 11 + len(profile), b"colr", 2, 0, 0) + profile
    head = data.index(b"jp2h") - 4
    length = int.from_bytes(data[head : head + 4], "big") + len(box) - old
    return data[:head] + length.to_bytes(4, "big") + data[head + 4 : start] + box + data[start + old :]


def test_a_profile_in_jpeg_2000_counts() -> None:
    data = with_profile(saved(Image.fromarray(PHOTO), "JPEG2000"), red_and_blue_swapped())
    pixels = decode(data).pixels
    wanted = decode(saved(Image.fromarray(PHOTO), "PNG", icc_profile=red_and_blue_swapped())).pixels
    assert np.abs(pixels.astype(int) - wanted).max() <= 3
    assert np.abs(pixels.astype(int) - PHOTO).max() > 20
    with Image.open(io.BytesIO(data)) as image:
        assert (from_image(image) == pixels).all()


@pytest.mark.parametrize(
    ("order", "definition", "alpha"),
    [
        ("BGRA", [(0, 0, 3), (1, 0, 2), (2, 0, 1), (3, 1, 0)], True),
        ("ARGB", [(0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3)], True),
        ("RGBA", [(0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 65535, 65535)], False),  # such as infrared
        ("RGBA", [(0, 0, 9), (1, 0, 2), (2, 0, 3), (3, 1, 0)], True),  # without sense
    ],
)  # fmt: skip
def test_channels_of_jpeg_2000_are_as_its_file_defines_them(
    order: str, definition: list[tuple[int, ...]], alpha: bool
) -> None:
    planes = dict(zip("RGB", np.moveaxis(PHOTO, 2, 0), strict=True)) | {"A": np.full(PHOTO.shape[:2], 255, np.uint8)}
    planes["A"][0, 0] = 0
    data = bytearray(saved(Image.merge("RGBA", [Image.fromarray(planes[name]) for name in order]), "JPEG2000"))
    at = data.index(b"cdef") + 6
    data[at : at + 24] = b"".join(struct.pack(">HHH", *entry) for entry in definition)
    for cut in (data, data[:-2]):
        pixels = decode(bytes(cut)).pixels
        assert (pixels[1:] == PHOTO[1:]).all()
        assert pixels[0, 0].tolist() == ([255, 255, 255] if alpha else PHOTO[0, 0].tolist())
    with Image.open(io.BytesIO(data)) as image:
        assert (from_image(image) == pixels).all()


def test_the_brightest_of_few_bits_in_jpeg_2000_is_white() -> None:
    levels = np.tile(np.arange(16, dtype=np.uint8), (4, 4))
    data = saved(Image.fromarray(levels + 120), "JPEG2000")  # as far from the middle of 8 bits as of 4
    start = data.index(b"\xff\x4f\xff\x51") + 42
    assert (decode(data[:start] + b"\3" + data[start + 1 :]).pixels[..., 0] == levels * 17).all()


@pytest.mark.parametrize(("number", "name"), [(24, "e-sYCC"), (14, "CIELab"), (21, "ROMM-RGB")])
def test_colours_that_jpeg_2000_names_and_nobody_here_knows_are_unsupported(number: int, name: str) -> None:
    data = bytearray(saved(Image.fromarray(PHOTO), "JPEG2000"))
    at = data.index(b"colr") + 7
    data[at : at + 4] = struct.pack(">I", number)
    with pytest.raises(UnsupportedImageError, match=f"in colours of {name}"):
        decode(bytes(data))
    with Image.open(io.BytesIO(data)) as image, pytest.raises(UnsupportedImageError, match=name):
        from_image(image)


def test_a_jpeg_2000_of_more_channels_than_four_is_unsupported() -> None:
    data = bytearray(saved(Image.fromarray(PHOTO), "JPEG2000", no_jp2=True))
    data[40:42] = struct.pack(">H", 5)
    for read in (decode, header_size):
        with pytest.raises(UnsupportedImageError, match="5 channels"):
            read(bytes(data))


@pytest.mark.parametrize("no_jp2", [False, True])
def test_deep_colours_in_jpeg_2000_are_refused_and_deep_grey_is_not(no_jp2: bool) -> None:
    data = bytearray(saved(Image.fromarray(PHOTO), "JPEG2000", no_jp2=no_jp2))
    at = data.index(b"\xff\x4f\xff\x51") + 42
    data[at : at + 9 : 3] = bytes([11] * 3)
    with pytest.raises(UnsupportedImageError, match="colours of 12 bits"):
        decode(bytes(data))
    with Image.open(io.BytesIO(bytes(data))) as image:
        for _ in range(2):
            with pytest.raises(UnsupportedImageError, match="colours of 12 bits"):
                from_image(image)
    deep = saved(Image.fromarray(PHOTO[..., 0].astype(np.uint16) * 257), "JPEG2000", no_jp2=no_jp2)
    assert (decode(deep).pixels == PHOTO[..., 0][..., None]).all()


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_exif_in_a_jpeg_2000s_box_goes_into_the_result_and_turns_nothing(format: str) -> None:
    exif = Image.Exif()
    exif[315], exif[274] = "A. Person", 6
    held = b"JpgTiffExif->JP2" + exif.tobytes().removeprefix(b"Exif\0\0")
    data = saved(Image.fromarray(PHOTO), "JPEG2000") + struct.pack(">I4s", 8 + len(held), b"uuid") + held
    decoded = decode(data, metadata=True)
    assert decoded.pixels.shape == PHOTO.shape
    with Image.open(io.BytesIO(encode(decoded.pixels, format, 95, carried=decoded.carried))) as result:
        assert (result.getexif()[315], result.getexif()[274]) == ("A. Person", 1)
